/* mix.h - which type each tensor of a model gets when it is quantised.
 *
 * A mix (Q4_K_M, ...) names a type for most matrices and exceptions for those that suffer most. The
 * rules are llama.cpp's (llama-quant.cpp of August 2026), so that files of the same name hold the
 * same types; docs/format/quant.md has them as a table.
 */
#ifndef ENG_FORMAT_MIX_H
#define ENG_FORMAT_MIX_H

#include "engine/format/gguf.h"

#include <stdbool.h>

/* The mixes: id, type of most matrices, number in general.file_type. */
#define ENG_MIX_TABLE(X)                                                                           \
    X(F32, F32, 0)                                                                                 \
    X(F16, F16, 1)                                                                                 \
    X(BF16, BF16, 32)                                                                              \
    X(Q8_0, Q8_0, 7)                                                                               \
    X(Q6_K, Q6_K, 18)                                                                              \
    X(Q5_K_M, Q5_K, 17)                                                                            \
    X(Q5_K_S, Q5_K, 16)                                                                            \
    X(Q5_1, Q5_1, 9)                                                                               \
    X(Q5_0, Q5_0, 8)                                                                               \
    X(Q4_K_M, Q4_K, 15)                                                                            \
    X(Q4_K_S, Q4_K, 14)                                                                            \
    X(Q4_1, Q4_1, 3)                                                                               \
    X(Q4_0, Q4_0, 2)                                                                               \
    X(IQ4_NL, IQ4_NL, 25)                                                                          \
    X(IQ4_XS, IQ4_XS, 30)                                                                          \
    X(MXFP4_MOE, MXFP4, 38)                                                                        \
    X(Q3_K_L, Q3_K, 13)                                                                            \
    X(Q3_K_M, Q3_K, 12)                                                                            \
    X(Q3_K_S, Q3_K, 11)                                                                            \
    X(Q2_K, Q2_K, 10)                                                                              \
    X(Q2_K_S, Q2_K, 21)

#define ENG_MIX_ENUM(id, type, number) ENG_MIX_##id,
typedef enum eng_mix { ENG_MIX_TABLE(ENG_MIX_ENUM) ENG_MIXES } eng_mix;
#undef ENG_MIX_ENUM

/* The mix of a name, read without regard to case; Q3_K, Q4_K and Q5_K mean the mix ending in _M.
 * False (out untouched) if there is none. */
bool eng_mix_of_name(const char *name, eng_mix *out);

/* "Q4_K_M"; the number in general.file_type. */
const char *eng_mix_name(eng_mix m);

/* llama.cpp's enum llama_ftype, which other programs show. */
uint32_t eng_mix_number(eng_mix m);

typedef struct eng_mix_opts {
    eng_mix mix;      /* whose rules count */
    bool pure;        /* every matrix the mix's own type, no exceptions */
    bool has_imatrix; /* some rules ask */
} eng_mix_opts;

/* What a tensor becomes. */
typedef struct eng_mix_choice {
    uint32_t type;    /* a ggml type: the tensor's own where it is left alone */
    bool is_fallback; /* its rows are no whole blocks of the type it should have */
} eng_mix_choice;

/* Chooses for every tensor of g, in g's order, into out[eng_gguf_n_tensors(g)].  Left alone are
 * vectors, norms, routers of experts and the like.  SK_E_NOMEM, or SK_E_INVALID where the mix may
 * not be made without an importance matrix. */
sk_status eng_mix_choose(const eng_gguf *g, const eng_mix_opts *o, eng_mix_choice *out, sk_err *e);

#endif
