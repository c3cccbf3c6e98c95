/* finite.c - whether the weights of a tensor are numbers: an exponent of all ones marks NaN and
 * infinity, in plain elements and in the half floats that scale the blocks of quantised ones. */
#include "engine/model/finite.h"

#include "engine/kernel/par.h"
#include "engine/quant/blocks.h"

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

/* Bytes a task looks at. */
#define PIECE ((size_t)1 << 20)

/* Where the half floats of a block stand; a block with one says so twice. */
typedef struct scales {
    eng_dtype type;
    size_t at, also_at;
} scales;

static const scales blocks[] = {
    {ENG_Q4_0, offsetof(eng_q4_0, d), offsetof(eng_q4_0, d)},
    {ENG_Q4_1, offsetof(eng_q4_1, d), offsetof(eng_q4_1, m)},
    {ENG_Q5_0, offsetof(eng_q5_0, d), offsetof(eng_q5_0, d)},
    {ENG_Q5_1, offsetof(eng_q5_1, d), offsetof(eng_q5_1, m)},
    {ENG_Q8_0, offsetof(eng_q8_0, d), offsetof(eng_q8_0, d)},
    {ENG_Q2_K, offsetof(eng_q2_k, d), offsetof(eng_q2_k, dmin)},
    {ENG_Q3_K, offsetof(eng_q3_k, d), offsetof(eng_q3_k, d)},
    {ENG_Q4_K, offsetof(eng_q4_k, d), offsetof(eng_q4_k, dmin)},
    {ENG_Q5_K, offsetof(eng_q5_k, d), offsetof(eng_q5_k, dmin)},
    {ENG_Q6_K, offsetof(eng_q6_k, d), offsetof(eng_q6_k, d)},
    {ENG_IQ4_NL, offsetof(eng_iq4_nl, d), offsetof(eng_iq4_nl, d)},
    {ENG_IQ4_XS, offsetof(eng_iq4_xs, d), offsetof(eng_iq4_xs, d)},
};

typedef struct look {
    const char *p;
    size_t unit, at, also_at; /* bytes of a block; its half floats */
    uint32_t ones;            /* exponent of a plain element; 0: blocks */
    bool is_wide;             /* plain elements of four bytes */
    atomic_bool bad;
} look;

/* Units [first, first + n). */
static void look_piece(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    look *l = arg;
    uint32_t bad = 0, ones = l->ones;
    if (l->is_wide) {
        const uint32_t *v = (const uint32_t *)(const void *)l->p;
        for (size_t i = first; i < first + n; i++)
            bad |= (v[i] & ones) == ones;
    } else if (ones) {
        const uint16_t *v = (const uint16_t *)(const void *)l->p;
        for (size_t i = first; i < first + n; i++)
            bad |= (v[i] & ones) == ones;
    } else {
        for (size_t i = first; i < first + n; i++) {
            uint16_t a, b;
            memcpy(&a, l->p + i * l->unit + l->at, sizeof(a));
            memcpy(&b, l->p + i * l->unit + l->also_at, sizeof(b));
            bad |= (a & 0x7c00) == 0x7c00 || (b & 0x7c00) == 0x7c00;
        }
    }
    if (bad) atomic_store_explicit(&l->bad, true, memory_order_relaxed);
}

/* MXFP4's scales are powers of two, all of them finite (its highest stands for NaN in OCP's paper,
 * and for 2^127 in ggml). */
bool eng_all_finite(eng_exec *x, eng_dtype t, const void *p, size_t n)
{
    look l = {.p = p, .unit = eng_dtype_block_bytes(t)};
    size_t i = 0, n_blocks = sizeof(blocks) / sizeof(*blocks);
    assert(l.unit);
    if (t == ENG_MXFP4) return true;
    while (i < n_blocks && blocks[i].type != t)
        i++;
    if (i < n_blocks) {
        l.at = blocks[i].at;
        l.also_at = blocks[i].also_at;
    } else {
        assert(t == ENG_F32 || t == ENG_F16 || t == ENG_BF16);
        l.is_wide = t == ENG_F32;
        l.ones = t == ENG_F32 ? 0x7f800000u : t == ENG_F16 ? 0x7c00u : 0x7f80u;
    }
    atomic_init(&l.bad, false);
    eng_par_rows(x, n / eng_dtype_block(t), PIECE / l.unit, look_piece, &l);
    return !atomic_load(&l.bad);
}
