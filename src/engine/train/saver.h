/* saver.h - checkpoints written while training goes on.
 *
 * A thread of its own writes.  Nothing is copied at first: between two updates the state does not
 * change, and most checkpoints are in the system's hands before the next update.  eng_saver_settle,
 * called before every change of the state, copies what the thread has not come to yet; so the
 * training thread waits for a memory copy at most; where the copy would not fit into what the run
 * may take (eng_saver_limit), for the rest of the write.
 */
#ifndef ENG_TRAIN_SAVER_H
#define ENG_TRAIN_SAVER_H

#include "base/json.h"
#include "engine/train/ckptdir.h"
#include "engine/train/lease.h"
#include "engine/train/trainstate.h"

typedef struct eng_saver eng_saver;

/* Takes the lease of folder `out`, whose lock the caller holds, and starts the thread. */
sk_status eng_saver_open(const char *out, eng_saver **out_saver, sk_err *e);

/* Waits for the checkpoint that is being written, ends the thread; NULL is allowed.  What went
 * wrong with that last one is lost here: eng_saver_wait tells. */
void eng_saver_close(eng_saver *s);

/* The most bytes a copy may take from now on; any, before it is said. */
void eng_saver_limit(eng_saver *s, uint64_t bytes);

/* The folder's checkpoints, filled by eng_ckptdir_load before the first checkpoint is begun. */
eng_ckptdir *eng_saver_dir(eng_saver *s);

/* The lease, to be looked at before other files are put in place. */
const eng_lease *eng_saver_lease(const eng_saver *s);

/* Begins to write the state as it is now, and log.jsonl after it.  Waits for the one before; its
 * error, if there was one, is this call's. */
sk_status eng_saver_begin(eng_saver *s, const eng_trainstate *state, json_t *meta, sk_err *e);

/* To be called before the state is changed; NULL is allowed: then nobody writes. */
void eng_saver_settle(eng_saver *s);

/* How it went: *step of the newest checkpoint that is on disk, *us the training thread has waited
 * for the saver in all.  The error of a write that failed is told once more at each call. */
sk_status eng_saver_poll(eng_saver *s, uint64_t *step, uint64_t *us, sk_err *e);

/* Waits until nothing is being written; errors as in poll. */
sk_status eng_saver_wait(eng_saver *s, sk_err *e);

#endif
