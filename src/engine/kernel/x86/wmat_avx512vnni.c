/* wmat_avx512vnni.c - quantised weight matrices by vpdpbusd, which multiplies unsigned bytes by
 * signed ones. */
enum { BIAS = 128, TILE_V = 2, TILE_ROWS = 8 };
#define ROWS(F) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8)

#include "engine/kernel/x86/w512.h"

/* over the words of the above */
#include "engine/kernel/vec/wmat_tmpl.h"

void eng_wmat_dot_avx512vnni(const eng_wform *f, size_t m, size_t n, size_t n_blocks, eng_wacts a,
                             const void *groups, float *c, size_t ldc, bool add)
{
    dot(f, m, n, n_blocks, a, groups, c, ldc, add);
}

const eng_wmat_slots eng_wmat_slots_avx512vnni = WMAT_SLOTS(DOT_ROWS, 2 * DOT_ROWS);
