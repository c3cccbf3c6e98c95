/* model_ref.c - a decoder in double: one token after the other, nothing shared, nothing fused. */
#include "tests/grad/model_ref.h"

#include "base/rng.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WIDTH = 256, MAX_CTX = 64 };

/* Everything a row needs: per layer keys and values, and the residual stream. */
typedef struct row_state {
    double x[MAX_CTX][MAX_WIDTH];
    double k[MAX_CTX][MAX_WIDTH], v[MAX_CTX][MAX_WIDTH], q[MAX_CTX][MAX_WIDTH];
} row_state;

/* A model: its parameters by kind and layer. */
typedef struct model {
    const eng_config *c;
    const eng_layout *l;
    const double *params;
} model;

/* NULL where the model has no such parameter. */
static const double *maybe(const model *m, eng_param_kind kind, uint32_t layer)
{
    size_t i = eng_layout_find(m->l, kind, layer);
    return i == SIZE_MAX ? NULL : m->params + m->l->param[i].offset;
}

static const double *weight(const model *m, eng_param_kind kind, uint32_t layer)
{
    const double *w = maybe(m, kind, layer);
    assert(w);
    return w;
}

static void rms(const double *x, const double *w, size_t n, double eps, double *y)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    double r = 1.0 / sqrt(sum / (double)n + eps);
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * r * w[i];
}

/* The norm of kind w with bias b of the residual stream. */
static void norm(const model *m, eng_param_kind w, eng_param_kind b, uint32_t layer,
                 const double *x, double *y)
{
    size_t n = m->c->n_embd;
    double mean = 0, var = 0, eps = (double)m->c->rms_eps;
    const double *wp = weight(m, w, layer), *bp = maybe(m, b, layer);
    if (m->c->norm == ENG_NORM_RMS) {
        rms(x, wp, n, eps, y);
        return;
    }
    for (size_t i = 0; i < n; i++)
        mean += x[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        var += (x[i] - mean) * (x[i] - mean) / (double)n;
    for (size_t i = 0; i < n; i++)
        y[i] = (x[i] - mean) / sqrt(var + eps) * wp[i] + (bp ? bp[i] : 0);
}

/* y[out] = W[out, in] x + b, b may be NULL. */
static void product(const double *w, const double *b, const double *x, size_t out, size_t in,
                    double *y)
{
    for (size_t o = 0; o < out; o++) {
        double sum = b ? b[o] : 0;
        for (size_t i = 0; i < in; i++)
            sum += w[o * in + i] * x[i];
        y[o] = sum;
    }
}

static double or_one(float x)
{
    return x != 0.0f ? (double)x : 1;
}

static void rope(const model *m, uint32_t layer, double *head, size_t pos)
{
    const eng_config *c = m->c;
    bool local = eng_config_is_local(c, layer);
    size_t n_rot = eng_config_n_rot(c), half = n_rot / 2;
    const double *factors = maybe(m, ENG_P_ROPE_FREQS, 0);
    double theta =
        (double)(local && c->rope_theta_local != 0.0f ? c->rope_theta_local : c->rope_theta);
    double scale = local && c->local_unscaled ? 1 : or_one(c->rope_factor);
    if (!eng_config_rotates(c, layer)) return;
    for (size_t i = 0; i < half; i++) {
        size_t a = c->rope_form == ENG_ROPE_HALF ? i : 2 * i;
        size_t b = c->rope_form == ENG_ROPE_HALF ? i + half : 2 * i + 1;
        double f = pow(theta, -2.0 * (double)i / (double)n_rot) * (double)pos / scale;
        if (factors) f /= (double)(float)factors[i];
        double x = head[a], y = head[b];
        head[a] = x * cos(f) - y * sin(f);
        head[b] = x * sin(f) + y * cos(f);
    }
}

/* Norm over each head (if the model has it), then RoPE. */
static void turn(const model *m, uint32_t layer, const double *w, double *x, size_t heads,
                 size_t pos)
{
    for (size_t h = 0; h < heads; h++) {
        double *head = x + h * m->c->head_dim;
        if (w) rms(head, w, m->c->head_dim, (double)m->c->rms_eps, head);
        rope(m, layer, head, pos);
    }
}

/* q, k and v of a token, from one matrix or three. */
static void project(const model *m, uint32_t layer, const double *xn, double *q, double *k,
                    double *v)
{
    const eng_config *c = m->c;
    size_t d = c->n_embd, nq = (size_t)c->n_head * c->head_dim, nk = c->n_kv_head * c->head_dim;
    const double *all = maybe(m, ENG_P_QKV, layer), *b = maybe(m, ENG_P_QKV_BIAS, layer);
    if (all) {
        product(all, b, xn, nq, d, q);
        product(all + nq * d, b ? b + nq : NULL, xn, nk, d, k);
        product(all + (nq + nk) * d, b ? b + nq + nk : NULL, xn, nk, d, v);
        return;
    }
    product(weight(m, ENG_P_Q, layer), maybe(m, ENG_P_Q_BIAS, layer), xn, nq, d, q);
    product(weight(m, ENG_P_K, layer), maybe(m, ENG_P_K_BIAS, layer), xn, nk, d, k);
    product(weight(m, ENG_P_V, layer), maybe(m, ENG_P_V_BIAS, layer), xn, nk, d, v);
}

/* out[head_dim]: what query head h at position t sees of keys first .. t. */
static void attend(const eng_config *c, const row_state *s, size_t t, size_t first, size_t h,
                   double *out)
{
    size_t hd = c->head_dim, kv = h / (c->n_head / c->n_kv_head) * hd;
    double scale = c->attn_scale != 0.0f ? (double)c->attn_scale : 1 / sqrt((double)hd);
    double p[MAX_CTX], max = -INFINITY, sum = 0, cap = (double)c->attn_softcap;
    for (size_t j = first; j <= t; j++) {
        double dot = 0;
        for (size_t i = 0; i < hd; i++)
            dot += s->q[t][h * hd + i] * s->k[j][kv + i];
        p[j] = dot * scale;
        if (cap > 0) p[j] = cap * tanh(p[j] / cap);
        if (p[j] > max) max = p[j];
    }
    for (size_t j = first; j <= t; j++)
        sum += p[j] = exp(p[j] - max);
    for (size_t i = 0; i < hd; i++) {
        out[i] = 0;
        for (size_t j = first; j <= t; j++)
            out[i] += p[j] / sum * s->v[j][kv + i];
    }
}

/* x += what a block gives, through the norm behind it. */
static void join(const model *m, uint32_t layer, eng_param_kind post, eng_param_kind post_bias,
                 const double *y, double *x)
{
    double normed[MAX_WIDTH];
    if (maybe(m, post, layer)) {
        norm(m, post, post_bias, layer, y, normed);
        y = normed;
    }
    for (size_t i = 0; i < m->c->n_embd; i++)
        x[i] += or_one(m->c->residual_scale) * y[i];
}

static void attention_layer(const model *m, uint32_t layer, row_state *s, const ref_batch *b,
                            size_t row)
{
    const eng_config *c = m->c;
    size_t d = c->n_embd, q = (size_t)c->n_head * c->head_dim;
    double xn[MAX_WIDTH], out[MAX_WIDTH], y[MAX_WIDTH];
    for (size_t t = 0; t < b->n_ctx; t++) {
        norm(m, ENG_P_ATTN_NORM, ENG_P_ATTN_NORM_BIAS, layer, s->x[t], xn);
        project(m, layer, xn, s->q[t], s->k[t], s->v[t]);
        turn(m, layer, maybe(m, ENG_P_Q_NORM, layer), s->q[t], c->n_head, t);
        turn(m, layer, maybe(m, ENG_P_K_NORM, layer), s->k[t], c->n_kv_head, t);
    }
    for (size_t t = 0; t < b->n_ctx; t++) {
        size_t first = b->first ? (size_t)b->first[row * b->n_ctx + t] : 0;
        if (eng_config_is_local(c, layer) && t + 1 > c->window && first < t + 1 - c->window)
            first = t + 1 - c->window;
        for (size_t h = 0; h < c->n_head; h++)
            attend(c, s, t, first, h, out + h * c->head_dim);
        product(weight(m, ENG_P_O, layer), maybe(m, ENG_P_O_BIAS, layer), out, d, q, y);
        join(m, layer, ENG_P_ATTN_POST_NORM, ENG_P_ATTN_POST_NORM_BIAS, y, s->x[t]);
    }
}

static double activated(double x, eng_act act)
{
    switch (act) {
    case ENG_ACT_SILU:
        return x / (1 + exp(-x));
    case ENG_ACT_GELU_TANH:
        return x / 2 * (1 + tanh(sqrt(2 / 3.14159265358979) * (x + 0.044715 * x * x * x)));
    case ENG_ACT_GELU_ERF:
        return x / 2 * (1 + erf(x / sqrt(2.0)));
    case ENG_ACT_GELU_QUICK:
        return x / (1 + exp(-1.702 * x));
    case ENG_ACT_RELU:
        return x > 0 ? x : 0;
    case ENG_ACT_RELU2:
        return x > 0 ? x * x : 0;
    default:
        return NAN;
    }
}

static void ffn_layer(const model *m, uint32_t layer, row_state *s, size_t n_ctx)
{
    const eng_config *c = m->c;
    size_t d = c->n_embd, ff = c->n_ff;
    double xn[MAX_WIDTH], gate[MAX_WIDTH], up[MAX_WIDTH], y[MAX_WIDTH];
    const double *wg = maybe(m, ENG_P_GATE, layer), *bg = maybe(m, ENG_P_GATE_BIAS, layer);
    const double *wu = weight(m, ENG_P_UP, layer), *bu = maybe(m, ENG_P_UP_BIAS, layer);
    if (c->fused_gate) {
        wg = wu;
        wu += ff * d;
    }
    for (size_t t = 0; t < n_ctx; t++) {
        norm(m, ENG_P_FFN_NORM, ENG_P_FFN_NORM_BIAS, layer, s->x[t], xn);
        product(wu, bu, xn, ff, d, up);
        if (wg) product(wg, bg, xn, ff, d, gate);
        for (size_t i = 0; i < ff; i++)
            up[i] = wg ? activated(gate[i], c->act) * up[i] : activated(up[i], c->act);
        product(weight(m, ENG_P_DOWN, layer), maybe(m, ENG_P_DOWN_BIAS, layer), up, d, ff, y);
        join(m, layer, ENG_P_FFN_POST_NORM, ENG_P_FFN_POST_NORM_BIAS, y, s->x[t]);
    }
}

/* -log p(target) of a token whose residual stream is x; its logits too. */
static double head(const model *m, const double *x, int32_t target, double *logits)
{
    const eng_config *c = m->c;
    double xn[MAX_WIDTH], own[MAX_WIDTH], *z = logits ? logits : own, max = -INFINITY, sum = 0;
    double cap = (double)c->logit_softcap;
    assert(c->n_vocab <= MAX_WIDTH);
    norm(m, ENG_P_OUT_NORM, ENG_P_OUT_NORM_BIAS, 0, x, xn);
    product(weight(m, c->tied ? ENG_P_EMBD : ENG_P_HEAD, 0), maybe(m, ENG_P_HEAD_BIAS, 0), xn,
            c->n_vocab, c->n_embd, z);
    for (size_t i = 0; i < c->n_vocab; i++) {
        z[i] *= or_one(c->logit_scale);
        if (cap > 0) z[i] = cap * tanh(z[i] / cap);
        max = z[i] > max ? z[i] : max;
    }
    for (size_t i = 0; i < c->n_vocab; i++)
        sum += exp(z[i] - max);
    return target < 0 ? 0 : max + log(sum) - z[target];
}

/* Where the residual stream of token t of a row begins. */
static void embed(const model *m, const ref_batch *b, size_t row, size_t t, double *x)
{
    size_t d = m->c->n_embd, at = row * b->n_ctx + t, first = b->first ? (size_t)b->first[at] : 0;
    const double *table = weight(m, ENG_P_EMBD, 0) + (size_t)b->ids[at] * d;
    const double *pos = maybe(m, ENG_P_POS_EMBD, 0);
    for (size_t i = 0; i < d; i++)
        x[i] = or_one(m->c->embd_scale) * table[i] + (pos ? pos[(t - first) * d + i] : 0);
}

double ref_loss(const eng_config *cfg, const eng_layout *l, const double *params,
                const ref_batch *b, double *logits)
{
    double loss = 0;
    model m = {cfg, l, params};
    row_state *s = calloc(1, sizeof(*s));
    assert(s && b->n_ctx <= MAX_CTX);
    for (size_t r = 0; r < b->rows; r++) {
        for (size_t t = 0; t < b->n_ctx; t++)
            embed(&m, b, r, t, s->x[t]);
        for (uint32_t i = 0; i < cfg->n_layer; i++) {
            attention_layer(&m, i, s, b, r);
            ffn_layer(&m, i, s, b->n_ctx);
        }
        for (size_t t = 0; t < b->n_ctx; t++) {
            size_t at = r * b->n_ctx + t;
            loss += head(&m, s->x[t], b->target[at], logits ? logits + at * cfg->n_vocab : NULL);
        }
    }
    free(s);
    return loss;
}

void ref_draw(const eng_layout *l, float *params, double *exact)
{
    for (size_t i = 0; i < l->n_params; i++) {
        const eng_param *p = &l->param[i];
        for (size_t k = p->offset; k < p->offset + p->rows * p->cols; k++) {
            double z = sk_rng_normal(7, SK_RNG_TEST, k);
            params[k] = (float)(p->is_matrix ? 0.3 * z : 1 + 0.2 * z);
            exact[k] = (double)params[k];
        }
    }
}
