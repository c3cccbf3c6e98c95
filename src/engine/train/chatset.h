/* chatset.h - conversations (JSONL) to rows of tokens for fine-tuning. */
#ifndef ENG_TRAIN_CHATSET_H
#define ENG_TRAIN_CHATSET_H

#include "base/status.h"
#include "engine/token/chat.h"
#include "engine/token/vocab.h"
#include "engine/train/dataset.h"

/* Most bytes of a file of conversations. */
#define ENG_CHATSET_BYTES ((uint64_t)16 << 30)

/* What became of the conversations. */
typedef struct eng_chatset_stats {
    size_t n_read, n_cut, n_dropped; /* cut after a whole turn, left out: longer than a row */
    uint64_t tokens, loss_tokens;    /* of all rows; those with a target */
} eng_chatset_stats;

/* Reads files of lines {"messages":[{"role":"system|user|assistant","content":".."},..]} (plain or
 * zstd), renders each conversation with the model's chat template, and packs several into a row
 * of n_ctx tokens (best fit, longest first).  Loss only on what the assistant says.  Conversations
 * in a row do not see each other.  path must outlive out.  A bad line is refused: SK_E_INVALID with
 * file:line. */
sk_status eng_chatset_load(const eng_vocab *v, const char *const *path, size_t n_paths,
                           size_t n_ctx, eng_dataset *out, eng_chatset_stats *stats, sk_err *e);

#endif
