/* gemm_amx.c - matrix kernels with tdpbf16ps: 16 rows by 16 columns by 32 elements of k an
 * instruction.  float is as in AVX-512.
 *
 * An instruction sums the even and the odd elements of k apart, in float, denormals taken as zero,
 * and adds both to the sum: an order that depends on k only.  So one row is computed like many.
 * The sum begins with what C holds, so it is one chain over all of k wherever k is cut.
 */
#include "engine/kernel/x86/v512.h"

#define MR 14
#define ROWS(F) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11) F(12) F(13) F(14)
#include "engine/kernel/x86/gemm_pairs.h"
#include "engine/kernel/x86/tile.h"

#include <string.h>

/* Rows of a tile of C, and elements of k of an instruction. */
enum { TALL = 32, DEEP = 32, PAIR_BYTES = NR * 4, STEP_BYTES = TALL * DEEP * 2 };

/* ---- packing A: tiles of TALL rows, [k / DEEP][TALL][DEEP] bf16, zeros behind m and kc ---- */

/* Where the step of k that begins at k lies, of row i. */
INLINE char *step_at(void *dst, size_t i, size_t k, size_t kc)
{
    size_t steps = (kc + DEEP - 1) / DEEP;
    return (char *)dst + (i / TALL * steps + k / DEEP) * STEP_BYTES + i % TALL * 64;
}

/* Rows are contiguous in memory. */
static void pack_steps_rows(void *dst, eng_mat a, size_t m, size_t kc)
{
    for (size_t i = 0; i < m; i++) {
        const float *src = a.p + i * a.rs;
        size_t ahead = i + 2 < m ? 2 * a.rs : 0, k = 0;
        char *to = step_at(dst, i, 0, kc);
        for (; k + DEEP <= kc; k += DEEP, to += STEP_BYTES) {
            prefetch(src + ahead + k);
            prefetch(src + ahead + k + 16);
            vi_store(to, narrow(vf_load(src + k), vf_load(src + k + VL)));
        }
        if (k == kc) continue;
        size_t left = kc - k;
        vm lo = vm_first(left < VL ? left : VL), hi = vm_first(left < VL ? 0 : left - VL);
        vf x = vf_load_some(src + k, lo);
        vi_store(to, narrow(x, vf_load_some(src + (left < VL ? k : k + VL), hi)));
    }
}

/* Columns are contiguous in memory: words of two k are transposed, a step of k at a time. */
static void pack_steps_cols(void *dst, eng_mat a, size_t m, size_t kc)
{
    for (size_t k = 0; k < kc; k += DEEP)
        for (size_t i = 0; i < m; i += VL) {
            vf t[VL];
            vm some = vm_first(m - i < VL ? m - i : VL);
            const float *p = a.p + k * a.cs + i;
            size_t left = kc - k < DEEP ? kc - k : DEEP;
#pragma GCC unroll 16
            for (size_t c = 0; c < VL; c++) {
                vf lo = 2 * c < left ? vf_load_some(p + 2 * c * a.cs, some) : vf_zero();
                vf hi = 2 * c + 1 < left ? vf_load_some(p + (2 * c + 1) * a.cs, some) : vf_zero();
                t[c] = vf_of_bits(pair_bf16(lo, hi));
            }
            vf_transpose(t);
            char *to = step_at(dst, i, k, kc);
#pragma GCC unroll 16
            for (size_t r = 0; r < VL; r++)
                vi_store(to + r * 64, vi_of_float(t[r]));
        }
}

static void pack_steps(void *dst, eng_mat a, size_t m, size_t kc)
{
    size_t end = (m + TALL - 1) / TALL * TALL;
    if (a.cs == 1)
        pack_steps_rows(dst, a, m, kc);
    else if (a.rs == 1)
        pack_steps_cols(dst, a, m, kc);
    else
        for (size_t i = 0; i < m; i++)
            for (size_t k = 0; k < kc; k += DEEP) {
                float x[DEEP] = {0};
                for (size_t c = 0; c < DEEP && k + c < kc; c++)
                    x[c] = a.p[i * a.rs + (k + c) * a.cs];
                vi_store(step_at(dst, i, k, kc), narrow(vf_load(x), vf_load(x + VL)));
            }
    for (size_t i = m; i < end; i++)
        for (size_t k = 0; k < kc; k += DEEP)
            vi_store(step_at(dst, i, k, kc), vi_set(0));
}

/* ---- multiplying ---- */

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

/* One step of k for 16 or 32 rows. */
INLINE void multiply(const bool tall, const char *a, const char *b)
{
    if (!tall)
        for (size_t i = 0; i < (size_t)DEEP / 2 * PAIR_BYTES; i += 64) {
            __builtin_prefetch(b + FAR + i, 0, 2);
            __builtin_prefetch(b + NEAR + i, 0, 3);
        }
    _tile_loadd(6, b, PAIR_BYTES);
    _tile_loadd(7, b + 64, PAIR_BYTES);
    _tile_loadd(4, a, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    if (!tall) return;
    _tile_loadd(5, a + STEP_BYTES / 2, 64);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
}

/* The last step, of n_pairs < 16 pairs of B: copied, with zeros behind, since what lies there is
 * something else. */
INLINE void multiply_rest(const bool tall, size_t n_pairs, const char *a, const char *b)
{
    _Alignas(64) char rest[DEEP / 2][PAIR_BYTES] = {{0}};
    memcpy(rest, b, n_pairs * PAIR_BYTES);
    tile_written(rest);
    multiply(tall, a, rest[0]);
}

/* Sums of up to 16 or 32 rows, begun with what is in c when add, into c: rows of NR floats ldc
 * apart. */
INLINE void multiply_all(const bool tall, size_t kc, const char *a, const char *b, float *c,
                         size_t ldc, bool add)
{
    size_t pairs = (kc + 1) / 2, ld = ldc * sizeof *c;
    if (add) {
        tile_written(c);
        _tile_loadd(0, c, ld);
        _tile_loadd(1, c + VL, ld);
        if (tall) _tile_loadd(2, c + 16 * ldc, ld);
        if (tall) _tile_loadd(3, c + 16 * ldc + VL, ld);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    for (; pairs >= DEEP / 2;
         pairs -= DEEP / 2, a += STEP_BYTES, b += (size_t)DEEP / 2 * PAIR_BYTES)
        multiply(tall, a, b);
    if (pairs) multiply_rest(tall, pairs, a, b);
    _tile_stored(0, c, ld);
    _tile_stored(1, c + VL, ld);
    if (tall) _tile_stored(2, c + 16 * ldc, ld);
    if (tall) _tile_stored(3, c + 16 * ldc + VL, ld);
    tile_written(c);
}

/* The same at the edges of C, by way of a copy. */
INLINE void multiply_edge(const bool tall, size_t m, size_t n, size_t kc, const char *a,
                          const char *b, float *c, size_t ldc, bool add)
{
    _Alignas(64) float sums[TALL * NR];
    vm lo = vm_first(n < VL ? n : VL), hi = vm_first(n > VL ? n - VL : 0);
    size_t second = n > VL ? VL : 0;
    for (size_t r = 0; add && r < m; r++) {
        vf_store(sums + r * NR, vf_load_some(c + r * ldc, lo));
        vf_store(sums + r * NR + VL, vf_load_some(c + r * ldc + second, hi));
    }
    multiply_all(tall, kc, a, b, sums, NR, add);
    for (size_t r = 0; r < m; r++) {
        vf_store_some(c + r * ldc, lo, vf_load(sums + r * NR));
        vf_store_some(c + r * ldc + second, hi, vf_load(sums + r * NR + VL));
    }
}

static void tile_amx(size_t m, size_t n, size_t kc, const void *a, const void *b, float *c,
                     size_t ldc, bool add)
{
    assert(m && m <= TALL && n && n <= NR);
    if (m == TALL && n == NR)
        multiply_all(true, kc, a, b, c, ldc, add);
    else if (m > 16)
        multiply_edge(true, m, n, kc, a, b, c, ldc, add);
    else
        multiply_edge(false, m, n, kc, a, b, c, ldc, add);
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
           [ENG_PREC_BF16] = {TALL, 0, pack_steps, pack_b_bf16, pack_w_bf16, tile_amx, begin, end}},
    .spin = {spin_f32, spin_amx},
    .read = read_all,
};
