/* dec_ffn.c - the plain feed-forward part of a layer. */
#include "engine/model/dec.h"

#include "engine/kernel/par.h"

typedef struct act_job {
    const eng_decoder *d;
    float *p;
    size_t ld, width;
    bool gated;
} act_job;

/* Results take the place of the gate: the product that follows reads them with the same stride.
 * SwiGLU has a slot of its own, which training uses too. */
static void act_piece(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const act_job *j = arg;
    eng_act act = j->d->m->cfg.act;
    for (size_t i = first; i < first + n; i++) {
        float *gate = j->p + i * j->ld;
        if (!j->gated)
            j->d->kern->act_f32(gate, gate, j->width, act);
        else if (act == ENG_ACT_SILU)
            j->d->kern->swiglu_f32(gate, gate, gate + j->width, j->width);
        else
            j->d->kern->glu_f32(gate, gate, gate + j->width, j->width, act);
    }
}

/* Row by row over the workers; a row's values depend on that row alone. */
void eng_dec_activate(eng_dec_step *s, float *p, size_t ld, size_t n_rows, size_t width, bool gated)
{
    act_job j = {s->d, p, ld, width, gated};
    eng_par_rows(s->d->x, n_rows, ENG_DEC_ROWS, act_piece, &j);
}

/* down(act(gate(in)) * up(in)), or down(act(up(in))). */
void eng_dec_ffn(eng_dec_step *s, const float *in)
{
    eng_decoder *d = s->d;
    const eng_config *c = &d->m->cfg;
    const eng_layer *y = s->layer;
    bool gated = c->has[ENG_P_GATE] || c->fused_gate;
    size_t ld = d->size.ffn;
    eng_dec_see(s, ENG_IN_UP, 0, in, c->n_embd, s->n_rows);
    eng_dec_linear(s, &y->gate_up, in, c->n_embd, d->ffn, ld, false);
    eng_dec_activate(s, d->ffn, ld, s->n_rows, c->n_ff, gated);
    eng_dec_see(s, ENG_IN_DOWN, 0, d->ffn, ld, s->n_rows);
    eng_dec_output(s, &y->down, d->ffn, ld, &y->ffn_post_norm);
}
