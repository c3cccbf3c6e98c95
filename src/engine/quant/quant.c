/* quant.c - which row functions belong to which type, and what every packer needs done first. */
#include "engine/quant/quant.h"

#include "engine/quant/blocks.h"
#include "engine/quant/rows.h"

#include <assert.h>
#include <float.h>
#include <stdint.h>

typedef void (*unpack_fn)(const void *src, float *dst, size_t n_blocks);
typedef void (*pack_fn)(const float *x, const float *w, void *dst);

/* How a packer takes numbers and importance: as they are, or fit for the searches of fit.h. */
typedef enum pack_how { PACK_AS_IS, PACK_SEARCH_IF_WEIGHED, PACK_SEARCH } pack_how;

typedef struct format {
    unpack_fn unpack;
    pack_fn pack;
    pack_how how;
    float share; /* of the mean importance added to each (search_weights) */
} format;

/* Found by trying: with these the weighed error is below that of ggml, and the plain one is not far
 * from it or below. */
#define SCALE_SHARE 0.05f
#define LINE_SHARE 0.2f

/* The block formats, by ggml's number of the type. */
static const format formats[] = {
    [ENG_Q4_0] = {eng_unpack_q4_0, eng_pack_q4_0, PACK_SEARCH_IF_WEIGHED, SCALE_SHARE},
    [ENG_Q4_1] = {eng_unpack_q4_1, eng_pack_q4_1, PACK_SEARCH_IF_WEIGHED, LINE_SHARE},
    [ENG_Q5_0] = {eng_unpack_q5_0, eng_pack_q5_0, PACK_SEARCH_IF_WEIGHED, SCALE_SHARE},
    [ENG_Q5_1] = {eng_unpack_q5_1, eng_pack_q5_1, PACK_SEARCH_IF_WEIGHED, LINE_SHARE},
    [ENG_Q8_0] = {eng_unpack_q8_0, eng_pack_q8_0, PACK_AS_IS, 0},
    [ENG_Q2_K] = {eng_unpack_q2_k, eng_pack_q2_k, PACK_SEARCH, LINE_SHARE},
    [ENG_Q3_K] = {eng_unpack_q3_k, eng_pack_q3_k, PACK_SEARCH, SCALE_SHARE},
    [ENG_Q4_K] = {eng_unpack_q4_k, eng_pack_q4_k, PACK_SEARCH, LINE_SHARE},
    [ENG_Q5_K] = {eng_unpack_q5_k, eng_pack_q5_k, PACK_SEARCH, LINE_SHARE},
    [ENG_Q6_K] = {eng_unpack_q6_k, eng_pack_q6_k, PACK_SEARCH, SCALE_SHARE},
    [ENG_IQ4_NL] = {eng_unpack_iq4_nl, eng_pack_iq4_nl, PACK_AS_IS, 0},
    [ENG_IQ4_XS] = {eng_unpack_iq4_xs, eng_pack_iq4_xs, PACK_AS_IS, 0},
    [ENG_MXFP4] = {eng_unpack_mxfp4, eng_pack_mxfp4, PACK_AS_IS, 0},
};

/* The functions of a block format; those of the plain types (F32, F16, BF16), which have no row or
 * stand past the table's end, are NULL. */
static format format_of(eng_dtype t)
{
    if ((size_t)t < sizeof(formats) / sizeof(formats[0])) return formats[t];
    return (format){NULL, NULL, PACK_AS_IS, 0};
}

/* n elements of any type to float. */
void eng_quant_unpack(eng_dtype t, const void *src, float *dst, size_t n)
{
    unpack_fn fn = format_of(t).unpack;
    if (!fn) {
        eng_dtype_to_f32(t, src, dst, n);
        return;
    }
    size_t block = eng_dtype_block(t);
    assert(n % block == 0);
    fn(src, dst, n / block);
}

/* n numbers of which none is greater than `most`; NaN becomes 0. */
static void clean_numbers(const float *x, float most, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float v = x[i] > -most ? x[i] : -most;
        v = v < most ? v : most;
        out[i] = x[i] == x[i] ? v : 0;
    }
}

/* n weights; what is no positive finite number is 0. */
static void clean_weights(const float *importance, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = importance[i] > 0 && importance[i] <= FLT_MAX ? importance[i] : 0;
}

/* n clean weights for the searches: the largest is 1, and a share of the mean is added to each,
 * so that columns the calibration hardly touched are not given up.  All alike if all are 0.
 * Division by the largest keeps the sums of fit.h within float's range. */
static void search_weights(float *w, size_t n, float share)
{
    float most = 0, mean = 0;
    for (size_t i = 0; i < n; i++)
        most = w[i] > most ? w[i] : most;
    for (size_t i = 0; i < n; i++) {
        w[i] = most > 0 ? w[i] / most : 1;
        mean += w[i];
    }
    mean /= (float)n;
    for (size_t i = 0; i < n; i++)
        w[i] = (w[i] + share * mean) / (1 + share * mean);
}

/* One block of a row. 1e9 is what fit.h can square and sum without overflow. */
static void pack_block(const format *f, const float *src, size_t n, const float *importance,
                       void *dst)
{
    float x[ENG_QK], w[ENG_QK];
    bool search = f->how == PACK_SEARCH || (f->how == PACK_SEARCH_IF_WEIGHED && importance);
    assert(n <= ENG_QK);
    clean_numbers(src, search ? 1e9f : FLT_MAX, x, n);
    if (importance) clean_weights(importance, w, n);
    for (size_t i = 0; i < n && !importance; i++)
        w[i] = 1;
    if (search) search_weights(w, n, f->share);
    f->pack(x, search || importance ? w : NULL, dst);
}

/* rows x cols floats to type t. */
void eng_quant_pack(eng_dtype t, const float *src, void *dst, size_t rows, size_t cols,
                    const float *importance)
{
    format f = format_of(t);
    size_t block = eng_dtype_block(t), bytes = eng_dtype_block_bytes(t);
    if (!f.pack) {
        eng_dtype_of_f32(t, src, dst, rows * cols);
        return;
    }
    uint8_t *to = dst;
    assert(cols % block == 0);
    for (size_t r = 0; r < rows; r++, src += cols)
        for (size_t i = 0; i < cols; i += block, to += bytes)
            pack_block(&f, src + i, block, importance ? importance + i : NULL, to);
}

/* What the workers share. */
typedef struct pack_job {
    eng_dtype type;
    const float *src, *importance;
    uint8_t *dst;
    size_t rows, cols, rows_each;
} pack_job;

/* One task: rows_each rows. */
static void pack_task(void *arg, size_t task, size_t worker)
{
    const pack_job *j = arg;
    size_t first = task * j->rows_each, n = j->rows - first;
    (void)worker;
    eng_quant_pack(j->type, j->src + first * j->cols,
                   j->dst + first * eng_dtype_bytes(j->type, j->cols),
                   n < j->rows_each ? n : j->rows_each, j->cols, j->importance);
}

/* The rows in tasks of about 64 thousand elements.  Rows are packed one by one in any case, so
 * that cutting them into tasks changes nothing. */
void eng_quant_pack_on(sk_pool *pool, eng_dtype t, const float *src, void *dst, size_t rows,
                       size_t cols, const float *importance)
{
    if (!rows || !cols) return;
    size_t each = 65536 / cols;
    pack_job j = {t, src, importance, dst, rows, cols, each ? each : 1};
    sk_pool_run(pool, (rows + j.rows_each - 1) / j.rows_each, pack_task, &j);
}
