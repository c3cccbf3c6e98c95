/* model_ref.c - a decoder in double: one token after the other, nothing shared, nothing fused. */
#include "tests/grad/model_ref.h"

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

static const double *weight(const eng_layout *l, const double *params, eng_param_kind kind,
                            uint32_t layer)
{
    size_t i = eng_layout_find(l, kind, layer);
    assert(i != SIZE_MAX);
    return params + l->param[i].offset;
}

static void norm(const double *x, const double *w, size_t n, double eps, double *y)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    double r = 1.0 / sqrt(sum / (double)n + eps);
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * r * w[i];
}

/* y[out] = W[out, in] x, added to y if `add`. */
static void product(const double *w, const double *x, size_t out, size_t in, double *y, bool add)
{
    for (size_t o = 0; o < out; o++) {
        double sum = add ? y[o] : 0;
        for (size_t i = 0; i < in; i++)
            sum += w[o * in + i] * x[i];
        y[o] = sum;
    }
}

static void rope(const eng_config *c, double *head, size_t pos)
{
    size_t half = c->head_dim / 2;
    for (size_t i = 0; i < half; i++) {
        size_t a = c->rope_form == ENG_ROPE_HALF ? i : 2 * i;
        size_t b = c->rope_form == ENG_ROPE_HALF ? i + half : 2 * i + 1;
        double f = pow(c->rope_theta, -2.0 * (double)i / c->head_dim) * (double)pos;
        double x = head[a], y = head[b];
        head[a] = x * cos(f) - y * sin(f);
        head[b] = x * sin(f) + y * cos(f);
    }
}

/* Norm over each head (if the model has it), then RoPE. */
static void turn(const eng_config *c, const double *w, double *x, size_t heads, size_t pos)
{
    for (size_t h = 0; h < heads; h++) {
        double *head = x + h * c->head_dim;
        if (w) norm(head, w, c->head_dim, (double)c->rms_eps, head);
        rope(c, head, pos);
    }
}

/* out[head_dim]: what query head h at position t sees of keys first .. t. */
static void attend(const eng_config *c, const row_state *s, size_t t, size_t first, size_t h,
                   double *out)
{
    size_t hd = c->head_dim, kv = h / (c->n_head / c->n_kv_head) * hd;
    double p[MAX_CTX], max = -INFINITY, sum = 0;
    for (size_t j = first; j <= t; j++) {
        double dot = 0;
        for (size_t i = 0; i < hd; i++)
            dot += s->q[t][h * hd + i] * s->k[j][kv + i];
        p[j] = dot / sqrt((double)hd);
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

static void attention_layer(const eng_config *c, const eng_layout *l, const double *params,
                            uint32_t layer, row_state *s, const ref_batch *b, size_t row)
{
    size_t d = c->n_embd, q = (size_t)c->n_head * c->head_dim, kv = c->n_kv_head * c->head_dim;
    const double *wq = c->qk_norm ? weight(l, params, ENG_P_Q_NORM, layer) : NULL;
    const double *wk = c->qk_norm ? weight(l, params, ENG_P_K_NORM, layer) : NULL;
    double xn[MAX_WIDTH], out[MAX_WIDTH];
    for (size_t t = 0; t < b->n_ctx; t++) {
        norm(s->x[t], weight(l, params, ENG_P_ATTN_NORM, layer), d, (double)c->rms_eps, xn);
        product(weight(l, params, ENG_P_Q, layer), xn, q, d, s->q[t], false);
        product(weight(l, params, ENG_P_K, layer), xn, kv, d, s->k[t], false);
        product(weight(l, params, ENG_P_V, layer), xn, kv, d, s->v[t], false);
        turn(c, wq, s->q[t], c->n_head, t);
        turn(c, wk, s->k[t], c->n_kv_head, t);
    }
    for (size_t t = 0; t < b->n_ctx; t++) {
        size_t first = b->first ? (size_t)b->first[row * b->n_ctx + t] : 0;
        for (size_t h = 0; h < c->n_head; h++)
            attend(c, s, t, first, h, out + h * c->head_dim);
        product(weight(l, params, ENG_P_O, layer), out, d, q, s->x[t], true);
    }
}

static void ffn_layer(const eng_config *c, const eng_layout *l, const double *params,
                      uint32_t layer, row_state *s, size_t n_ctx)
{
    double xn[MAX_WIDTH], gate[MAX_WIDTH], up[MAX_WIDTH];
    for (size_t t = 0; t < n_ctx; t++) {
        norm(s->x[t], weight(l, params, ENG_P_FFN_NORM, layer), c->n_embd, (double)c->rms_eps, xn);
        product(weight(l, params, ENG_P_GATE, layer), xn, c->n_ff, c->n_embd, gate, false);
        product(weight(l, params, ENG_P_UP, layer), xn, c->n_ff, c->n_embd, up, false);
        for (size_t i = 0; i < c->n_ff; i++)
            gate[i] *= up[i] / (1.0 + exp(-gate[i]));
        product(weight(l, params, ENG_P_DOWN, layer), gate, c->n_embd, c->n_ff, s->x[t], true);
    }
}

/* -log p(target) of a token whose residual stream is x; its logits too. */
static double head(const eng_config *c, const eng_layout *l, const double *params, const double *x,
                   int32_t target, double *logits)
{
    double xn[MAX_WIDTH], own[MAX_WIDTH], *z = logits ? logits : own, max = -INFINITY, sum = 0;
    assert(c->n_vocab <= MAX_WIDTH);
    norm(x, weight(l, params, ENG_P_OUT_NORM, 0), c->n_embd, (double)c->rms_eps, xn);
    product(weight(l, params, c->tied ? ENG_P_EMBD : ENG_P_HEAD, 0), xn, c->n_vocab, c->n_embd, z,
            false);
    for (size_t i = 0; i < c->n_vocab; i++)
        max = z[i] > max ? z[i] : max;
    for (size_t i = 0; i < c->n_vocab; i++)
        sum += exp(z[i] - max);
    return target < 0 ? 0 : max + log(sum) - z[target];
}

double ref_loss(const eng_config *cfg, const eng_layout *l, const double *params,
                const ref_batch *b, double *logits)
{
    double loss = 0;
    row_state *s = calloc(1, sizeof(*s));
    assert(s && b->n_ctx <= MAX_CTX);
    for (size_t r = 0; r < b->rows; r++) {
        const double *table = weight(l, params, ENG_P_EMBD, 0);
        for (size_t t = 0; t < b->n_ctx; t++)
            memcpy(s->x[t], table + (size_t)b->ids[r * b->n_ctx + t] * cfg->n_embd,
                   cfg->n_embd * sizeof(double));
        for (uint32_t i = 0; i < cfg->n_layer; i++) {
            attention_layer(cfg, l, params, i, s, b, r);
            ffn_layer(cfg, l, params, i, s, b->n_ctx);
        }
        for (size_t t = 0; t < b->n_ctx; t++) {
            size_t at = r * b->n_ctx + t;
            loss += head(cfg, l, params, s->x[t], b->target[at],
                         logits ? logits + at * cfg->n_vocab : NULL);
        }
    }
    free(s);
    return loss;
}
