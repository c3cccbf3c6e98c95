/* fake_engine.h - an engine without a model, for tests of the server: bytes are tokens, and the
 * next token is a function of all tokens before it, the seed and the position.
 *
 * It checks the contract of eng_session_step on the way (positions that follow each other, slots
 * that differ, sizes within the step), so a scheduler that breaks it fails an assertion.  Sequences
 * lie in pages that hold their tokens, with the engine's own lists of pages: what is shared or
 * evicted wrongly changes an answer.
 */
#ifndef TESTS_UNIT_FAKE_ENGINE_H
#define TESTS_UNIT_FAKE_ENGINE_H

#include "engine/infer/pages.h"
#include "serve/sched/engine.h"

#include <stdatomic.h>

#define FAKE_END 256 /* the token that ends an answer */
#define FAKE_MAX_SLOTS 64

typedef struct fake_engine {
    srv_engine engine;
    eng_pages *pages;
    int32_t (*page)[ENG_PAGE_TOKENS]; /* [n_pages] what each page holds */
    int32_t *seq;                     /* [n_ctx] scratch */
    size_t len[FAKE_MAX_SLOTS];
    float mark[FAKE_MAX_SLOTS][2]; /* "logits": a digest of the sequence, its length */
    float *rows;                   /* the same for each token of items that want all */
    size_t n_rows, most_rows;      /* of this step; most of any */
    unsigned end_one_in;           /* about one token in this many ends the answer; 0: none */
    uint64_t salt;                 /* makes its answers others than those of another fake */
    unsigned step_us, token_us;    /* time a step takes, really slept */
    uint64_t virtual_us;           /* not 0: what the virtual clock says; steps move it instead */
    const char *script;            /* if set, answers are this text over and over, then an end */
    size_t n_steps, max_tokens, max_items; /* seen */
    size_t n_tokens;                       /* all tokens stepped */
    sk_status fail_next;                   /* the next step returns this */
    atomic_bool hold;                      /* steps wait while set */
    const void *adapter[FAKE_MAX_SLOTS];   /* of each slot */
    atomic_int n_adapters;                 /* open */
    const int32_t *on_disk;   /* tokens that lie on disk (fake_engine_disk), NULL: there is none */
    size_t n_on_disk, n_come; /* ... and how many of them have been read */
    bool waits[FAKE_MAX_SLOTS]; /* the slot waits for it */
} fake_engine;

/* A fake with n_slots slots of n_ctx tokens, and pages for all of them. */
void fake_engine_init(fake_engine *f, size_t n_slots, size_t n_ctx, size_t max_step);

/* The same with so many pages in all; n_ctx is at most what they hold. */
void fake_engine_init_pages(fake_engine *f, size_t n_slots, size_t n_ctx, size_t max_step,
                            size_t n_pages);
void fake_engine_fini(fake_engine *f);

/* Gives the fake a disk that has the n tokens ids, of which the test has pages come by n_come. */
void fake_engine_disk(fake_engine *f, const int32_t *ids, size_t n);

/* What the fake answers to a prompt of bytes, computed alone: the text a server must give whatever
 * else it does.  Returns the length written to out (cap bytes), without the end token. */
size_t fake_engine_answer(const fake_engine *f, const int32_t *prompt, size_t n, size_t n_max,
                          uint64_t seed, char *out, size_t cap);

#endif
