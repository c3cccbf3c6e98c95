/* fit.c - nearest grids: several starts, each mended by least squares.
 *
 * Choosing codes for a given grid is rounding; choosing the grid for given codes is least
 * squares.  Neither alone finds the best of both, and in turn they only walk downhill to the
 * nearest valley: hence several starts.  Vectors of four floats are written in GCC's own form,
 * which every processor has, so that eight lanes and their order of summation are the same
 * everywhere.
 */
#include "engine/quant/fit.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

enum { MOST = 32, STEP = 8 /* two vectors */ };

/* Four floats or whole numbers: what every processor we build for has. */
typedef float v4 __attribute__((vector_size(16)));
typedef int32_t v4i __attribute__((vector_size(16)));

/* Four floats from any address. */
static inline v4 load(const float *p)
{
    v4 v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline v4 all(float x)
{
    return (v4){x, x, x, x};
}

/* The sum of two accumulators' lanes, always in this order. */
static inline float total(v4 a, v4 b)
{
    a += b;
    return (a[0] + a[2]) + (a[1] + a[3]);
}

/* The nearest codes of t within [0, top]; NaN gives 0.  Comparisons give masks of all ones, by
 * which the bits are taken: no branch, and a NaN, which is greater than nothing, becomes 0. */
static inline v4 nearest(v4 t, v4 top)
{
    t = (v4)((v4i)t & (t > all(0)));
    v4i below = t < top;
    t = (v4)(((v4i)t & below) | ((v4i)top & ~below));
    return __builtin_convertvector(__builtin_convertvector(t + all(0.5f), v4i), v4);
}

/* Nearest codes of four numbers on y = a q - b into q; the weighted squares of their errors. x =
 * a q - b is solved for q by the inverse, so that a block costs one division. */
static inline v4 line4(const float *x, const float *w, v4 a, v4 b, v4 inverse, v4 top, float *q)
{
    v4 xs = load(x), c = nearest((xs + b) * inverse, top), e = a * c - b - xs;
    memcpy(q, &c, sizeof c);
    return load(w) * (e * e);
}

/* Nearest codes of y = a q - b, and their error. */
float eng_fit_codes(const float *x, const float *w, unsigned n, float a, float b, float top,
                    float *q)
{
    v4 va = all(a), vb = all(b), inverse = all(a > 0 ? 1 / a : 0), vtop = all(top);
    v4 low = all(0), high = all(0);
    assert(n % STEP == 0);
    for (unsigned i = 0; i < n; i += STEP) {
        low += line4(x + i, w + i, va, vb, inverse, vtop, q + i);
        high += line4(x + i + 4, w + i + 4, va, vb, inverse, vtop, q + i + 4);
    }
    return total(low, high);
}

/* Five sums in one walk; each in two vectors that total() adds in one order. */
eng_fit_sums eng_fit_sum(const float *x, const float *w, unsigned n, const float *q)
{
    v4 s[5][2] = {{{0}}};
    assert(n % STEP == 0);
    for (unsigned i = 0; i < n; i += STEP)
        for (unsigned l = 0; l < 2; l++) {
            v4 vw = load(w + i + 4 * l), vq = load(q + i + 4 * l), wq = vw * vq;
            v4 wx = vw * load(x + i + 4 * l);
            s[0][l] += vw;
            s[1][l] += wx;
            s[2][l] += wq;
            s[3][l] += wq * vq;
            s[4][l] += wx * vq;
        }
    return (eng_fit_sums){total(s[0][0], s[0][1]), total(s[1][0], s[1][1]), total(s[2][0], s[2][1]),
                          total(s[3][0], s[3][1]), total(s[4][0], s[4][1])};
}

/* The least-squares line through codes with these sums: false when they don't determine one.
 * The normal equations of x = a q - b; with `lowered` a line that would rise above 0 is laid
 * through 0 instead, as the format cannot store it. */
static int solve_line(const eng_fit_sums *s, int lowered, float *a, float *b)
{
    float det = s->w * s->qq - s->q * s->q;
    if (!(det > 0)) return 0;
    *a = (s->w * s->xq - s->x * s->q) / det;
    *b = (s->q * s->xq - s->qq * s->x) / det;
    if (lowered && *b < 0) {
        *b = 0;
        *a = s->xq / s->qq;
    }
    return *a > 0;
}

/* From a start, codes and line in turn while it gets better; *best holds the best of all.  It
 * ends when a round made nothing better: the error never rises in exact arithmetic, so the rest
 * is rounding. */
static void descend(const float *x, const float *w, unsigned n, float top, int lowered, float a,
                    float b, unsigned rounds, eng_fit_line *best)
{
    float q[MOST], last = 0;
    assert(n <= MOST);
    for (unsigned r = 0; r <= rounds; r++) {
        float error = eng_fit_codes(x, w, n, a, b, top, q);
        if (error < best->error) *best = (eng_fit_line){a, b, error};
        if (r && error >= last) return;
        last = error;
        eng_fit_sums s = eng_fit_sum(x, w, n, q);
        if (!solve_line(&s, lowered, &a, &b)) return;
    }
}

/* Starts from the whole range of x and from narrower and wider ones.  A narrower range than the
 * numbers' own cuts off the outermost for the sake of the many; a wider one leaves codes unused,
 * which is sometimes nearer. */
eng_fit_line eng_fit_best_line(const float *x, const float *w, unsigned n, float top, int lowered)
{
    enum { STARTS = 13 };
    assert(n && n <= MOST);
    float least = x[0], most = x[0];
    for (unsigned i = 1; i < n; i++) {
        least = x[i] < least ? x[i] : least;
        most = x[i] > most ? x[i] : most;
    }
    if (lowered && least > 0) least = 0;
    float zero[MOST], range = most - least;
    /* one value for all: no scale, and the level if it may be taken */
    eng_fit_line best = {0, lowered && least > 0 ? 0 : -least, 0};
    best.error = eng_fit_codes(x, w, n, 0, best.b, top, zero);
    if (!(range > 0)) return best;
    float spacing = top > 8 ? 0.3f : 0.15f; /* in codes; found by trying */
    for (int i = 0; i < STARTS; i++) {
        float steps = top + spacing * (float)(i - 4);
        descend(x, w, n, top, lowered, range / steps, -least, 2, &best);
    }
    return best;
}

/* Nearest codes of four numbers on y = a q into q; the weighted squares of their errors. */
static inline v4 signed4(const float *x, const float *w, v4 a, v4 inverse, v4 top, float *q)
{
    v4 xs = load(x), c = nearest(xs * inverse + top, top + top - all(1)) - top, e = a * c - xs;
    memcpy(q, &c, sizeof c);
    return load(w) * (e * e);
}

/* Nearest codes of y = a q in [-top, top - 1].  Shifted up by top, the codes begin at 0, so one
 * rounding serves both kinds of grid. */
float eng_fit_signed_codes(const float *x, const float *w, unsigned n, float a, float top, float *q)
{
    v4 va = all(a), inverse = all(a != 0 ? 1 / a : 0), vtop = all(top);
    v4 low = all(0), high = all(0);
    assert(n % STEP == 0);
    for (unsigned i = 0; i < n; i += STEP) {
        low += signed4(x + i, w + i, va, inverse, vtop, q + i);
        high += signed4(x + i + 4, w + i + 4, va, inverse, vtop, q + i + 4);
    }
    return total(low, high);
}

/* Starts round x's largest number at either end of the codes.  The codes reach one further down
 * than up: so the largest number is tried with either sign of the scale. */
float eng_fit_best_scale(const float *x, const float *w, unsigned n, float top)
{
    enum { STARTS = 13 };
    float most = 0, best = 0, q[MOST];
    assert(n <= MOST);
    for (unsigned i = 0; i < n; i++)
        if ((x[i] < 0 ? -x[i] : x[i]) > (most < 0 ? -most : most)) most = x[i];
    float least = eng_fit_signed_codes(x, w, n, 0, top, q);
    for (int i = 0; i < 2 * STARTS && most != 0; i++) {
        int off = i / 2 - STARTS / 2;
        float a = (i % 2 ? most : -most) / (top + 0.15f * (float)off);
        for (int r = 0; r < 3; r++) {
            float error = eng_fit_signed_codes(x, w, n, a, top, q);
            if (error < least) {
                least = error;
                best = a;
            } else if (r) {
                break;
            }
            eng_fit_sums s = eng_fit_sum(x, w, n, q);
            if (!(s.qq > 0)) break;
            a = s.xq / s.qq;
        }
    }
    return best;
}
