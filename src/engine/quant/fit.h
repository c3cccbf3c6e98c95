/* fit.h - the searches behind the packers: the grid of codes that lies nearest to a few numbers.
 *
 * Everything minimises sum w (x - y)^2, y being what the codes stand for.  Sums are formed in eight
 * lanes that are added in a fixed order, so that results are the same on every processor.  n is a
 * multiple of 8, at most 32; x is finite and at most 1e9 in size, w finite, not negative, at
 * most 1.
 */
#ifndef ENG_QUANT_FIT_H
#define ENG_QUANT_FIT_H

/* y = a q - b with codes q of 0 ... top. */
typedef struct eng_fit_line {
    float a, b;  /* spacing and depth */
    float error; /* sum w (x - y)^2 */
} eng_fit_line;

/* Sums of a line's fit over some numbers: of w, w x, w q, w q q, w x q. */
typedef struct eng_fit_sums {
    float w, x, q, qq, xq;
} eng_fit_sums;

/* Chooses the nearest codes (as floats, into q) for y = a q - b and returns the error. */
float eng_fit_codes(const float *x, const float *w, unsigned n, float a, float b, float top,
                    float *q);

/* The sums for given codes. */
eng_fit_sums eng_fit_sum(const float *x, const float *w, unsigned n, const float *q);

/* The best line found: a >= 0, and b >= 0 when `lowered`, else of any sign. */
eng_fit_line eng_fit_best_line(const float *x, const float *w, unsigned n, float top, int lowered);

/* y = a q with codes q of -top ... top - 1, or down to -top only where a's sign allows: the nearest
 * codes (as floats, into q); returns the error. */
float eng_fit_signed_codes(const float *x, const float *w, unsigned n, float a, float top,
                           float *q);

/* The best a found, of any sign. */
float eng_fit_best_scale(const float *x, const float *w, unsigned n, float top);

#endif
