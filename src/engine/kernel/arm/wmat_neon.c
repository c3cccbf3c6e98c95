/* wmat_neon.c - quantised weight matrices in plain NEON: products of bytes in 16 bits, which no two
 * signed bytes overflow, then added in pairs. */
#include "engine/kernel/arm/wmat_words.h"

static inline vi dot_codes(vi acc, vi w, vi a)
{
    int8x16_t x = vreinterpretq_s8_s32(w), y = vreinterpretq_s8_s32(a);
    int32x4_t lo = vpaddlq_s16(vmull_s8(vget_low_s8(x), vget_low_s8(y)));
    int32x4_t hi = vpaddlq_s16(vmull_high_s8(x, y));
    return vi_add(acc, vpaddq_s32(lo, hi));
}

static inline vi dot_bytes(vi acc, vi w, vi a)
{
    return dot_codes(acc, w, a);
}

static inline vi dot_tile(vi acc, vi a, vi w, vi abs_w)
{
    (void)abs_w;
    return dot_codes(acc, w, a);
}

#include "engine/kernel/vec/wmat_tmpl.h"

const eng_wmat_slots eng_wmat_slots_neon = {
    .bias = BIAS,
    .dot_rows = DOT_ROWS,
    .dot_most = DOT_ROWS,
    .tile_rows = TILE_ROWS,
    .row_step = 1,
    .quant = quant,
    .unpack = unpack,
    .tile = tile,
    .dot = dot,
    .spin = spin,
};
