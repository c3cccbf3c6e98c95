/* wmat_dotprod.c - quantised weight matrices by sdot: four products of signed bytes and their sum a
 * lane. */
#include "engine/kernel/arm/wmat_words.h"

static inline vi dot_codes(vi acc, vi w, vi a)
{
    return vdotq_s32(acc, vreinterpretq_s8_s32(w), vreinterpretq_s8_s32(a));
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

const eng_wmat_slots eng_wmat_slots_dotprod = {
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
