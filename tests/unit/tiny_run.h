/* tiny_run.h - a training run small enough to be made a hundred times in a test. */
#ifndef TESTS_UNIT_TINY_RUN_H
#define TESTS_UNIT_TINY_RUN_H

#include "engine/engine.h"

typedef struct tiny_run {
    char dir[128]; /* a new folder; below it: */
    char data[160], valid[160], chat[160], out[160];
    const char *list[1]; /* of o.data */
    size_t threads;
    eng_train_opts o; /* 6 steps of a one-layer model, checkpoint every 2, no events */
} tiny_run;

/* Makes the folder with a text of a few kilobytes, held-out text and conversations. */
void tiny_run_init(tiny_run *r);
void tiny_run_fini(tiny_run *r);

/* A second run on the same files into another folder. */
tiny_run tiny_run_beside(const tiny_run *r, const char *out);

/* eng_train_run, or eng_tune_run of `model`, with r->threads threads. */
sk_status tiny_run_train(const tiny_run *r, sk_err *e);
sk_status tiny_run_tune(const tiny_run *r, const char *model, sk_err *e);

/* "out/name", static storage, four in turn. */
const char *tiny_run_path(const tiny_run *r, const char *name);

/* What the events of a run said. */
typedef struct tiny_heard {
    double first_loss, last_loss, bits_per_byte, done_bits;
    uint64_t steps, evals, saves, done, tokens;
    size_t asked, stop_at; /* stop_at: true is answered to that question (0: never) */
    char note[512], model[256], notes[4096]; /* the last note; all of them */
} tiny_heard;

/* Has the run tell h, which is cleared; h->stop_at says when it is asked to stop. */
void tiny_run_listen(tiny_run *r, tiny_heard *h);

/* Setup and teardown of a group of tests (cmocka): a run made once, which others are compared with.
 */
int tiny_whole_make(void **state);
int tiny_whole_remove(void **state);

/* That run, between the two. */
const tiny_run *tiny_whole(void);

/* Fails unless model.gguf, checkpoint.stk and log.jsonl of both runs are the same bytes, and
 * neither folder holds anything else that begun or died on the way. */
void tiny_run_same(const tiny_run *a, const tiny_run *b);

#endif
