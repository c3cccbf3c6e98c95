/* ckptdir.h - the checkpoints of a run's folder: the last few, and the best.
 *
 *   checkpoint.stk                   the newest
 *   checkpoints/step-NNNNNNNNN.stk   those before it, --keep 2 counts them and the newest; beside
 *                                    them, whatever --keep is, the one to go back to (guard.h)
 *   best.stk                         the one with the lowest held-out loss so far
 *
 * Older ones and the best are second names (hard links) of files that were checkpoint.stk once, so
 * keeping them costs space but no writing.
 */
#ifndef ENG_TRAIN_CKPTDIR_H
#define ENG_TRAIN_CKPTDIR_H

#include "engine/format/ckpt.h"
#include "engine/train/lease.h"
#include "engine/train/trainstate.h"

/* What is known of the folder while a run goes. */
typedef struct eng_ckptdir {
    char out[4096];
    uint32_t keep;      /* checkpoints kept, at least 1 */
    uint64_t current;   /* step of checkpoint.stk, UINT64_MAX: none that is whole */
    double best;        /* held-out loss of best.stk, INFINITY: there is none */
    uint64_t best_step; /* its step */
} eng_ckptdir;

/* Steps are named by this many digits. */
#define ENG_CKPTDIR_DIGITS 9

/* Whether folder `out` holds any checkpoint. */
bool eng_ckptdir_any(const char *out);

/* Whether it holds one besides checkpoint.stk. */
bool eng_ckptdir_older(const char *out);

/* The lanes (ranks.h) of the newest whole checkpoint; *lanes is left alone where there is none. */
void eng_ckptdir_lanes(const char *out, uint32_t *lanes);

/* Removes what killed writers left in the folder. */
void eng_ckptdir_sweep(const char *out);

/* Loads the newest whole checkpoint into s, if there is any (*found), and fills d.  Damaged ones
 * are passed over; `note` (may be NULL) hears of each in a sentence.  SK_E_INVALID when it is of
 * another run; with damaged ones only, the error of the newest. */
sk_status eng_ckptdir_load(eng_ckptdir *d, const char *out, uint32_t keep, eng_trainstate *s,
                           json_t *meta, bool *found, void (*note)(void *arg, const char *text),
                           void *arg, sk_err *e);

/* Failures of eng_trainstate_load for which an older checkpoint may serve. */
bool eng_ckptdir_is_damage(sk_status st);

/* The file of the checkpoint of `step`, if it is still kept, into b[ENG_PATH_MAX]; returns b. */
const char *eng_ckptdir_file(const eng_ckptdir *d, uint64_t step, char *b);

/* Puts the synced checkpoint of `step` in its place, keeps the one before, drops what is too old,
 * but for that of step `base`.  val_loss: its held-out loss, NaN if it was not measured.  The lease
 * is looked at before each rename.  c is gone whatever happens. */
sk_status eng_ckptdir_publish(eng_ckptdir *d, const eng_lease *lease, eng_ckpt_out *c,
                              uint64_t step, uint64_t base, double val_loss, sk_err *e);

#endif
