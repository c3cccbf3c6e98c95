/* hist.c - cells by the leading bits of a number. */
#include "fleet/sim/hist.h"

#include <math.h>

enum { SUB = 1 << FLT_HIST_BITS };

/* Below SUB each number has a cell; above, each power of two has SUB of them. */
static int cell_of(uint64_t v)
{
    if (v < SUB) return (int)v;
    int shift = 63 - __builtin_clzll(v) - FLT_HIST_BITS;
    int cell = ((shift + 1) << FLT_HIST_BITS) + (int)((v >> shift) - SUB);
    return cell < FLT_HIST_CELLS ? cell : FLT_HIST_CELLS - 1;
}

/* The middle of a cell. */
static double middle(int cell)
{
    if (cell < SUB) return cell;
    int shift = (cell >> FLT_HIST_BITS) - 1;
    return ldexp(SUB + (cell & (SUB - 1)) + 0.5, shift);
}

void flt_hist_add(flt_hist *h, int64_t ns)
{
    uint64_t v = ns > 0 ? (uint64_t)ns : 0;
    h->cell[cell_of(v)]++;
    h->n++;
    h->sum += (double)v;
}

double flt_hist_at(const flt_hist *h, double q)
{
    uint64_t want = (uint64_t)ceil(q * (double)h->n), seen = 0;
    if (!h->n) return 0;
    if (want < 1) want = 1;
    for (int i = 0; i < FLT_HIST_CELLS; i++) {
        seen += h->cell[i];
        if (seen >= want) return middle(i) * 1e-9;
    }
    return middle(FLT_HIST_CELLS - 1) * 1e-9;
}

double flt_hist_mean(const flt_hist *h)
{
    return h->n ? h->sum / (double)h->n * 1e-9 : 0;
}
