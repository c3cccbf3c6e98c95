/* plan.c - what a run will take, worked out from its settings alone: for --dry-run and the dial. */
#include "engine/data/sink.h"
#include "engine/data/stream.h"
#include "engine/train/pretrain.h"
#include "engine/train/run.h"
#include "engine/train/rundir.h"
#include "engine/train/source.h"

/* Tokens of the step that is timed. */
#define TIMED_TOKENS 1024

/* Seconds of the run by one short step measured here: passes go with the tokens, the update with
 * the steps. */
static sk_status time_run(eng_exec *x, const eng_train_opts *o, eng_train_plan *p, sk_err *e)
{
    eng_train_figures f;
    eng_train_opts small = *o;
    uint64_t rows = TIMED_TOKENS / o->context;
    small.batch_tokens = (rows ? rows : 1) * o->context;
    if (small.batch_tokens > o->batch_tokens) small.batch_tokens = o->context;
    sk_status st = eng_train_bench(x, &small, 1, &f, e);
    if (st) return st;
    const double *s = f.least_s;
    double token = (s[ENG_TRAIN_FORWARD] + s[ENG_TRAIN_BACKWARD]) / (double)f.tokens;
    double update = s[ENG_TRAIN_NORM] + s[ENG_TRAIN_OPTIMISER] + s[ENG_TRAIN_LOAD];
    p->seconds = (double)p->steps * ((double)p->step_tokens * token + update);
    return SK_OK;
}

/* The vocabulary's size, where there is a tokenizer already: the one given, or the data set's. */
static sk_status vocab_of(const eng_train_opts *o, uint32_t *n, sk_err *e)
{
    char own[ENG_DATA_PATH];
    eng_vocab *v;
    const char *from = o->tokenizer;
    if (!from && eng_stream_is_folder(o->data[0]))
        from = eng_data_path(o->data[0], "tokenizer.gguf", own);
    if (!from) return SK_OK;
    sk_status st = eng_vocab_load(from, &v, e);
    if (st) return st;
    *n = (uint32_t)eng_vocab_size(v);
    eng_vocab_close(v);
    return SK_OK;
}

/* The shape asked for, or that of the model the run goes on from. */
static sk_status shape_of(eng_train_opts *o, sk_arena *mem, eng_source *src, eng_config *cfg,
                          sk_err *e)
{
    sk_status st = SK_OK;
    if (o->from) {
        st = eng_source_open(o->from, mem, src, e);
        if (!st) st = eng_source_check(src, o, e);
        if (!st) eng_source_shape(src, o);
        *cfg = src->cfg;
    }
    if (!st) st = eng_train_opts_check(o, e);
    if (st || o->from) return st;
    st = vocab_of(o, &o->vocab, e);
    return st ? st : eng_train_shape(o, cfg, e);
}

/* What does not depend on the machine's speed. */
static sk_status plan_run(eng_exec *x, const eng_train_opts *o, const eng_config *cfg,
                          sk_arena *mem, eng_train_plan *out, sk_err *e)
{
    eng_layout layout;
    sk_status st = eng_layout_build(cfg, mem, &layout, e);
    if (st) return st;
    eng_dataset data = {.n_ctx = o->context};
    eng_loop_job job = {.stage = "plan",
                        .o = o,
                        .cfg = cfg,
                        .layout = &layout,
                        .data = &data,
                        .bf16 = eng_train_bf16(o)};
    eng_run run = {.x = x, .j = &job, .o = o};
    eng_run_sizes(&run);
    st = eng_run_check_memory(&run, e);
    if (!st) eng_run_plan(&run, out);
    return st;
}

/* By the same functions as a run: what a plan allows a run can hold.  No weights are made but for
 * the timing, which is left out for architectures that are not begun from nothing. */
sk_status eng_train_plan_of(eng_exec *x, const eng_train_opts *asked, eng_train_plan *out,
                            sk_err *e)
{
    eng_config cfg, fresh;
    eng_source src = {.gguf = NULL};
    eng_train_opts o = *asked;
    eng_train_plan p = {0};
    sk_arena *mem = sk_arena_new(SK_MEM_TRAIN);
    sk_status st =
        mem ? shape_of(&o, mem, &src, &cfg, e) : sk_fail(e, SK_E_NOMEM, "no memory for a plan");
    if (!st) st = plan_run(x, &o, &cfg, mem, &p, e);
    if (!st && (!o.from || !eng_train_shape(&o, &fresh, NULL))) st = time_run(x, &o, &p, e);
    eng_source_close(&src);
    sk_arena_free(mem);
    if (!st) *out = p;
    return st;
}
