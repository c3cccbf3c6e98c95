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

/* over the words of the above */
#include "engine/kernel/arm/wmat_signed.h"
#include "engine/kernel/vec/wmat_tmpl.h"

const eng_wmat_slots eng_wmat_slots_neon = WMAT_SLOTS(DOT_ROWS, DOT_ROWS);
