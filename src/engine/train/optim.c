/* optim.c - initial values, learning rate, AdamW and Muon over the parameters of a layout. */
#include "engine/train/optim.h"

#include "base/mem.h"
#include "base/rng.h"
#include "engine/kernel/par.h"
#include "engine/train/muon.h"

#include <assert.h>
#include <math.h>

#define INIT_PIECE 4096 /* weights one task draws */
#define EMA_PIECE 65536

typedef struct init_job {
    float *p;
    uint64_t seed;
    size_t offset;
    double std;
} init_job;

/* One piece of a matrix; the index of a draw is the weight's place in the flat array. */
static void init_piece(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const init_job *j = arg;
    for (size_t i = j->offset + first; i < j->offset + first + n; i++)
        j->p[i] = (float)(j->std * sk_rng_normal(j->seed, SK_RNG_INIT, i));
}

/* Standard deviation of a matrix's initial weights. */
static double init_std(const eng_config *cfg, const eng_param *p)
{
    if (p->kind == ENG_P_EMBD || p->kind == ENG_P_POS_EMBD || p->kind == ENG_P_HEAD) return 0.02;
    double std = 1.0 / sqrt((double)p->cols);
    bool to_stream = p->kind == ENG_P_O || p->kind == ENG_P_DOWN;
    return to_stream ? std / sqrt(2.0 * cfg->n_layer) : std;
}

/* Padding between parameters stays zero, so that checkpoints are the same bytes. */
void eng_init_params(eng_exec *x, const eng_config *cfg, const eng_layout *l, uint64_t seed,
                     float *params)
{
    for (size_t i = 0; i < l->n_floats; i++)
        params[i] = 0.0f;
    for (size_t i = 0; i < l->n_params; i++) {
        const eng_param *p = &l->param[i];
        size_t n = p->rows * p->cols;
        if (p->is_matrix) {
            init_job j = {params, seed, p->offset, init_std(cfg, p)};
            eng_par_rows(x, n, INIT_PIECE, init_piece, &j);
        } else if (!eng_param_is_bias(p->kind)) {
            for (size_t k = 0; k < n; k++)
                params[p->offset + k] = 1.0f;
        }
    }
}

/* Counted so that neither the first nor the last step has a rate of zero: a step that changes
 * nothing is a step wasted. */
double eng_lr_at(const eng_train_opts *o, uint64_t s)
{
    assert(o->steps > 0 && s < o->steps);
    const double pi = 3.14159265358979323846;
    double n = (double)o->steps, at = (double)s + 1;
    double warm = floor(o->warmup_frac * n), decay = floor(o->decay_frac * n);
    if (at <= warm) return o->lr * at / (warm + 1);
    if (o->cosine) {
        double part = (at - warm) / (n - warm + 1);
        return o->lr * (o->min_lr_frac + (1 - o->min_lr_frac) * 0.5 * (1 + cos(pi * part)));
    }
    if (at <= n - decay) return o->lr;
    double left = (n - at + 1) / (decay + 1);
    return o->lr * (o->min_lr_frac + (1 - o->min_lr_frac) * left);
}

/* ---- the mean of the weights ---- */

typedef struct ema_job {
    float *mean, keep;
    const float *p;
} ema_job;

static void ema_piece(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const ema_job *j = arg;
    for (size_t i = first; i < first + n; i++)
        j->mean[i] += (1 - j->keep) * (j->p[i] - j->mean[i]);
}

void eng_ema_step(eng_exec *x, double keep, uint64_t t, size_t n, float *mean, const float *p)
{
    double early = (1 + (double)t) / (10 + (double)t);
    ema_job j = {mean, (float)(keep < early ? keep : early), p};
    eng_par_rows(x, n, EMA_PIECE, ema_piece, &j);
}

/* ---- the optimiser ---- */

#define V_ALIGN 16 /* floats: one cache line */

struct eng_optim {
    eng_exec *x;
    const eng_train_opts *o;
    const eng_config *cfg;
    const eng_layout *l;
    eng_muon *muon; /* NULL: AdamW alone */
    size_t *v_at;   /* [n_params] eng_optim_v_offset */
};

/* Matrices that turn one stream of activations into another; a table that is looked up and the
 * head, whose rows are tokens, are not such. */
static bool is_muon(const eng_train_opts *o, const eng_param *p)
{
    eng_place at = eng_param_place(p->kind);
    return o->optimizer == ENG_MUON && p->is_matrix && p->rows > 1 && p->cols > 1 &&
           at != ENG_AT_TOP && at != ENG_AT_END;
}

/* Matrices that stand above each other in one parameter: rows of part `i` of it, 0 behind the last.
 * Each is orthogonalised by itself. */
static size_t part_rows(const eng_config *c, const eng_param *p, size_t i)
{
    size_t q = (size_t)c->n_head * c->head_dim, k = (size_t)c->n_kv_head * c->head_dim;
    switch (p->kind) {
    case ENG_P_QKV:
        return i == 0 ? q : i == 1 ? k : i == 2 ? p->rows - q - k : 0;
    case ENG_P_UP:
        return i == 0                    ? (c->fused_gate ? p->rows / 2 : p->rows)
               : i == 1 && c->fused_gate ? p->rows / 2
                                         : 0;
    case ENG_P_EXP_GATE_UP:
        return i < 2 ? p->rows / 2 : 0;
    default:
        return i == 0 ? p->rows : 0;
    }
}

static size_t max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Largest matrix of Muon's, and its largest smaller side. */
static void muon_sizes(const eng_train_opts *o, const eng_config *cfg, const eng_layout *l,
                       size_t *floats, size_t *side)
{
    *floats = *side = 0;
    for (size_t i = 0; i < l->n_params; i++) {
        const eng_param *p = &l->param[i];
        for (size_t k = 0, n; is_muon(o, p) && (n = part_rows(cfg, p, k)) > 0; k++) {
            *floats = max_size(*floats, n * p->cols);
            *side = max_size(*side, n < p->cols ? n : p->cols);
        }
    }
}

/* Places in the array of second moments, into at (may be NULL); returns its length.  With AdamW
 * alone it has the order and padding of the layout. */
static size_t place_v(const eng_train_opts *o, const eng_layout *l, size_t *at)
{
    size_t used = 0;
    for (size_t i = 0; i < l->n_params; i++) {
        const eng_param *p = &l->param[i];
        bool none = is_muon(o, p);
        if (at) at[i] = none ? SIZE_MAX : used;
        size_t n = p->outer * p->rows * p->cols;
        if (!none) used += (n + V_ALIGN - 1) / V_ALIGN * V_ALIGN;
    }
    return used;
}

eng_optim_need eng_optim_needs(const eng_train_opts *o, const eng_config *cfg, const eng_layout *l)
{
    size_t floats, side;
    muon_sizes(o, cfg, l, &floats, &side);
    return (eng_optim_need){place_v(o, l, NULL), eng_muon_bytes(floats, side)};
}

sk_status eng_optim_open(eng_exec *x, const eng_train_opts *o, const eng_config *cfg,
                         const eng_layout *l, eng_prec prec, eng_optim **out, sk_err *e)
{
    eng_optim *op = sk_calloc(SK_MEM_TRAIN, 1, sizeof(*op));
    if (!op) return sk_fail(e, SK_E_NOMEM, "no memory for the optimiser");
    *op = (eng_optim){.x = x, .o = o, .cfg = cfg, .l = l};
    op->v_at = sk_calloc(SK_MEM_TRAIN, l->n_params, sizeof(*op->v_at));
    sk_status st = op->v_at ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for the optimiser");
    size_t floats, side;
    muon_sizes(o, cfg, l, &floats, &side);
    if (!st && floats) st = eng_muon_open(x, prec, floats, side, &op->muon, e);
    if (st) {
        eng_optim_close(op);
        return st;
    }
    (void)place_v(o, l, op->v_at);
    *out = op;
    return SK_OK;
}

void eng_optim_close(eng_optim *op)
{
    if (!op) return;
    eng_muon_close(op->muon);
    sk_free(op->v_at);
    sk_free(op);
}

size_t eng_optim_v_offset(const eng_optim *op, size_t param)
{
    assert(param < op->l->n_params);
    return op->v_at[param];
}

/* Bias corrections are worked out here, in double: the kernel is elementwise. */
static eng_adamw adamw_of(const eng_train_opts *o, const eng_update *u, bool decays)
{
    return (eng_adamw){
        .lr = (float)u->lr,
        .b1 = (float)o->beta1,
        .b2 = (float)o->beta2,
        .eps = 1e-8f,
        .grad_scale = (float)u->grad_scale,
        .c1 = (float)(1.0 / (1.0 - pow(o->beta1, (double)u->t))),
        .c2 = (float)(1.0 / (1.0 - pow(o->beta2, (double)u->t))),
        .decay = decays ? (float)o->weight_decay : 0.0f,
    };
}

/* Every expert, and every part of it, by itself. */
static void muon_param(eng_optim *op, const eng_update *u, const eng_param *q, float *p,
                       const float *g, float *m)
{
    const eng_train_opts *o = op->o;
    double own = o->muon_lr > 0 ? o->muon_lr / o->lr : 1;
    eng_muon_rule r = {
        .lr = (float)(u->lr * own),
        .decay = (float)o->weight_decay,
        .momentum = (float)o->muon_momentum,
        .grad_scale = (float)u->grad_scale,
    };
    size_t at = q->offset;
    assert(op->muon && o->lr > 0);
    for (size_t x = 0; x < q->outer; x++)
        for (size_t k = 0, n; (n = part_rows(op->cfg, q, k)) > 0; k++) {
            eng_muon_step(op->muon, &r, n, q->cols, p + at, g + at, m + at);
            at += n * q->cols;
        }
    assert(at == q->offset + q->outer * q->rows * q->cols);
}

void eng_optim_param(eng_optim *op, const eng_update *u, size_t i, float *p, const float *g,
                     float *m, float *v)
{
    assert(u->t >= 1 && i < op->l->n_params);
    const eng_param *q = &op->l->param[i];
    size_t at = q->offset, n = q->outer * q->rows * q->cols;
    if (op->v_at[i] == SIZE_MAX) {
        muon_param(op, u, q, p, g, m);
        return;
    }
    eng_adamw a = adamw_of(op->o, u, q->is_matrix);
    eng_par_adamw(op->x, p + at, g + at, m + at, v + op->v_at[i], n, &a);
}

/* One call for each parameter, since decay is a property of the parameter. */
void eng_optim_step(eng_optim *op, const eng_update *u, float *p, const float *g, float *m,
                    float *v)
{
    for (size_t i = 0; i < op->l->n_params; i++)
        eng_optim_param(op, u, i, p, g, m, v);
}
