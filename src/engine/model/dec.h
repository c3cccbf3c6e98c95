/* dec.h - what the files of the decoder share: its scratch, the step under way, operations on rows.
 *
 * decoder.c is the step from top to bottom; dec_attn.c, dec_mla.c, dec_ffn.c and dec_moe.c are its
 * blocks.  Rows are tokens; a row's values never depend on which other rows are in the step.
 */
#ifndef ENG_MODEL_DEC_H
#define ENG_MODEL_DEC_H

#include "engine/kernel/attn.h"
#include "engine/model/decoder.h"
#include "engine/model/rope.h"
#include "engine/model/route.h"

/* Rows of a piece of row-wise work. */
#define ENG_DEC_ROWS 8

/* Widths of rows of the scratch below, in floats. */
typedef struct eng_dec_sizes {
    size_t qkv, q, kv, att, ffn; /* floats of a row */
} eng_dec_sizes;

struct eng_decoder {
    eng_exec *x;                      /* who computes */
    const eng_model *m;               /* borrowed */
    const eng_kernels *kern;          /* x's table */
    sk_arena *arena;                  /* all of the below but lora */
    size_t max_rows, max_seqs, n_ctx; /* what was asked for at open */
    eng_dec_sizes size;               /* of this model */
    eng_rope rope[2];                 /* angles: of ordinary, of windowed layers */
    float *cos[2]; /* [max_rows, n_rot/2] of the step's rows; [1] is [0] where they are equal */
    float *sin[2]; /* likewise */
    float *res;    /* [max_rows, n_embd] residual stream */
    float *normed; /* [max_rows, n_embd] */
    float *branch; /* [max_rows, n_embd] what a block gives, where it is not added at once */
    float *qkv;    /* [max_rows, size.qkv] q, k, v; latent attention: q or q_a, kv_a */
    float *q;      /* [max_rows, size.q] latent attention: q */
    float *kv;     /* [max_rows, size.kv] latent attention: k and v of all heads, or absorbed q */
    float *att;    /* [max_rows, size.att] what attention gives */
    float *ffn;    /* [max_rows, size.ffn] gate and up side by side */
    float *part;   /* [max_rows, n_embd] an expert's rows */
    float *router; /* [max_rows, 2 n_expert] */
    eng_choice *chosen;   /* [max_rows, n_expert_used] */
    uint32_t *of_expert;  /* [max_rows * n_expert_used] choices by expert: number in `chosen` */
    size_t *expert_first; /* [n_expert + 1] */
    float *slope;         /* [n_head] ALiBi, or NULL */
    uint32_t *row_seq;    /* [max_rows] the piece a row belongs to */
    size_t *first_row;    /* [max_seqs] a piece's first row */
    eng_attn *item;       /* [max_seqs * n_kv_head] */
    float *lora;          /* [max_rows, lora_rank] of adapters, NULL before the first */
    size_t lora_rank;     /* the largest that fits */
    eng_watch watch;      /* see is NULL mostly */
};

/* A step under way. */
typedef struct eng_dec_step {
    eng_decoder *d;              /* its scratch holds the step's rows */
    const eng_seq *seq;          /* [n_seq] the pieces */
    size_t n_seq, n_rows, n_out; /* pieces; tokens of all; tokens whose logits are wanted */
    const eng_layer *layer;      /* the one being computed, and its number */
    uint32_t layer_no;           /* from 0 */
    bool adapted;                /* some piece has an adapter */
} eng_dec_step;

/* Position of a row in its sequence. */
static inline size_t eng_dec_pos(const eng_dec_step *s, size_t row)
{
    size_t i = s->d->row_seq[row];
    return s->seq[i].pos + row - s->d->first_row[i];
}

/* Shows rows to the watch, if there is one. */
static inline void eng_dec_see(const eng_dec_step *s, eng_input in, size_t expert, const float *x,
                               size_t ldx, size_t n_rows)
{
    const eng_watch *w = &s->d->watch;
    if (w->see) w->see(w->arg, in, s->layer_no, expert, x, ldx, n_rows);
}

/* Runs fn(s, first, n, worker) over the step's rows. */
void eng_dec_rows(eng_dec_step *s, void (*fn)(void *s, size_t first, size_t n, size_t worker));

/* n_rows norms of n elements, of the model's kind: y = norm(x), strides in floats; y may be x. */
void eng_dec_norm_rows(const eng_decoder *d, const eng_norm *w, float *y, size_t ldy,
                       const float *x, size_t ldx, size_t n_rows, size_t n);

/* y [n_rows, ..] (+)= x W^T + b, strides in floats. */
void eng_dec_linear(eng_dec_step *s, const eng_linear *w, const float *x, size_t ldx, float *y,
                    size_t ldy, bool add);

/* What a block gives, into the residual stream: res += scale * post(x W^T + b), where there is a
 * scale or a post norm. */
void eng_dec_output(eng_dec_step *s, const eng_linear *w, const float *x, size_t ldx,
                    const eng_norm *post);

/* The same of rows that stand in d->branch already. */
void eng_dec_add_branch(eng_dec_step *s, const eng_norm *post);

/* q, k, v of the rows of `in`: keys and values put into the cache, then d->att [rows, n_head * size
 * of a value].  In the last layer only for the rows whose logits are wanted, one below the other.
 */
void eng_dec_attention(eng_dec_step *s, const float *in);

/* The two halves of latent attention: rows of d->kv with k and v (or q absorbed) in place; then
 * from d->att to what a head gives, in d->q. */
void eng_dec_latent_in(eng_dec_step *s, const float *in);

/* From what attention gives (latent rows where it is absorbed) to the values of the heads. */
void eng_dec_latent_out(eng_dec_step *s);

/* res += the feed-forward part of rows `in`, plain or with experts. */
void eng_dec_ffn(eng_dec_step *s, const float *in);

/* Each expert computes all its rows at once; a row's sum over its experts runs in ascending
 * order of their numbers, whatever else is in the step. */
void eng_dec_moe(eng_dec_step *s, const float *in);

/* act(gate) * up of n_rows rows at p, or act alone; `width` is the width of gate. */
void eng_dec_activate(eng_dec_step *s, float *p, size_t ld, size_t n_rows, size_t width,
                      bool gated);

#endif
