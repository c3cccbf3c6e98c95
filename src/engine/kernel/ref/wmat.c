/* wmat.c - quantised weight matrices, the definition (wmat_slots.h). */
#include "engine/kernel/wmat_slots.h"
#include "engine/tensor/dtype.h"

#include <math.h>
#include <string.h>

enum { TILE_ROWS = 4 };

/* Codes and scale of one block of activations. */
static void quant_block(const float *a, uint8_t bias, eng_wacts to)
{
    uint32_t top = 0;
    for (size_t i = 0; i < ENG_QB; i++) {
        uint32_t bits;
        memcpy(&bits, &a[i], sizeof bits);
        bits &= 0x7fffffff; /* as an integer: in order, NaN above infinity */
        if (bits > top) top = bits;
    }
    float x, inverse = 0, sum[2] = {0, 0};
    memcpy(&x, &top, sizeof x);
    to.d[0] = 0;
    if (top >= 0x7f800000) {
        to.d[0] = NAN;
    } else if (x >= 0x1p-100f) {
        to.d[0] = x / 127;
        inverse = 127 / x;
    }
    for (size_t i = 0; i < ENG_QB; i++) {
        float code = inverse > 0 ? rintf(a[i] * inverse) : 0;
        to.q[i] = (uint8_t)((int)code + bias);
        sum[i / 16] += code;
    }
    to.half[0] = sum[0];
    to.half[1] = sum[1];
    to.sum[0] = sum[0] + sum[1];
}

static void quant(const float *a, size_t n_blocks, uint8_t bias, eng_wacts to)
{
    static const float none[ENG_QB];
    for (size_t b = 0; b < n_blocks; b++) {
        quant_block(a ? a + b * ENG_QB : none, bias, to);
        to.q += to.rows * ENG_QB;
        to.d += to.rows;
        to.sum += to.rows;
        to.half += 2 * to.rows;
    }
}

/* The code at byte `at` of step `i` of a block. */
static int code_at(eng_wcode code, const uint8_t *p, size_t i, size_t at)
{
    const uint8_t *high2 = p + (4 + i / 4) * ENG_WSTEP + at;
    int low4 = p[i / 2 * ENG_WSTEP + at] >> (i % 2 * 4) & 15;
    int low2 = p[i / 4 * ENG_WSTEP + at] >> (i % 4 * 2) & 3;
    switch (code) {
    case ENG_WC_8:
        return (int8_t)p[i * ENG_WSTEP + at];
    case ENG_WC_4_1:
        return low4 | (p[4 * ENG_WSTEP + at] >> i & 1) << 4;
    case ENG_WC_4_2:
        return low4 | (*high2 >> (i % 4 * 2) & 3) << 4;
    case ENG_WC_2:
        return low2;
    case ENG_WC_2_1:
        return low2 | (p[2 * ENG_WSTEP + at] >> i & 1) << 2;
    case ENG_WC_4:
    case ENG_WC_LOOKUP:
    case ENG_WC_N:
        break;
    }
    return low4;
}

static float f16_at(const uint8_t *p, size_t i)
{
    uint16_t h;
    memcpy(&h, p + 2 * i, sizeof h);
    return eng_f16_to(h);
}

/* Value `i` of the list of 6-bit values of a K45 column. */
static uint32_t k45_value(const uint8_t *words, size_t col, size_t i)
{
    uint32_t w[3];
    for (size_t j = 0; j < 3; j++)
        memcpy(&w[j], words + 128 * j + 4 * col, 4);
    if (i == 15) return w[0] >> 30 | w[1] >> 30 << 2 | w[2] >> 30 << 4;
    return w[i / 5] >> (6 * (i % 5)) & 63;
}

/* 2^(e - 128); denormal for e of 0 and 1. */
static float power(uint8_t e)
{
    return ldexpf(1.0f, (int)e - 128);
}

/* Scale and minimum of sub-block g of column col; s: the group's scales. */
static void scale_of(const eng_wform *f, const uint8_t *s, size_t g, size_t col, float *scale,
                     float *min)
{
    float d = f->scale == ENG_WS_E8 ? 0 : f16_at(s, col);
    *min = 0;
    switch (f->scale) {
    case ENG_WS_F16:
        *scale = d;
        return;
    case ENG_WS_F16_MIN:
        *scale = d;
        *min = f16_at(s + 64, col);
        return;
    case ENG_WS_E8:
        *scale = power(s[col]);
        return;
    case ENG_WS_K45:
        *scale = d * (float)k45_value(s + 128, col, g);
        *min = -(f16_at(s + 64, col) * (float)k45_value(s + 128, col, 8 + g));
        return;
    case ENG_WS_K8:
        *scale = d * (float)(int8_t)s[64 + 32 * g + col];
        return;
    case ENG_WS_K2:
        *scale = d * (float)(s[128 + 32 * g + col] & 15);
        *min = -(f16_at(s + 64, col) * (float)(s[128 + 32 * g + col] >> 4));
        return;
    }
}

static void unpack(const eng_wform *f, const void *groups, size_t n_blocks, eng_wchunk *w)
{
    assert(n_blocks <= ENG_WCHUNK);
    for (size_t b = 0; b < n_blocks; b++) {
        const uint8_t *group = (const uint8_t *)groups + b / f->blocks * f->group_bytes;
        const uint8_t *codes = group + b % f->blocks * f->block_bytes;
        const uint8_t *scales = group + f->blocks * f->block_bytes;
        for (size_t i = 0; i < 8; i++)
            for (size_t j = 0; j < ENG_WSTEP; j++) {
                int c = code_at(f->code, codes, i, j);
                w->q[b][i][j] = (int8_t)(f->values ? f->values[c] : c - f->offset);
            }
        for (size_t g = 0; g < f->subs; g++)
            for (size_t col = 0; col < ENG_WCOLS; col++)
                scale_of(f, scales, b % f->blocks * f->subs + g, col,
                         &w->scale[b * f->subs + g][col], &w->min[b * f->subs + g][col]);
    }
}

/* The exact sum of products of steps [i0, i1) for one column. */
static int32_t dot_steps(const uint8_t *a, int8_t w[8][ENG_WSTEP], size_t i0, size_t i1, size_t col)
{
    int32_t sum = 0;
    for (size_t i = i0; i < i1; i++)
        for (size_t t = 0; t < 4; t++)
            sum += (int8_t)a[4 * i + t] * w[i][4 * col + t];
    return sum;
}

/* The definition: what every other tile() must give to the bit, so the order of the fused
 * operations here is part of it (a block's groups, its minima, then the scale of the activations).
 */
static void tile(const eng_wform *f, size_t m, size_t n, size_t n_blocks, eng_wacts a,
                 const eng_wchunk *w, float *c, size_t ldc, bool add)
{
    eng_wchunk *chunk = (eng_wchunk *)(uintptr_t)w; /* rows of arrays have no const in C11 */
    size_t steps = 8u / f->subs;
    for (size_t r = 0; r < m; r++)
        for (size_t col = 0; col < n; col++) {
            float acc = add ? c[r * ldc + col] : 0;
            for (size_t b = 0; b < n_blocks; b++) {
                size_t here = b * a.rows + r;
                const uint8_t *q = a.q + here * ENG_QB;
                float inner = 0;
                for (size_t g = 0; g < f->subs; g++) {
                    float dot = (float)dot_steps(q, chunk->q[b], g * steps, (g + 1) * steps, col);
                    float scale = w->scale[b * f->subs + g][col];
                    inner = g ? fmaf(scale, dot, inner) : scale * dot;
                }
                for (size_t g = 0; f->mins && g < f->subs; g++)
                    inner = fmaf(w->min[b * f->subs + g][col],
                                 f->subs == 2 ? a.half[2 * here + g] : a.sum[here], inner);
                acc = fmaf(a.d[here], inner, acc);
            }
            c[r * ldc + col] = acc;
        }
}

/* One step of a column, over and over. */
static float spin(size_t n, double *ops)
{
    static int8_t w[8][ENG_WSTEP];
    static const uint8_t a[ENG_QB];
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += dot_steps(a, w, 0, 8, i % ENG_WCOLS);
    *ops += 2.0 * ENG_QB * (double)n;
    return (float)sum;
}

const eng_wmat_slots eng_wmat_slots_c = {
    .bias = 0,
    .dot_rows = 0,
    .tile_rows = TILE_ROWS,
    .row_step = 1,
    .quant = quant,
    .unpack = unpack,
    .tile = tile,
    .spin = spin,
};
