/* quantize.c - a model file with its matrices in other types.
 *
 * Tensors go through in slabs of rows: unpacked to floats, checked and packed by the pool's
 * workers, then written.  What a row becomes depends on the row alone, so the file is the same for
 * any number of threads.
 */
#include "engine/format/quantize.h"

#include "base/mem.h"
#include "base/thread.h"
#include "engine/format/gguf_type.h"
#include "engine/quant/quant.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TASK_ELEMENTS = 1 << 16, SLAB_TASKS = 64 };

/* What is wrong with a row. */
typedef enum fault { FINE, NOT_FINITE, TOO_LARGE } fault;

/* A slab of rows on its way. */
typedef struct slab {
    eng_dtype from, to;
    const uint8_t *src; /* rows as they are */
    uint8_t *dst;       /* rows as they will be */
    size_t rows, cols, rows_each;
    size_t row0, matrix_rows; /* the slab's first row in the tensor; rows of each of its matrices */
    const float *importance;  /* [matrices][cols] or NULL */
    float *scratch;           /* [workers][rows_each][cols] */
    fault found[SLAB_TASKS];  /* by task */
} slab;

/* A run of the whole. */
typedef struct job {
    const eng_gguf *g;
    const eng_quantize_opts *o;
    eng_gguf_writer *w;
    sk_pool *pool;
    eng_mix_choice *choice;
    eng_quantize_result result;
    uint64_t done, total; /* elements */
    slab s;
    size_t scratch_bytes, dst_bytes; /* what s.scratch and s.dst hold */
} job;

/* Looks floats through.  Half floats, and the scales of all quantised types, end at 65504. */
static fault check(const float *x, size_t n, bool wide)
{
    float most = wide ? INFINITY : 65504.0f;
    unsigned bad = 0, large = 0;
    for (size_t i = 0; i < n; i++) {
        bad |= !(fabsf(x[i]) < INFINITY);
        large |= fabsf(x[i]) > most;
    }
    return bad ? NOT_FINITE : large ? TOO_LARGE : FINE;
}

/* Some rows of a slab. */
static void slab_task(void *arg, size_t task, size_t worker)
{
    slab *s = arg;
    size_t first = task * s->rows_each, n = s->rows - first;
    if (n > s->rows_each) n = s->rows_each;
    float *x = s->scratch + worker * s->rows_each * s->cols;
    eng_quant_unpack(s->from, s->src + first * eng_dtype_bytes(s->from, s->cols), x, n * s->cols);
    s->found[task] = check(x, n * s->cols, s->to == ENG_F32 || s->to == ENG_BF16);
    size_t bytes = eng_dtype_bytes(s->to, s->cols);
    for (size_t r = 0; r < n; r++) {
        size_t matrix = (s->row0 + first + r) / s->matrix_rows;
        eng_quant_pack(s->to, x + r * s->cols, s->dst + (first + r) * bytes, 1, s->cols,
                       s->importance ? s->importance + matrix * s->cols : NULL);
    }
}

/* Grows a buffer. */
static sk_status grow(void **p, size_t *have, size_t need, sk_err *e)
{
    if (need <= *have) return SK_OK;
    sk_free(*p);
    *p = sk_alloc(SK_MEM_SCRATCH, need);
    *have = *p ? need : 0;
    return *p ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for %zu bytes of rows", need);
}

/* Says what is wrong with a tensor. */
static sk_status say_fault(const slab *s, size_t n_tasks, eng_str name, sk_err *e)
{
    for (size_t i = 0; i < n_tasks; i++)
        if (s->found[i])
            return sk_fail(
                e, SK_E_CORRUPT, "the tensor %.*s holds a number that is %s", (int)name.n, name.p,
                s->found[i] == NOT_FINITE ? "not finite" : "too large for the type it would get");
    return SK_OK;
}

/* Calls the caller back. */
static sk_status advance(job *j, uint64_t elements, eng_str name, sk_err *e)
{
    j->done += elements;
    if (!j->o->progress || j->o->progress(j->o->arg, j->done, j->total, name)) return SK_OK;
    return sk_fail(e, SK_E_STOPPED, "stopped; nothing was written");
}

/* Converts and writes tensor t, whose slab has its types and importance. */
static sk_status convert(job *j, const eng_gguf_tensor *t, sk_err *e)
{
    slab *s = &j->s;
    size_t rows = (size_t)(t->dim[1] * t->dim[2] * t->dim[3]);
    s->cols = (size_t)t->dim[0];
    s->matrix_rows = (size_t)t->dim[1];
    s->rows_each = s->cols < TASK_ELEMENTS ? TASK_ELEMENTS / s->cols : 1;
    size_t slab_rows = s->rows_each * SLAB_TASKS < rows ? s->rows_each * SLAB_TASKS : rows;
    size_t row_bytes = eng_dtype_bytes(s->to, s->cols);
    sk_status st = grow((void **)&s->scratch, &j->scratch_bytes,
                        sk_pool_size(j->pool) * s->rows_each * s->cols * sizeof(float), e);
    if (!st) st = grow((void **)&s->dst, &j->dst_bytes, slab_rows * row_bytes, e);
    for (size_t r = 0; r < rows && !st; r += slab_rows) {
        s->row0 = r;
        s->rows = rows - r < slab_rows ? rows - r : slab_rows;
        s->src = (const uint8_t *)t->data + r * eng_dtype_bytes(s->from, s->cols);
        size_t n_tasks = (s->rows + s->rows_each - 1) / s->rows_each;
        assert(n_tasks <= SLAB_TASKS);
        sk_pool_run(j->pool, n_tasks, slab_task, s);
        st = say_fault(s, n_tasks, t->name, e);
        if (!st) st = eng_gguf_write_raw(j->w, s->dst, s->rows * row_bytes, e);
        if (!st) st = advance(j, s->rows * s->cols, t->name, e);
    }
    return st;
}

/* The importance of a tensor's columns into the slab, NULL without an entry. */
static sk_status find_importance(job *j, const eng_gguf_tensor *t, sk_err *e)
{
    size_t n = 0;
    j->s.importance = j->o->imatrix ? eng_imatrix_find(j->o->imatrix, t->name, &n) : NULL;
    if (j->o->imatrix && !j->s.importance) j->result.n_unweighed++;
    if (!j->s.importance || n == t->dim[0] * t->dim[2] * t->dim[3]) return SK_OK;
    return sk_fail(e, SK_E_FORMAT,
                   "the importance matrix has %zu values for %.*s, which has %" PRIu64
                   " columns: it is of another model",
                   n, (int)t->name.n, t->name.p, t->dim[0] * t->dim[2] * t->dim[3]);
}

/* Elements of a tensor. */
static uint64_t elements(const eng_gguf_tensor *t)
{
    return t->dim[0] * t->dim[1] * t->dim[2] * t->dim[3];
}

/* One tensor: as it is, or converted. */
static sk_status put_tensor(job *j, size_t i, sk_err *e)
{
    const eng_gguf_tensor *t = eng_gguf_tensor_at(j->g, i);
    if (j->choice[i].type == t->type) {
        sk_status st = eng_gguf_write_raw(j->w, t->data, (size_t)t->bytes, e);
        return st ? st : advance(j, elements(t), t->name, e);
    }
    j->result.n_changed++;
    j->s.from = (eng_dtype)t->type;
    j->s.to = (eng_dtype)j->choice[i].type;
    sk_status st = find_importance(j, t, e);
    return st ? st : convert(j, t, e);
}

/* Chooses types, counts, and refuses sources that may not be changed. */
static sk_status plan(job *j, sk_err *e)
{
    const eng_mix_opts mo = {j->o->mix, j->o->pure, j->o->imatrix != NULL};
    size_t n = eng_gguf_n_tensors(j->g);
    sk_status st = j->o->copy ? SK_OK : eng_mix_choose(j->g, &mo, j->choice, e);
    for (size_t i = 0; i < n && !st; i++) {
        const eng_gguf_tensor *t = eng_gguf_tensor_at(j->g, i);
        eng_mix_choice *c = &j->choice[i];
        if (j->o->copy) *c = (eng_mix_choice){t->type, false};
        j->total += elements(t);
        j->result.bytes_before += t->bytes;
        j->result.n_fallback += c->is_fallback;
        if (c->type == t->type) continue;
        size_t block = eng_dtype_block((eng_dtype)t->type);
        if (!block)
            st = sk_fail(e, SK_E_UNSUPPORTED, "the tensor %.*s has type %s, which can't be read",
                         (int)t->name.n, t->name.p, eng_gguf_type_name(t->type));
        else if (block > 1 && !j->o->allow_requantize)
            st = sk_fail(e, SK_E_INVALID,
                         "the tensor %.*s is quantised already (%s): start from the original, or "
                         "give --allow-requantize and lose more",
                         (int)t->name.n, t->name.p, eng_gguf_type_name(t->type));
    }
    j->result.n_tensors = n;
    return st;
}

/* Keys: what is new first, then the source's. */
static void put_keys(job *j)
{
    if (!j->o->copy) {
        eng_gguf_put_u32(j->w, "general.quantization_version", 2);
        eng_gguf_put_u32(j->w, "general.file_type", eng_mix_number(j->o->mix));
    }
    if (j->o->imatrix && !j->o->copy) {
        const char *file = j->o->imatrix_file ? j->o->imatrix_file : "";
        eng_gguf_put_str(j->w, "quantize.imatrix.file", file, strlen(file));
        int32_t n = (int32_t)eng_imatrix_count(j->o->imatrix);
        eng_gguf_put_value(j->w, "quantize.imatrix.entries_count", ENG_GGUF_I32, &n);
    }
    eng_gguf_copy_keys(j->w, j->g);
}

/* Declares all tensors, then writes them. */
static sk_status put_tensors(job *j, sk_err *e)
{
    size_t n = eng_gguf_n_tensors(j->g);
    for (size_t i = 0; i < n; i++) {
        const eng_gguf_tensor *t = eng_gguf_tensor_at(j->g, i);
        char name[80];
        (void)snprintf(name, sizeof name, "%.*s", (int)t->name.n, t->name.p);
        eng_gguf_add_shape(j->w, name, j->choice[i].type, t->n_dims, t->dim);
        uint32_t block, bytes;
        eng_gguf_block(j->choice[i].type, &block, &bytes);
        j->result.bytes_after += elements(t) / block * bytes;
    }
    sk_status st = SK_OK;
    for (size_t i = 0; i < n && !st; i++)
        st = put_tensor(j, i, e);
    return st;
}

/* Writes the file, or leaves none. */
static sk_status write_file(job *j, const char *dst, sk_err *e)
{
    sk_status st = eng_gguf_create(dst, &j->w, e);
    if (st) return st;
    put_keys(j);
    st = put_tensors(j, e);
    if (!st) return eng_gguf_commit(j->w, e);
    eng_gguf_abort(j->w);
    return st;
}

sk_status eng_quantize(const eng_gguf *g, const char *dst, const eng_quantize_opts *o,
                       eng_quantize_result *out, sk_err *e)
{
    job j = {.g = g, .o = o};
    size_t n = eng_gguf_n_tensors(g);
    j.choice = sk_calloc(SK_MEM_MISC, n + 1, sizeof *j.choice);
    if (!j.choice) return sk_fail(e, SK_E_NOMEM, "no memory for %zu tensors", n);
    sk_status st = plan(&j, e);
    if (!st) st = sk_pool_open(o->threads, &j.pool, e);
    if (!st) st = write_file(&j, dst, e);
    if (!st) *out = j.result;
    sk_pool_close(j.pool);
    sk_free(j.s.scratch);
    sk_free(j.s.dst);
    sk_free(j.choice);
    return st;
}
