/* tune.c - fine-tuning: a model and conversations in, a model that answers out. */
#include "engine/train/tune.h"

#include "engine/train/chatset.h"
#include "engine/train/loop.h"
#include "engine/train/ranks.h"
#include "engine/train/rundir.h"
#include "engine/train/source.h"
#include "engine/train/trainstate.h"

#include <assert.h>
#include <math.h>
#include <string.h>

typedef struct tune {
    eng_exec *x;
    eng_train_opts o; /* with the model's shape and the true number of steps */
    const char *model;
    eng_source src;
    eng_layout adapter; /* where one is trained */
    eng_frozen frozen;
    sk_arena *mem;
    eng_dataset data, valid;
    eng_prefs prefs, valid_prefs; /* of the two, where preferences are learned from */
    json_t *meta;
} tune;

/* A last step that is not full takes the first rows of the next pass. */
uint64_t eng_tune_steps(const eng_train_opts *o, size_t n_rows, size_t n_ctx)
{
    if (o->steps) return o->steps;
    uint64_t rows = o->batch_tokens / n_ctx;
    double steps = ceil(o->epochs * (double)n_rows / (double)(rows ? rows : 1));
    return steps >= 1 ? (uint64_t)steps : 1;
}

/* The adapter that is trained in the model's place. */
static sk_status plan_adapter(tune *t, sk_err *e)
{
    eng_train_opts *o = &t->o;
    unsigned targets = 0;
    if (o->lora > ENG_ADAPTER_MAX_RANK)
        return sk_fail(e, SK_E_INVALID, "--lora is %u; it must be 1 to %d", o->lora,
                       ENG_ADAPTER_MAX_RANK);
    if (!o->lora_targets) o->lora_targets = "q,k,v,o,gate,up,down";
    if (o->lora_alpha <= 0) o->lora_alpha = 2.0 * o->lora;
    sk_status st = eng_adapter_targets(o->lora_targets, &targets, e);
    if (!st) st = eng_adapter_check_base(t->x, t->src.gguf, &t->src.layout, e);
    if (!st)
        st = eng_adapter_layout(&t->src.cfg, &t->src.layout, o->lora, targets, t->mem, &t->adapter,
                                e);
    t->frozen = (eng_frozen){.g = t->src.gguf,
                             .adapter = &t->adapter,
                             .scale = (float)(o->lora_alpha / o->lora),
                             .rank = o->lora,
                             .stream = o->qlora};
    return st;
}

/* Opens the model and takes its shape over into the options. */
static sk_status open_model(tune *t, sk_err *e)
{
    sk_status st = eng_source_open(t->model, t->mem, &t->src, e);
    if (!st && t->o.lora && (st = plan_adapter(t, e)) != SK_OK) return sk_while(e, "%s", t->model);
    if (!st) eng_source_shape(&t->src, &t->o);
    return st;
}

/* Says what became of conversations that did not fit. */
static void note_stats(const tune *t, const char *what, const eng_chatset_stats *s, size_t n_rows)
{
    eng_emit_note(&t->o, "%s: %zu conversations, %llu tokens (%llu with loss) in %zu rows of %u",
                  what, s->n_read, (unsigned long long)s->tokens,
                  (unsigned long long)s->loss_tokens, n_rows, t->o.context);
    if (s->n_cut || s->n_dropped)
        eng_emit_note(&t->o,
                      "%s: longer than %u tokens: %zu conversations cut after a turn, %zu left out",
                      what, t->o.context, s->n_cut, s->n_dropped);
}

/* Says what became of pairs that were not taken. */
static void note_pairs(const tune *t, const char *what, const eng_prefs_stats *s, size_t n_rows)
{
    eng_emit_note(&t->o, "%s: %zu pairs, %llu tokens (%llu with loss) in %zu rows of %u", what,
                  s->n_read, (unsigned long long)s->tokens, (unsigned long long)s->loss_tokens,
                  n_rows, t->o.context);
    if (s->n_long || s->n_equal)
        eng_emit_note(&t->o,
                      "%s: left out %zu pairs longer than %u tokens, both answers together, and "
                      "%zu whose answers are equal",
                      what, s->n_long, t->o.context, s->n_equal);
}

/* Pairs of answers to rows. */
static sk_status load_pairs(tune *t, sk_err *e)
{
    eng_prefs_stats stats;
    sk_status st = eng_prefs_load(t->src.vocab, t->o.data, t->o.n_data, t->o.context, &t->data,
                                  &t->prefs, &stats, e);
    if (st) return st;
    note_pairs(t, "training", &stats, t->data.n_rows);
    if (!t->o.valid) return SK_OK;
    st = eng_prefs_load(t->src.vocab, &t->o.valid, 1, t->o.context, &t->valid, &t->valid_prefs,
                        &stats, e);
    if (!st) note_pairs(t, "held out", &stats, t->valid.n_rows);
    return st;
}

/* Conversations to rows; what could not be used is said aloud, for it is the user's data. */
static sk_status load_data(tune *t, sk_err *e)
{
    eng_chatset_stats stats;
    eng_emit_stage(&t->o, "read", 0, 0);
    if (t->o.dpo) return load_pairs(t, e);
    sk_status st =
        eng_chatset_load(t->src.vocab, t->o.data, t->o.n_data, t->o.context, &t->data, &stats, e);
    if (st) return st;
    note_stats(t, "training", &stats, t->data.n_rows);
    if (!t->o.valid) return SK_OK;
    st = eng_chatset_load(t->src.vocab, &t->o.valid, 1, t->o.context, &t->valid, &stats, e);
    if (!st) note_stats(t, "held out", &stats, t->valid.n_rows);
    return st;
}

/* All inputs that decide the result, by checksum. */
static bool add_inputs(tune *t)
{
    return eng_trainstate_input(t->meta, "model", eng_source_crc(&t->src)) &&
           eng_trainstate_input(t->meta, "set of conversations", t->data.crc);
}

/* The number of steps follows from the data, so unlike in pretraining all is read before the
 * checkpoint is looked at. */
static sk_status prepare(tune *t, bool *done, sk_err *e)
{
    sk_status st = open_model(t, e);
    if (!st && t->o.steps == 0 && !(t->o.epochs > 0 && t->o.epochs <= 1e6))
        st = sk_fail(e, SK_E_INVALID, "--epochs is %g; it must be above 0", t->o.epochs);
    if (!st) st = load_data(t, e);
    if (st) return st;
    t->o.steps = eng_tune_steps(&t->o, t->data.n_rows, t->o.context);
    st = eng_train_opts_check(&t->o, e);
    if (st) return st;
    st = eng_ranks_lanes(&t->o, e);
    if (st) return st;
    t->meta =
        eng_trainstate_meta(t->o.dpo ? "preferences" : "fine-tune", &t->o, eng_train_bf16(&t->o));
    if (!t->meta || !add_inputs(t)) return sk_fail(e, SK_E_NOMEM, "no memory for the settings");
    st = eng_ranks_same(&t->o, t->meta, e);
    return st ? st : eng_rundir_is_done(&t->o, t->meta, done, e);
}

/* Gives back whatever prepare got, in any state. */
static void tune_close(tune *t)
{
    eng_dataset_fini(&t->data);
    eng_dataset_fini(&t->valid);
    eng_prefs_fini(&t->prefs);
    eng_prefs_fini(&t->valid_prefs);
    eng_source_close(&t->src);
    json_decref(t->meta);
    sk_arena_free(t->mem);
}

/* As eng_train_run, with weights and tokenizer from the model. */
sk_status eng_tune_run(eng_exec *x, const char *model, const eng_train_opts *o, sk_err *e)
{
    int lock;
    sk_status st = eng_rundir_open(o, &lock, e);
    if (st) return st;
    tune t = {.x = x, .o = *o, .model = model, .mem = sk_arena_new(SK_MEM_TRAIN)};
    bool done = false;
    st = t.mem ? prepare(&t, &done, e) : sk_fail(e, SK_E_NOMEM, "no memory for fine-tuning");
    if (!st && !done) {
        eng_loop_job j = {
            .stage = t.o.dpo ? "preferences" : "fine-tune",
            .o = &t.o,
            .cfg = &t.src.cfg,
            .layout = t.o.lora ? &t.adapter : &t.src.layout,
            .base = &t.src.layout,
            .frozen = t.o.lora ? &t.frozen : NULL,
            .alpha = t.o.lora_alpha,
            .prefs = t.o.dpo ? &t.prefs : NULL,
            .valid_prefs = t.o.dpo ? &t.valid_prefs : NULL,
            .vocab = t.src.vocab,
            .data = &t.data,
            .valid = t.valid.n_rows ? &t.valid : NULL,
            .from = t.src.gguf,
            .meta = t.meta,
            .bf16 = eng_train_bf16(o),
        };
        st = eng_loop_run(x, &j, e);
    }
    st = eng_ranks_agree(o, st, e);
    tune_close(&t);
    eng_rundir_close(lock);
    return st;
}
