/* paired.c - two models on the same documents. */
#include "engine/eval/paired.h"

#include <assert.h>
#include <math.h>

/* The 0.975 quantile of Student's t with v >= 9 degrees of freedom, to 1e-4: the expansion of
 * Fisher and Cornish (1960), z the normal's. */
static double student(double v)
{
    const double z = 1.959963984540054, z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z;
    return z + (z3 + z) / (4 * v) + (5 * z5 + 16 * z3 + 3 * z) / (96 * v * v) +
           (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * v * v * v);
}

/* Bits a byte are a ratio of sums, d = sum(b - a) / sum(w), so its variance comes from the
 * residuals (b - a) - d w, whose sum is 0 (Cochran, Sampling Techniques, 1977, ch.  6): documents
 * of many bytes weigh as much in the interval as they do in the figure. */
bool eng_paired_compare(const eng_held_doc *live, const eng_held_doc *fresh, size_t n,
                        eng_paired *out)
{
    double a = 0, b = 0, w = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        assert(live[i].bytes == fresh[i].bytes);
        a += live[i].nats / log(2);
        b += fresh[i].nats / log(2);
        w += (double)live[i].bytes;
    }
    if (n < ENG_PAIRED_LEAST || !(w > 0)) return false;
    double d = (b - a) / w;
    for (size_t i = 0; i < n; i++) {
        double r = (fresh[i].nats - live[i].nats) / log(2) - d * (double)live[i].bytes;
        squares += r * r;
    }
    double half = student((double)n - 1) * sqrt((double)n / (double)(n - 1) * squares) / w;
    *out = (eng_paired){a / w, b / w, d, d - half, d + half, n};
    if (!isfinite(a) || !isfinite(b)) out->diff = out->low = out->high = NAN;
    return true;
}
