/* elem.c - elementwise updates, sums and conversions, the definitions.  The x86 versions of all but
 * the sum give the same bits. */
#include "engine/kernel/slots.h"
#include "engine/tensor/dtype.h"

#include <math.h>

/* Each product and sum is rounded by itself (no fused multiply-add). */
void eng_adamw_f32_c(float *p, const float *g, float *m, float *v, size_t n, const eng_adamw *o)
{
    float d1 = 1.0f - o->b1, d2 = 1.0f - o->b2;
    for (size_t i = 0; i < n; i++) {
        float gi = g[i] * o->grad_scale;
        m[i] = o->b1 * m[i] + d1 * gi;
        v[i] = o->b2 * v[i] + d2 * (gi * gi);
        float step = m[i] * o->c1 / (sqrtf(v[i] * o->c2) + o->eps);
        p[i] -= o->lr * (step + o->decay * p[i]);
    }
}

void eng_add_f32_c(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += x[i];
}

void eng_add_rows_f32_c(float *y, size_t ldy, const float *b, size_t n_rows, size_t n)
{
    for (size_t r = 0; r < n_rows; r++)
        eng_add_f32_c(y + r * ldy, b, n);
}

void eng_axpy_f32_c(float *y, float a, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += a * x[i];
}

void eng_scale_f32_c(float *x, float a, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] *= a;
}

double eng_sumsq_f32_c(const float *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * x[i];
    return sum;
}

void eng_bf16_of_f32_c(uint16_t *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = eng_bf16_of(x[i]);
}

void eng_f32_of_bf16_c(float *y, const uint16_t *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = eng_bf16_to(x[i]);
}

void eng_f32_of_f16_c(float *y, const uint16_t *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = eng_f16_to(x[i]);
}

void eng_f16_of_f32_c(uint16_t *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = eng_f16_of(x[i]);
}
