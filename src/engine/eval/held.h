/* held.h - held-out documents and what each costs a model: figures of two models that can be
 * compared document by document.
 *
 * A text file's documents stand apart (token/document.h).  Each begins with BOS where the model's
 * file asks for it, else with the id that stands between documents in training; all its own tokens
 * are scored.  A file of conversations (.jsonl) has one on each line; what the assistant says is
 * scored, with the mark that ends it, as in fine-tuning (model/chatform.h).
 *
 * What is longer than the context is cut: of a text each piece begins with the last token of the
 * one before, of a conversation the rest is left out.
 */
#ifndef ENG_EVAL_HELD_H
#define ENG_EVAL_HELD_H

#include "engine/engine.h"

typedef struct eng_held eng_held;

/* What a document cost. */
typedef struct eng_held_doc {
    double nats;            /* sum of -ln p of its scored tokens; not finite if one isn't */
    uint64_t tokens, bytes; /* scored; of their text, markers have none */
} eng_held_doc;

/* Reads the file (plain or zstd) and cuts it for sequences of n_ctx >= 2 tokens with m's tokenizer:
 * any model with the same one can be measured, m may be closed.  Of files with more than `most`
 * bytes of documents (0: no bound) as many documents are taken as make about that, evenly from all
 * of it.  SK_E_INVALID for a file without documents, and for what it must not have. */
sk_status eng_held_open(const eng_model *m, const char *path, size_t n_ctx, uint64_t most,
                        eng_held **out, sk_err *e);

/* NULL is allowed. */
void eng_held_close(eng_held *h);

/* Number of documents that have something to score. */
size_t eng_held_n(const eng_held *h);

typedef struct eng_held_opts {
    /* All may be NULL: as in eng_ppl_opts; done and total are tokens. */
    void (*progress)(void *arg, uint64_t done, uint64_t total);
    bool (*stop)(void *arg);
    void *arg;
} eng_held_opts;

/* Measures m, whose context is n_ctx at least, into out[eng_held_n(h)], which on failure holds
 * anything.  A document's figures don't depend on the others or on the number of threads. */
sk_status eng_held_run(eng_exec *x, const eng_model *m, const eng_held *h, const eng_held_opts *o,
                       eng_held_doc *out, sk_err *e);

#endif
