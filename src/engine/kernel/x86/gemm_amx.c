/* gemm_amx.c - matrix kernels with tdpbf16ps: 16 rows by 16 columns by 32 elements of k an
 * instruction.  float is as in AVX-512.
 *
 * An instruction sums the even and the odd elements of k apart, in float, denormals taken as zero,
 * and adds both to the sum: an order that depends on k only.  So one row is computed like many.
 */
#include "engine/kernel/x86/v512.h"

#define MR 14
#define ROWS(F) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11) F(12) F(13) F(14)
#include "engine/kernel/x86/gemm_pairs.h"
#include "engine/kernel/x86/tile.h"

#include <string.h>

/* Rows of a tile of C, and elements of k of an instruction. */
enum { TALL = 32, DEEP = 32, PAIR_BYTES = NR * 4 };

_Static_assert((ENG_GEMM_MC + ENG_GEMM_PAD) * LDH * 2 <= ENG_GEMM_MC * ENG_GEMM_ROW_BYTES &&
                   (int)TALL <= ENG_GEMM_PAD,
               "rows past the end of a packed block are in the worker's scratch");

/* Registers 0..3: C, two by two; 4, 5: A; 6, 7: B.  The time of a product goes by the rows of A. */
static void begin(size_t rows)
{
    _Alignas(64) tile_config c = {.palette = 1};
    for (size_t i = 0; i < 8; i++)
        tile_shape(&c, i, rows < 16 && i < 6 ? rows : 16, 64);
    tile_configure(&c);
}

static void end(void)
{
    _tile_release();
}

/* How far before its use B is asked for, where so few rows use it that memory is what counts: into
 * the second-level cache, then into the first. */
enum { FAR = 16384, NEAR = 4096 };

/* One step of k for 16 or 32 rows: A's rows a_bytes apart. */
INLINE void multiply(const bool tall, const char *a, size_t a_bytes, const char *b)
{
    if (!tall)
        for (size_t i = 0; i < (size_t)DEEP / 2 * PAIR_BYTES; i += 64) {
            __builtin_prefetch(b + FAR + i, 0, 2);
            __builtin_prefetch(b + NEAR + i, 0, 3);
        }
    _tile_loadd(6, b, PAIR_BYTES);
    _tile_loadd(7, b + 64, PAIR_BYTES);
    _tile_loadd(4, a, a_bytes);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    if (!tall) return;
    _tile_loadd(5, a + 16 * a_bytes, a_bytes);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
}

/* The last step, of n_pairs < 16 pairs: copied, with zeros behind, since what lies there is
 * something else. */
INLINE void multiply_rest(const bool tall, size_t n_pairs, const char *a, const char *b)
{
    _Alignas(64) char a_rest[TALL][64] = {{0}}, b_rest[DEEP / 2][PAIR_BYTES] = {{0}};
    for (size_t r = 0; r < (tall ? TALL : 16); r++)
        memcpy(a_rest[r], a + r * LDH * 2, n_pairs * 4);
    memcpy(b_rest, b, n_pairs * PAIR_BYTES);
    tile_written(a_rest);
    tile_written(b_rest);
    multiply(tall, a_rest[0], 64, b_rest[0]);
}

/* Sums of up to 16 or 32 rows into `sums`, rows of NR floats. */
INLINE void multiply_all(const bool tall, size_t kc, const char *a, const char *b, float *sums)
{
    size_t pairs = (kc + 1) / 2;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (; pairs >= DEEP / 2; pairs -= DEEP / 2, a += DEEP * 2, b += (size_t)DEEP / 2 * PAIR_BYTES)
        multiply(tall, a, LDH * 2, b);
    if (pairs) multiply_rest(tall, pairs, a, b);
    _tile_stored(0, sums, NR * 4);
    _tile_stored(1, sums + VL, NR * 4);
    if (!tall) return;
    _tile_stored(2, sums + 16 * NR, NR * 4);
    _tile_stored(3, sums + 16 * NR + VL, NR * 4);
}

static void tile_amx(size_t m, size_t n, size_t kc, const void *a, const void *b, float *c,
                     size_t ldc, bool add)
{
    _Alignas(64) float sums[TALL * NR];
    assert(m && m <= TALL && n && n <= NR && kc <= ENG_GEMM_KC);
    if (m > 16)
        multiply_all(true, kc, a, b, sums);
    else
        multiply_all(false, kc, a, b, sums);
    vm lo = vm_first(n < VL ? n : VL), hi = vm_first(n > VL ? n - VL : 0);
    for (size_t r = 0; r < m; r++, c += ldc) {
        float *c1 = n > VL ? c + VL : c;
        vf x = vf_load(sums + r * NR), y = vf_load(sums + r * NR + VL);
        if (add) {
            x = vf_add(vf_load_some(c, lo), x);
            y = vf_add(vf_load_some(c1, hi), y);
        }
        vf_store_some(c, lo, x);
        vf_store_some(c1, hi, y);
    }
}

/* Four sums by turns. */
static float spin_amx(size_t n, double *ops)
{
    _Alignas(64) float zero[16 * VL] = {0};
    begin(16);
    for (size_t i = 0; i < n; i++) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, zero, 64);
    end();
    *ops += 4.0 * 16 * 16 * DEEP * 2 * (double)n;
    return zero[0];
}

const eng_gemm_slots eng_gemm_slots_amx = {
    .nr = NR,
    .op = {[ENG_PREC_F32] = {MR, LDA * 4, pack_a_f32, pack_b_f32, NULL, tile_f32, NULL, NULL},
           [ENG_PREC_BF16] = {TALL, LDH * 2, pack_a_pairs, pack_b_bf16, pack_w_bf16, tile_amx,
                              begin, end}},
    .spin = {spin_f32, spin_amx},
    .read = read_all,
};
