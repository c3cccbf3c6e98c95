/* dial.c - a model and how to train it from one number: rules of thumb, each with its origin.
 *
 * Shapes: heads of 64, 53 units of width a layer (rounded to whole heads), as nanochat's 64 times
 * depth but a little deeper, which small models gain from; a third to a half as many heads of keys
 * and values; SwiGLU with 8/3 of the width.  The vocabulary grows with the model, since a token
 * costs a row of the embedding.
 *
 * Data: 20 tokens a parameter (J. Hoffmann and others, "Training compute-optimal large language
 * models", 2022) unless told otherwise.  Batch: grows with the tokens to the power 0.383, the
 * exponent nanochat goes by, from what measurements on small models showed best at 4 million.
 * Rate: falls with the root of the width from what was best at a width of 192.
 */
#include "engine/engine.h"

#include <assert.h>
#include <math.h>

enum { HEAD = 64, UNITS = 53, MAX_DEPTH = 96 };

/* Numbers that can be shared out: whole ones up to 4, even ones up to 16, then fours. */
static uint32_t heads_of(uint32_t depth)
{
    uint32_t n = (depth * UNITS + HEAD / 2) / HEAD, unit = n <= 4 ? 1 : n <= 16 ? 2 : 4;
    return n ? (n + unit - 1) / unit * unit : 1;
}

/* The largest divisor of heads that is at most 0.4 of them, rounded. */
static uint32_t kv_heads_of(uint32_t heads)
{
    uint32_t n = (uint32_t)(0.4 * heads + 0.5);
    while (n > 1 && heads % n)
        n--;
    return n ? n : 1;
}

void eng_dial_shape(uint32_t depth, eng_train_opts *o)
{
    assert(depth > 0);
    o->layers = depth;
    o->heads = heads_of(depth);
    o->dim = o->heads * HEAD;
    o->kv_heads = kv_heads_of(o->heads);
    o->ffn = o->dim * 8 / 3 / HEAD * HEAD;
    o->vocab = depth <= 4 ? 4096 : depth <= 8 ? 8192 : depth <= 16 ? 16384 : 32768;
    o->context = depth <= 4 ? 256 : depth <= 5 ? 512 : 1024;
}

double eng_dial_params(const eng_train_opts *o)
{
    double d = o->dim, kv = d / o->heads * o->kv_heads;
    double layer = 2 * d * d + 2 * d * kv + 3 * d * o->ffn + 2 * d;
    return layer * o->layers + d * o->vocab * (o->tied ? 1 : 2) + d;
}

/* Distance is that of the logarithms. */
uint32_t eng_dial_depth(double params)
{
    assert(params > 0);
    eng_train_opts o;
    uint32_t best = 1;
    double least = INFINITY;
    for (uint32_t depth = 1; depth <= MAX_DEPTH; depth++) {
        eng_train_opts_default(&o);
        eng_dial_shape(depth, &o);
        double far = fabs(log(eng_dial_params(&o) / params));
        if (far < least) {
            least = far;
            best = depth;
        }
    }
    return best;
}

/* A power of two times the context: rows come whole. */
uint64_t eng_dial_batch(double tokens, uint32_t context)
{
    assert(context > 0);
    double want = 2048 * pow(tokens / 4e6, 0.383);
    double batch = exp2(round(log2(want < 2048 ? 2048 : want)));
    return batch > context ? (uint64_t)batch / context * context : context;
}

double eng_dial_lr(const eng_train_opts *o)
{
    double at_192 = o->optimizer == ENG_MUON ? 5e-3 : 4e-3;
    double lr = at_192 * sqrt(192.0 / o->dim);
    double unit = pow(10, floor(log10(lr)) - 1); /* two digits are all it knows */
    return round(lr / unit) * unit;
}
