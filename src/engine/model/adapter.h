/* adapter.h - a low-rank adapter that is trained: which matrices it changes, its flat arrays.
 *
 * An adapted matrix computes W x + alpha / rank B (A x) with A [rank, n_in] and B [n_out, rank] (Hu
 * et al. 2021).  The flat arrays of a run are those of the pairs; the base is read from its file
 * and stays as it is.
 */
#ifndef ENG_MODEL_ADAPTER_H
#define ENG_MODEL_ADAPTER_H

#include "engine/format/gguf.h"
#include "engine/kernel/exec.h"
#include "engine/model/layout.h"
#include "engine/tensor/dtype.h"

#define ENG_ADAPTER_MAX_RANK 1024

/* The matrices adapted, a bit for each name of --lora-targets.  A file that holds q, k and v as one
 * matrix has it adapted when any of them is named; likewise gate and up. */
enum {
    ENG_ADAPT_Q = 1,
    ENG_ADAPT_K = 2,
    ENG_ADAPT_V = 4,
    ENG_ADAPT_O = 8,
    ENG_ADAPT_GATE = 16,
    ENG_ADAPT_UP = 32,
    ENG_ADAPT_DOWN = 64
};

/* A base that is not trained, under an adapter that is. */
typedef struct eng_frozen {
    const eng_gguf *g;         /* its weights, in any type this build reads; outlives the pass */
    const eng_layout *adapter; /* the pairs, of which the pass's flat arrays are made */
    float scale;               /* alpha / rank */
    uint32_t rank;
    bool stream; /* matrices stay as the file has them and are unpacked in pieces whenever they are
                    used; else each is packed twice when the pass is opened */
} eng_frozen;

/* "q,k,v,o" to bits; SK_E_INVALID names the word that is none. */
sk_status eng_adapter_targets(const char *words, unsigned *out, sk_err *e);

/* The layout of an adapter's flat arrays: for each adapted matrix of base, in its order,
 * "NAME.lora_a" [rank, n_in] and "NAME.lora_b" [n_out, rank], kind and layer those of the matrix.
 * SK_E_INVALID where nothing is adapted. */
sk_status eng_adapter_layout(const eng_config *cfg, const eng_layout *base, uint32_t rank,
                             unsigned targets, sk_arena *a, eng_layout *out, sk_err *e);

/* The number of A of a matrix in the adapter's list (its B follows); SIZE_MAX: not adapted. */
size_t eng_adapter_find(const eng_layout *adapter, eng_param_kind kind, uint32_t layer);

/* A uniform in +-1/sqrt(n_in), B zero, so that a run begins at the base (as Hu et al.'s code). */
void eng_adapter_init(const eng_layout *adapter, uint64_t seed, float *params);

/* Refuses a base with weights that are not finite. */
sk_status eng_adapter_check_base(eng_exec *x, const eng_gguf *g, const eng_layout *base, sk_err *e);

/* Writes the adapter as GGUF, atomically: what `stoke --lora` and other programs read. */
sk_status eng_adapter_export(const char *path, const eng_config *cfg, const eng_frozen *f,
                             double alpha, const float *params, sk_err *e);

/* Writes base and adapter as one model, atomically: its matrices in dtype, one in memory at a time,
 * its keys those of the base's file. */
sk_status eng_adapter_merge(const char *path, const eng_config *cfg, const eng_layout *base,
                            const eng_frozen *f, const float *params, eng_dtype dtype, sk_err *e);

#endif
