/* watch.h - makes new files live by themselves: those of a folder, or what a trainer puts in the
 * place of a file.
 *
 * The folder is looked at four times a second rather than by inotify, which tells nothing of what
 * another machine does to a shared disk.  A file counts once it has not changed from one look to
 * the next, so that one that is copied is not read half way; those that are renamed into place are
 * whole anyway, and only they may take the place of a file that is in use.
 */
#ifndef SRV_MODELS_WATCH_H
#define SRV_MODELS_WATCH_H

#include "serve/models/keeper.h"

typedef struct srv_watch srv_watch;

/* Watches path for new versions of the model `name` (NULL: the first): a folder, whose files *.gguf
 * count, or a file that need not be there yet.  What is there already is not new.  The newest of
 * several is loaded.  One that could not be is refused once, with a line in the log; where only
 * memory was short it is tried again after a minute.  Call srv_keeper_close before srv_watch_close.
 * SK_E_NOMEM. */
sk_status srv_watch_open(struct event_base *base, srv_keeper *k, const char *name, const char *path,
                         srv_watch **out, sk_err *e);

/* NULL is allowed. */
void srv_watch_close(srv_watch *w);

/* Looks now, as the timer does. */
void srv_watch_look(srv_watch *w);

#endif
