/* norm.c - RMSNorm and its gradient (Zhang, Sennrich 2019) and LayerNorm (Ba et al. 2016), the
 * definitions. */
#include "engine/kernel/slots.h"

#include <assert.h>
#include <math.h>

/* y[r,:] = x[r,:] * rstd[r] * w; the mean is taken in double. */
void eng_rmsnorm_f32_c(float *y, size_t ldy, float *rstd, const float *x, size_t ldx,
                       const float *w, size_t n_rows, size_t n, float eps)
{
    assert(n > 0);
    for (size_t r = 0; r < n_rows; r++, x += ldx, y += ldy) {
        double sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += (double)x[i] * x[i];
        float s = 1.0f / sqrtf((float)(sum / (double)n) + eps);
        for (size_t i = 0; i < n; i++)
            y[i] = w ? x[i] * s * w[i] : x[i] * s;
        if (rstd) rstd[r] = s;
    }
}

/* With s = rstd and u = dy * w:  dx += s u - x s^3 mean(u x),  dw += dy x s. */
void eng_rmsnorm_bwd_f32_c(float *dx, size_t lddx, float *dw, const float *dy, size_t lddy,
                           const float *x, size_t ldx, const float *w, const float *rstd,
                           size_t n_rows, size_t n)
{
    assert(n > 0);
    for (size_t r = 0; r < n_rows; r++, x += ldx, dx += lddx, dy += lddy) {
        float s = rstd[r];
        double dot = 0;
        for (size_t i = 0; i < n; i++)
            dot += (double)(dy[i] * w[i]) * x[i];
        float c = (float)(dot / (double)n) * s * s * s;
        for (size_t i = 0; i < n; i++) {
            dx[i] += dy[i] * w[i] * s - x[i] * c;
            dw[i] += dy[i] * (x[i] * s);
        }
    }
}

/* Mean and variance in double. */
void eng_layernorm_f32_c(float *y, size_t ldy, const float *x, size_t ldx, const float *w,
                         const float *b, size_t n_rows, size_t n, float eps)
{
    assert(n > 0);
    for (size_t r = 0; r < n_rows; r++, x += ldx, y += ldy) {
        double sum = 0, squares = 0;
        for (size_t i = 0; i < n; i++)
            sum += (double)x[i];
        float mean = (float)(sum / (double)n);
        for (size_t i = 0; i < n; i++)
            squares += (double)(x[i] - mean) * (double)(x[i] - mean);
        float s = 1.0f / sqrtf((float)(squares / (double)n) + eps);
        for (size_t i = 0; i < n; i++) {
            float u = (x[i] - mean) * s;
            u = w ? u * w[i] : u;
            y[i] = b ? u + b[i] : u;
        }
    }
}
