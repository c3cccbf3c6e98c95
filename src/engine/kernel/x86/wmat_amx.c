/* wmat_amx.c - quantised weight matrices by tdpbssd: 16 rows by 16 columns by 32 (or 16) elements
 * of k an instruction.
 *
 * The integer dots of a block come out of a tile register through memory; scaling them, which is as
 * in every other kernel, takes more time than the products.  Several blocks at a
 * time keep both kinds of work going.
 */
enum { BIAS = 0, TILE_ROWS = 16, ROW_STEP = 4 };
#define OWN_DOT
#define OWN_TILE

#include "engine/kernel/x86/tile.h"
#include "engine/kernel/x86/w512.h"

/* over the words of the above */
#include "engine/kernel/vec/wmat_tmpl.h"

/* Registers 0..3 for sums, of a block each (or of its halves); 4, 5 for activations; 6, 7 for
 * weights. */
static void begin(const eng_wform *f, size_t rows)
{
    _Alignas(64) tile_config c = {.palette = 1};
    for (size_t i = 0; i < 4; i++)
        tile_shape(&c, i, rows, 64);
    for (size_t i = 0; i < 2; i++) {
        tile_shape(&c, 4 + i, rows, ENG_QB / f->subs);
        tile_shape(&c, 6 + i, 8 / f->subs, 64);
    }
    tile_configure(&c);
}

static void end(void)
{
    _tile_release();
}

/* Starts the products of a sub-block in sum register i. */
INLINE void multiply(const int i, const uint8_t *q, const int8_t *w)
{
    if (i % 2 == 0) {
        _tile_loadd(4, q, ENG_QB);
        _tile_loadd(6, w, ENG_WSTEP);
    } else {
        _tile_loadd(5, q, ENG_QB);
        _tile_loadd(7, w, ENG_WSTEP);
    }
    if (i == 0) {
        _tile_zero(0);
        _tile_dpbssd(0, 4, 6);
    } else if (i == 1) {
        _tile_zero(1);
        _tile_dpbssd(1, 5, 7);
    } else if (i == 2) {
        _tile_zero(2);
        _tile_dpbssd(2, 4, 6);
    } else {
        _tile_zero(3);
        _tile_dpbssd(3, 5, 7);
    }
}

/* Fetches sum register i. */
INLINE void fetch(const int i, int32_t (*d)[VL])
{
    if (i == 0)
        _tile_stored(0, d, 64);
    else if (i == 1)
        _tile_stored(1, d, 64);
    else if (i == 2)
        _tile_stored(2, d, 64);
    else
        _tile_stored(3, d, 64);
}

/* Scales the dots of block b (d1: of its second half) and adds them to the sums. */
INLINE void scale(const int rows, const int subs, const bool mins, const int v, int32_t (*d0)[VL],
                  int32_t (*d1)[VL], const eng_wchunk *w, size_t b, eng_wacts a, vf *acc)
{
    const size_t at = b * (size_t)subs, last = at + (subs == 2);
    vf s0 = vf_load(w->scale[at] + v * VL), s1 = vf_load(w->scale[last] + v * VL);
    vf m0 = vf_load(w->min[at] + v * VL), m1 = vf_load(w->min[last] + v * VL);
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
        vf inner = vf_mul(s0, vf_of_int(vi_load(d0[r])));
        if (subs == 2) inner = vf_fma(s1, vf_of_int(vi_load(d1[r])), inner);
        if (mins && subs == 1) inner = vf_fma(m0, vf_set(a.sum[r]), inner);
        if (mins && subs == 2) {
            inner = vf_fma(m0, vf_set(a.half[2 * r]), inner);
            inner = vf_fma(m1, vf_set(a.half[2 * r + 1]), inner);
        }
        acc[r] = vf_fma(vf_set(a.d[r]), inner, acc[r]);
    }
}

/* One vector of columns of `rows` rows, of which the first m are stored.  In a round one sub-block
 * is multiplied, the one of two rounds ago is fetched, and the one of three rounds ago is scaled.
 */
INLINE void strip(const int rows, const int subs, const bool mins, const int v, int m, size_t n,
                  size_t n_blocks, eng_wacts a, const eng_wchunk *w, float *c, size_t ldc, bool add)
{
    _Alignas(64) int32_t d[4][TILE_ROWS][VL];
    vf acc[TILE_ROWS];
    const size_t n_subs = n_blocks * (size_t)subs;
    const int8_t *codes = w->q[0][0] + v * VL * 4;
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
        acc[r] = c_load(c + (size_t)r * ldc, n, v, add && r < m);
    a.rows = (size_t)rows; /* a constant here */
    const uint8_t *q = a.q;
    for (size_t s = 0; s < n_subs + 3; s += 4) {
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
            size_t t = s + (size_t)i;
            if (t < n_subs) {
                bool second = subs == 2 && i % 2;
                multiply(i, second ? q + ENG_QB / 2 : q, codes);
                codes += (8 / subs) * ENG_WSTEP;
                if (subs == 1 || second) q += rows * ENG_QB;
            }
            if (t >= 2 && t - 2 < n_subs) fetch((i + 2) % 4, d[(i + 2) % 4]);
            if (t < 3 || t - 3 >= n_subs || (subs == 2 && i % 2 == 1)) continue;
            scale(rows, subs, mins, v, d[subs == 2 ? i : (i + 1) % 4], d[(i + 1) % 4], w,
                  (t - 3) / (size_t)subs, a, acc);
            acts_next(&a);
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
        if (r < m) c_store(c + (size_t)r * ldc, n, v, acc[r]);
}

#define TILE_CASE(subs, mins, r)                                                                   \
    case r:                                                                                        \
        for (int v = 0; v < NV; v++)                                                               \
            strip(r, subs, mins, v, (int)m, n, n_blocks, a, w, c, ldc, add);                       \
        break;
#define TILE_CASES(subs, mins)                                                                     \
    switch (a.rows) {                                                                              \
        TILE_CASE(subs, mins, 4)                                                                   \
        TILE_CASE(subs, mins, 8)                                                                   \
        TILE_CASE(subs, mins, 12)                                                                  \
        TILE_CASE(subs, mins, 16)                                                                  \
    }

static void tile(const eng_wform *f, size_t m, size_t n, size_t n_blocks, eng_wacts a,
                 const eng_wchunk *w, float *c, size_t ldc, bool add)
{
    assert(m && m <= a.rows && a.rows <= TILE_ROWS && a.rows % ROW_STEP == 0);
    if (f->subs == 1 && !f->mins) {
        TILE_CASES(1, false)
    } else if (f->subs == 1) {
        TILE_CASES(1, true)
    } else if (!f->mins) {
        TILE_CASES(2, false)
    } else {
        TILE_CASES(2, true)
    }
}

/* Four sums by turns. */
static float spin(size_t n, double *ops)
{
    _Alignas(64) int32_t sums[16 * VL] = {0};
    _Alignas(64) tile_config c = {.palette = 1};
    for (size_t i = 0; i < 8; i++)
        tile_shape(&c, i, 16, 64);
    tile_configure(&c);
    for (size_t i = 0; i < n; i++) {
        _tile_dpbssd(0, 4, 6);
        _tile_dpbssd(1, 4, 7);
        _tile_dpbssd(2, 5, 6);
        _tile_dpbssd(3, 5, 7);
    }
    _tile_stored(0, sums, 64);
    _tile_release();
    *ops += 4.0 * 16 * 16 * 64 * 2 * (double)n;
    return (float)sums[0];
}

const eng_wmat_slots eng_wmat_slots_amx = {
    .bias = BIAS,
    .dot_rows = DOT_ROWS,
    .dot_most = 2 * DOT_ROWS,
    .tile_rows = TILE_ROWS,
    .row_step = ROW_STEP,
    .quant = quant,
    .unpack = unpack,
    .begin = begin,
    .tile = tile,
    .end = end,
    .dot = eng_wmat_dot_avx512vnni,
    .spin = spin,
};
