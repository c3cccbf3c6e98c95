/* behind.h - responses that are made in the background: who asked for one need not wait, and may
 * come back to see how far it is, to hear its events from any of them on, or to end it.  All on the
 * I/O thread, but for making one.
 */
#ifndef SRV_API_BEHIND_H
#define SRV_API_BEHIND_H

#include "serve/api/ask.h"

typedef struct srv_behind srv_behind;

/* What an ask has besides that is to go on without a client; NULL without memory.  Any thread. */
srv_behind *srv_behind_new(void);

/* Frees it; whoever listens hears no more.  NULL is allowed. */
void srv_behind_free(srv_behind *b);

/* Its ask is submitted: it can be found from now on. */
void srv_behind_begin(srv_behind *b, srv_ask *a);

/* The ask of an id that is under way in the background, if `key` asked for it; NULL otherwise. */
srv_ask *srv_behind_find(const srv_api *api, const char *id, uint32_t key);

/* Has r hear all events after number `after` (-1: all), those that came included.  Takes r.
 * SRV_UNSUPPORTED where they were too many to be kept. */
sk_status srv_behind_follow(srv_behind *b, srv_req *r, int64_t after, srv_fault *f);

/* Further events, numbered on from those before. */
void srv_behind_tell(srv_behind *b, const sk_buf *sse);

/* Says to those who have heard all that more may come. */
void srv_behind_ping(srv_behind *b);

/* That was the last one: ends the streams of those who listen.  What was told moves to *log, which
 * is empty where it was too much to be kept. */
void srv_behind_end(srv_behind *b, sk_buf *log);

/* Where in a log the events behind number `after` begin. */
size_t srv_behind_skip(const sk_buf *log, int64_t after);

#endif
