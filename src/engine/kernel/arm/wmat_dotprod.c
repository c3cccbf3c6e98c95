/* wmat_dotprod.c - quantised weight matrices by sdot: four products of signed bytes and their sum a
 * lane. */
#include "engine/kernel/arm/wmat_words.h"

static inline vi dot_codes(vi acc, vi w, vi a)
{
    return vdotq_s32(acc, vreinterpretq_s8_s32(w), vreinterpretq_s8_s32(a));
}

/* over the words of the above */
#include "engine/kernel/arm/wmat_signed.h"
#include "engine/kernel/vec/wmat_tmpl.h"

const eng_wmat_slots eng_wmat_slots_dotprod = WMAT_SLOTS(DOT_ROWS, DOT_ROWS);
