/* prefs.h - pairs of answers of which one is preferred, as rows of tokens. */
#ifndef ENG_TRAIN_PREFS_H
#define ENG_TRAIN_PREFS_H

#include "base/status.h"
#include "engine/token/vocab.h"
#include "engine/train/dataset.h"

/* The answers of a pair; both stand in the same row and begin with the prompt. */
enum { ENG_CHOSEN, ENG_REJECTED };

/* One pair, indexed by ENG_CHOSEN and ENG_REJECTED. */
typedef struct eng_pref {
    uint32_t start[2], end[2]; /* tokens [start, end) of the row: prompt and answer */
    double ref[2]; /* log-likelihood of the answer (nats) under the model the run began with: 0
                      until eng_dpo_refer or eng_dpo_load */
} eng_pref;

/* All pairs of a dataset, row by row. */
typedef struct eng_prefs {
    eng_pref *item; /* [n] */
    size_t *first;  /* [n_rows + 1] number of a row's first pair */
    size_t n;
} eng_prefs;

/* What became of the lines. */
typedef struct eng_prefs_stats {
    size_t n_read;        /* pairs, those left out among them */
    size_t n_long;        /* left out: both answers with their prompts are longer than a row */
    size_t n_equal;       /* left out: answers that are the same tokens teach nothing */
    uint64_t tokens;      /* in the rows, padding not counted */
    uint64_t loss_tokens; /* of them in answers */
} eng_prefs_stats;

/* Reads files of lines {"prompt": "..", "chosen": "..", "rejected": ".."} (plain or zstd); instead
 * of "prompt" there may be "messages" as chatset.h has them, and an answer may be a message of the
 * assistant or a list with one.  Rendered with the model's chat template; loss on the answer alone.
 * Rows have n_ctx tokens and hold whole pairs.  The caller frees out (eng_dataset_fini) and prefs
 * (eng_prefs_fini).  A bad line is refused: SK_E_INVALID with file:line (so is one of which the
 * template makes fewer than two tokens); so are files without a pair that fits. */
sk_status eng_prefs_load(const eng_vocab *v, const char *const *path, size_t n_paths, size_t n_ctx,
                         eng_dataset *out, eng_prefs *prefs, eng_prefs_stats *stats, sk_err *e);

/* Frees the list; p may be all zeros. */
void eng_prefs_fini(eng_prefs *p);

#endif
