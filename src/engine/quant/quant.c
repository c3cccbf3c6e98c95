/* quant.c - which row function belongs to which type. */
#include "engine/quant/quant.h"

#include "engine/quant/rows.h"

#include <assert.h>

typedef void (*unpack_fn)(const void *src, float *dst, size_t n_blocks);

/* The row function of a block format, NULL for other types. */
static unpack_fn unpack_of(eng_dtype t)
{
    switch (t) {
    case ENG_Q4_0:
        return eng_unpack_q4_0;
    case ENG_Q4_1:
        return eng_unpack_q4_1;
    case ENG_Q5_0:
        return eng_unpack_q5_0;
    case ENG_Q5_1:
        return eng_unpack_q5_1;
    case ENG_Q8_0:
        return eng_unpack_q8_0;
    case ENG_Q2_K:
        return eng_unpack_q2_k;
    case ENG_Q3_K:
        return eng_unpack_q3_k;
    case ENG_Q4_K:
        return eng_unpack_q4_k;
    case ENG_Q5_K:
        return eng_unpack_q5_k;
    case ENG_Q6_K:
        return eng_unpack_q6_k;
    case ENG_IQ4_NL:
        return eng_unpack_iq4_nl;
    case ENG_IQ4_XS:
        return eng_unpack_iq4_xs;
    case ENG_MXFP4:
        return eng_unpack_mxfp4;
    case ENG_F32:
    case ENG_F16:
    case ENG_BF16:
        break;
    }
    return NULL;
}

/* n elements of any type to float. */
void eng_quant_unpack(eng_dtype t, const void *src, float *dst, size_t n)
{
    unpack_fn fn = unpack_of(t);
    if (!fn) {
        eng_dtype_to_f32(t, src, dst, n);
        return;
    }
    size_t block = eng_dtype_block(t);
    assert(n % block == 0);
    fn(src, dst, n / block);
}
