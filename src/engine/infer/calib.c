/* calib.c - importance matrices: a text goes through the model, and for every matrix the squares of
 * what its columns are multiplied with are added up.
 *
 * The file is that of llama.cpp's llama-imatrix in its GGUF form (format/imatrix.h reads it): for a
 * tensor NAME the sums NAME.in_sum2 [matrices, columns] and the rows seen NAME.counts [matrices,
 * 1], a matrix being an expert or all there is.  As there, the output matrix has none.  Sums are in
 * double and in the order of the text, so the file does not depend on the number of threads.
 */
#include "base/mem.h"
#include "engine/format/gguf.h"
#include "engine/infer/session.h"
#include "engine/infer/windows.h"
#include "engine/kernel/par.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Tokens a step takes, and columns a worker adds up at a time. */
#define STEP_TOKENS ((size_t)2048)
#define COLUMNS ((size_t)256)

/* Which input a parameter's matrix reads. */
static const struct {
    eng_param_kind kind;
    eng_input in;
} reads[] = {
    {ENG_P_QKV, ENG_IN_QKV},
    {ENG_P_Q, ENG_IN_QKV},
    {ENG_P_K, ENG_IN_QKV},
    {ENG_P_V, ENG_IN_QKV},
    {ENG_P_O, ENG_IN_O},
    {ENG_P_GATE, ENG_IN_UP},
    {ENG_P_UP, ENG_IN_UP},
    {ENG_P_DOWN, ENG_IN_DOWN},
    {ENG_P_EXP_GATE, ENG_IN_EXP_UP},
    {ENG_P_EXP_UP, ENG_IN_EXP_UP},
    {ENG_P_EXP_GATE_UP, ENG_IN_EXP_UP},
    {ENG_P_EXP_DOWN, ENG_IN_EXP_DOWN},
    {ENG_P_SH_GATE, ENG_IN_SH_UP},
    {ENG_P_SH_UP, ENG_IN_SH_UP},
    {ENG_P_SH_DOWN, ENG_IN_SH_DOWN},
};

/* What was added up of one input of a layer. */
typedef struct input {
    size_t n_mats, n;
    double *sum;   /* [n_mats, n]; NULL where no matrix reads it */
    double *count; /* [n_mats] rows seen */
} input;

typedef struct calib {
    eng_exec *x;
    const eng_model *m;
    const eng_calib_opts *o;
    eng_windows w;
    eng_session *s;
    sk_arena *arena;
    input *input;        /* [n_layer, ENG_IN_N] */
    size_t n_seq;        /* windows run together */
    eng_step_item *item; /* [n_seq] */
    int32_t *window;     /* [n_seq, n_ctx] */
} calib;

/* ---- what is seen ---- */

typedef struct rows {
    double *sum;
    const float *x;
    size_t ldx, n_rows;
} rows;

/* Columns [first, first + n): row after row. */
static void add_columns(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const rows *r = arg;
    for (size_t i = 0; i < r->n_rows; i++)
        for (size_t c = first; c < first + n; c++) {
            double v = (double)r->x[i * r->ldx + c];
            r->sum[c] += v * v;
        }
}

static void see(void *arg, eng_input in, uint32_t layer, size_t expert, const float *x, size_t ldx,
                size_t n_rows)
{
    const calib *c = arg;
    input *t = &c->input[layer * ENG_IN_N + in];
    if (!t->sum) return;
    assert(expert < t->n_mats && t->n <= ldx);
    rows r = {t->sum + expert * t->n, x, ldx, n_rows};
    eng_par_rows(c->x, t->n, COLUMNS, add_columns, &r);
    t->count[expert] += (double)n_rows;
}

/* ---- running ---- */

/* The input that a parameter reads; NULL for those that have none (norms, tables, routers). */
static input *input_of(const calib *c, const eng_param *p)
{
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++)
        if (reads[i].kind == p->kind) return &c->input[p->layer * ENG_IN_N + reads[i].in];
    return NULL;
}

/* Room for the sums of every input that some matrix reads. */
static sk_status alloc_inputs(calib *c, sk_err *e)
{
    const eng_layout *l = &c->m->layout;
    c->input = sk_arena_calloc(c->arena, (size_t)l->n_layer * ENG_IN_N, sizeof *c->input);
    if (!c->input) return sk_fail(e, SK_E_NOMEM, "no memory for the sums of %u layers", l->n_layer);
    for (size_t i = 0; i < l->n_params; i++) {
        const eng_param *p = &l->param[i];
        input *t = input_of(c, p);
        if (!t || t->sum) continue;
        t->n_mats = p->outer;
        t->n = p->cols;
        t->sum = sk_arena_calloc(c->arena, p->outer * p->cols, sizeof *t->sum);
        t->count = sk_arena_calloc(c->arena, p->outer, sizeof *t->count);
        if (!t->sum || !t->count)
            return sk_fail(e, SK_E_NOMEM, "no memory for the sums of %s", p->name);
    }
    return SK_OK;
}

/* All that a run needs; the session shows what it reads from then on. */
static sk_status open_all(calib *c, sk_err *e)
{
    c->arena = sk_arena_new(SK_MEM_SCRATCH);
    c->n_seq = STEP_TOKENS / c->w.n_ctx;
    if (c->n_seq > c->w.n) c->n_seq = c->w.n;
    if (c->n_seq < 1) c->n_seq = 1;
    size_t tokens = c->n_seq * c->w.n_ctx;
    if (!c->arena || !(c->item = sk_new_n(c->arena, eng_step_item, c->n_seq)) ||
        !(c->window = sk_new_n(c->arena, int32_t, tokens)))
        return sk_fail(e, SK_E_NOMEM, "no memory for windows of %zu tokens", c->w.n_ctx);
    sk_status st = alloc_inputs(c, e);
    eng_session_opts so = {.n_slots = c->n_seq, .n_ctx = c->w.n_ctx, .max_step = tokens};
    if (!st) st = eng_session_open(c->x, c->m, &so, &c->s, e);
    if (!st) eng_session_watch(c->s, &(eng_watch){see, c});
    return st;
}

/* All windows, n_seq in a step.  States are asked for, not logits: then the last layer computes all
 * rows too, and the head none. */
static sk_status run(calib *c, sk_err *e)
{
    const eng_calib_opts *o = c->o;
    for (size_t done = 0; done < c->w.n;) {
        size_t n = c->w.n - done < c->n_seq ? c->w.n - done : c->n_seq;
        if (o->progress) o->progress(o->arg, done, c->w.n);
        if (o->stop && o->stop(o->arg)) return sk_fail(e, SK_E_STOPPED, "stopped");
        eng_windows_copy(&c->w, done, n, c->window);
        for (size_t i = 0; i < n; i++)
            c->item[i] = (eng_step_item){.slot = (uint32_t)i,
                                         .n = c->w.n_ctx,
                                         .ids = c->window + i * c->w.n_ctx,
                                         .want = ENG_WANT_STATES};
        sk_status st = eng_session_step(c->s, c->item, n, e);
        if (st) return st;
        done += n;
    }
    if (o->progress) o->progress(o->arg, c->w.n, c->w.n);
    return SK_OK;
}

/* ---- the file ---- */

/* Declares the two tensors of every matrix. */
static void declare_all(const calib *c, eng_gguf_writer *w, eng_calib *got)
{
    const eng_layout *l = &c->m->layout;
    for (size_t i = 0; i < l->n_params; i++) {
        const input *t = input_of(c, &l->param[i]);
        char name[80];
        if (!t) continue;
        snprintf(name, sizeof name, "%s.in_sum2", l->param[i].name);
        eng_gguf_add_tensor(w, name, ENG_F32, t->n_mats, t->n, false);
        snprintf(name, sizeof name, "%s.counts", l->param[i].name);
        eng_gguf_add_tensor(w, name, ENG_F32, t->n_mats, 1, false);
        got->entries++;
    }
}

/* n sums as floats into room, which is written. */
static sk_status write_sums(eng_gguf_writer *w, const char *name, const double *sum, size_t n,
                            float *room, sk_err *e)
{
    for (size_t i = 0; i < n; i++) {
        room[i] = (float)sum[i];
        if (!isfinite(room[i]))
            return sk_fail(e, SK_E_INVALID, "what %s is multiplied with is not finite", name);
    }
    return eng_gguf_write_f32(w, room, e);
}

/* Writes what was declared; room holds the longest tensor. */
static sk_status write_all(const calib *c, eng_gguf_writer *w, float *room, eng_calib *got,
                           sk_err *e)
{
    const eng_layout *l = &c->m->layout;
    sk_status st = SK_OK;
    for (size_t i = 0; i < l->n_params && !st; i++) {
        const char *name = l->param[i].name;
        const input *t = input_of(c, &l->param[i]);
        if (!t) continue;
        st = write_sums(w, name, t->sum, t->n_mats * t->n, room, e);
        if (!st) st = write_sums(w, name, t->count, t->n_mats, room, e);
        for (size_t j = 0; j < t->n_mats; j++)
            got->idle += t->count[j] == 0;
    }
    return st;
}

/* Floats of the longest tensor. */
static size_t longest(const calib *c)
{
    size_t most = 1;
    for (size_t i = 0; i < (size_t)c->m->layout.n_layer * ENG_IN_N; i++) {
        size_t n = c->input[i].n_mats * c->input[i].n;
        most = n > most ? n : most;
    }
    return most;
}

/* The keys are those that llama-quantize asks for. */
static sk_status save(const calib *c, const char *path, eng_calib *got, sk_err *e)
{
    static const char type[] = "imatrix";
    eng_str from = {c->o->dataset, strlen(c->o->dataset)};
    eng_gguf_writer *w = NULL;
    float *room = sk_arena_calloc(c->arena, longest(c), sizeof *room);
    if (!room) return sk_fail(e, SK_E_NOMEM, "no memory to write an importance matrix");
    sk_status st = eng_gguf_create(path, &w, e);
    if (st) return st;
    eng_gguf_put_str(w, "general.type", type, sizeof type - 1);
    eng_gguf_put_strs(w, "imatrix.datasets", &from, 1);
    eng_gguf_put_u32(w, "imatrix.chunk_count", (uint32_t)c->w.n);
    eng_gguf_put_u32(w, "imatrix.chunk_size", (uint32_t)c->w.n_ctx);
    declare_all(c, w, got);
    st = write_all(c, w, room, got, e);
    if (!st) return eng_gguf_commit(w, e);
    eng_gguf_abort(w);
    return st;
}

sk_status eng_calibrate(eng_exec *x, const eng_model *m, const char *text, size_t n,
                        const eng_calib_opts *o, const char *path, eng_calib *out, sk_err *e)
{
    calib c = {.x = x, .m = m, .o = o};
    if (m->cfg.encoder)
        return sk_fail(e, SK_E_UNSUPPORTED, "importance of an encoder's matrices is not measured");
    sk_status st = eng_windows_init(&c.w, m, o->n_ctx, text, n, e);
    eng_calib got = {.windows = c.w.n, .tokens = c.w.n * c.w.n_ctx};
    if (!st) st = open_all(&c, e);
    if (!st) st = run(&c, e);
    if (!st) st = save(&c, path, &got, e);
    if (!st) *out = got;
    eng_session_close(c.s);
    if (c.arena) sk_arena_free(c.arena);
    eng_windows_fini(&c.w);
    return st;
}
