/* train_view.c - flags of train and tune to the engine's options, and a run shown as it goes. */
#include "cli/train_view.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/mpi.h"
#include "base/plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LOG_BYTES ((uint64_t)1 << 30)

/* ---- JSON lines ---- */

/* Writes at once, so that a reader follows the run as it goes. */
static void print_json(cmd_train_view *v, const eng_train_event *ev)
{
    sk_buf b = SK_BUF_INIT;
    eng_event_line(ev, -1, &b);
    v->st = cmd_out_buf(&b, &v->err);
}

/* ---- for people ---- */

/* The curve of the whole run, the steps before a resume included: it is in log.jsonl. */
typedef struct history {
    double *step, *loss, *val_step, *val;
    size_t n, n_val, cap;
} history;

/* One line of the log; a line that is none is passed over, since the plot is a courtesy. */
static void history_line(history *h, const char *line, size_t n)
{
    json_t *obj;
    double step = NAN, loss = NAN, val = NAN;
    if (sk_json_parse(line, n, 4, &obj, NULL)) return;
    (void)sk_json_get_num(obj, "step", 0, 1e18, &step, NULL);
    (void)sk_json_get_num(obj, "loss", -1e18, 1e18, &loss, NULL);
    (void)sk_json_get_num(obj, "val_loss", -1e18, 1e18, &val, NULL);
    if (!isnan(loss)) {
        h->step[h->n] = step;
        h->loss[h->n++] = loss;
    }
    if (!isnan(val)) {
        h->val_step[h->n_val] = step;
        h->val[h->n_val++] = val;
    }
    json_decref(obj);
}

/* Reads the log; false when there is none or no memory. */
static bool history_read(history *h, const char *path)
{
    sk_buf text = SK_BUF_INIT;
    *h = (history){0};
    if (sk_file_load(path, LOG_BYTES, &text, NULL)) return false;
    for (size_t i = 0; i < text.len; i++)
        h->cap += text.p[i] == '\n';
    h->step = sk_calloc(SK_MEM_MISC, 4 * h->cap + 1, sizeof(double));
    if (h->step) {
        h->loss = h->step + h->cap;
        h->val_step = h->loss + h->cap;
        h->val = h->val_step + h->cap;
        const char *line = text.p, *end;
        for (; (end = strchr(line, '\n')) != NULL; line = end + 1)
            history_line(h, line, (size_t)(end - line));
    }
    sk_buf_fini(&text);
    return h->step != NULL;
}

/* Draws the whole run, as wide as the terminal. */
static void print_curve(cmd_train_view *v)
{
    char path[4096];
    history h;
    sk_buf b = SK_BUF_INIT;
    int len = snprintf(path, sizeof(path), "%s/log.jsonl", v->flags->out);
    if (len < 0 || (size_t)len >= sizeof(path) || !history_read(&h, path)) return;
    const sk_series s[] = {{"training loss", h.step, h.loss, h.n},
                           {"held-out loss", h.val_step, h.val, h.n_val}};
    sk_plot_text(s, 2, "loss, nats per token", "step", cmd_columns(), 16, &b);
    sk_free(h.step);
    v->st = cmd_out_buf(&b, &v->err);
}

/* The end: the curve, the held-out figures, and where the model is. */
static void show_done(cmd_train_view *v, const eng_train_event *ev)
{
    sk_progress_end(v->bar);
    if (v->flags->common.quiet) return;
    print_curve(v);
    if (v->st) return;
    if (!isnan(ev->bits_per_byte))
        v->st = cmd_outf(&v->err, "held-out loss %.4f, bits per byte %.4f\n", ev->val_loss,
                         ev->bits_per_byte);
    if (!v->st) v->st = cmd_outf(&v->err, "%s\n", ev->text);
}

/* What stands beside the bar. */
static void show_step(cmd_train_view *v, const eng_train_event *ev)
{
    char bpb[32] = "", mfu[32] = "";
    if (!isnan(v->bits_per_byte)) (void)snprintf(bpb, sizeof(bpb), "  bpb %.3f", v->bits_per_byte);
    if (ev->mfu > 0) (void)snprintf(mfu, sizeof(mfu), "  MFU %.0f%%", 100 * ev->mfu);
    sk_progress_set(v->bar, ev->step, "loss %.3f%s  %.1fk tok/s%s", ev->loss, bpb,
                    ev->tokens_per_s / 1e3, mfu);
}

/* In two lines: --dry-run has it in full. */
static void show_plan(cmd_train_view *v, const eng_train_plan *p)
{
    if (v->flags->common.quiet) return;
    sk_progress_note(v->bar,
                     "%.2f M parameters, %llu steps of %llu tokens, %.3g FLOP; memory %.2f GB "
                     "(activations %.2f) of %.1f",
                     (double)p->params / 1e6, (unsigned long long)p->steps,
                     (unsigned long long)p->step_tokens, p->flops, (double)p->bytes / 1e9,
                     (double)p->bytes_activations / 1e9, (double)p->bytes_allowed / 1e9);
}

/* same: the stage told about is the one before, only further on. */
static void show(cmd_train_view *v, const eng_train_event *ev, bool same)
{
    switch (ev->kind) {
    case ENG_EV_STAGE:
        if (same)
            sk_progress_set(v->bar, ev->step, "%s", "");
        else
            sk_progress_stage(v->bar, ev->stage, ev->total, ev->step);
        break;
    case ENG_EV_STEP:
        show_step(v, ev);
        break;
    case ENG_EV_EVAL:
        v->bits_per_byte = ev->bits_per_byte;
        break;
    case ENG_EV_PLAN:
        show_plan(v, ev->plan);
        break;
    case ENG_EV_NOTE:
        if (!v->flags->common.quiet) sk_progress_note(v->bar, "%s", ev->text);
        break;
    case ENG_EV_DONE:
        show_done(v, ev);
        break;
    case ENG_EV_SAVED:
        break;
    }
}

/* The engine's events, from the training thread.  After a failed write nothing more is tried. */
static void on_event(void *arg, const eng_train_event *ev)
{
    cmd_train_view *v = arg;
    if (v->st) return;
    bool same = ev->kind == ENG_EV_STAGE && ev->stage &&
                strncmp(v->stage, ev->stage, sizeof(v->stage) - 1) == 0;
    if (!v->flags->json)
        show(v, ev, same);
    else if (!same)
        print_json(v, ev);
    if (ev->kind == ENG_EV_STAGE && ev->stage)
        (void)snprintf(v->stage, sizeof(v->stage), "%s", ev->stage);
}

/* A signal stops the run, and so does a reader that went away: nobody sees the rest. */
static bool on_stop(void *arg)
{
    const cmd_train_view *v = arg;
    return v->st || cmd_stopped(NULL);
}

/* ---- options ---- */

/* The words are checked by the option table, so the last case is f32. */
static eng_dtype dtype_of(const char *name)
{
    return strcmp(name, "bf16") == 0 ? ENG_BF16 : strcmp(name, "f16") == 0 ? ENG_F16 : ENG_F32;
}

/* The model's shape; bounds were checked by the option table, so all fits. */
void cmd_train_shape(const cmd_train_flags *f, eng_train_opts *o)
{
    o->dim = (uint32_t)f->dim;
    o->layers = (uint32_t)f->layers;
    o->heads = (uint32_t)f->heads;
    o->kv_heads = (uint32_t)f->kv_heads;
    o->ffn = (uint32_t)f->ffn;
    o->vocab = (uint32_t)f->vocab;
    o->context = (uint32_t)f->context;
    o->rope_theta = f->rope_theta;
    o->tied = !f->untied;
}

/* As above. */
static eng_on_spike on_spike_of(const char *name)
{
    return strcmp(name, "skip") == 0     ? ENG_SPIKE_SKIP
           : strcmp(name, "stop") == 0   ? ENG_SPIKE_STOP
           : strcmp(name, "ignore") == 0 ? ENG_SPIKE_IGNORE
                                         : ENG_SPIKE_ROLLBACK;
}

/* Steps, rates and precision. */
static void copy_learning(const cmd_train_flags *f, eng_train_opts *o)
{
    o->steps = (uint64_t)f->steps;
    o->batch_tokens = (uint64_t)f->batch;
    o->seed = (uint64_t)f->seed;
    o->epochs = f->epochs;
    o->lr = f->lr;
    o->min_lr_frac = f->min_lr;
    o->warmup_frac = f->warmup;
    o->decay_frac = f->decay;
    o->weight_decay = f->weight_decay;
    o->grad_clip = f->grad_clip;
    o->cosine = strcmp(f->schedule, "cosine") == 0;
    if (strcmp(f->schedule, "linear") == 0) o->decay_frac = 1 - o->warmup_frac;
    o->micro_rows = (uint32_t)f->micro;
    o->optimizer = strcmp(f->optimizer, "muon") == 0 ? ENG_MUON : ENG_ADAMW;
    o->z_loss = f->z_loss;
    o->ema = f->ema;
    o->spike_loss = f->spike_loss;
    o->spike_norm = f->spike_norm;
    o->spike_rise = f->spike_rise;
    o->on_spike = on_spike_of(f->on_spike);
    o->recompute = f->recompute;
    o->muon_lr = f->muon_lr;
    o->muon_momentum = f->muon_momentum;
    o->compute_bf16 = f->f32 ? 0 : -1;
}

/* The engine's defaults first, then every flag over them: a field without a flag keeps its default.
 */
sk_status cmd_train_options(const cmd_train_flags *f, cmd_train_view *view, eng_train_opts *o,
                            sk_err *e)
{
    eng_train_opts_default(o);
    cmd_train_shape(f, o);
    copy_learning(f, o);
    o->data = f->data.item;
    o->n_data = f->data.n;
    o->valid = f->valid;
    o->out = f->out;
    o->name = f->name;
    o->arch = f->arch;
    o->tokenizer = f->tokenizer;
    o->from = f->from;
    o->dtype = dtype_of(f->dtype);
    o->eval_every = (uint64_t)f->eval_every;
    o->save_every = (uint64_t)f->save_every;
    o->eval_tokens = (uint64_t)f->eval_tokens;
    o->keep = (uint32_t)f->keep;
    o->lanes = (uint32_t)f->lanes;
    o->resume = f->resume;
    o->lora = (uint32_t)f->lora;
    o->lora_alpha = f->lora_alpha;
    o->lora_targets = f->lora_targets;
    o->qlora = f->qlora;
    o->merge = f->merge;
    o->dpo = f->dpo;
    o->beta = f->beta;
    *view = (cmd_train_view){.flags = f, .bits_per_byte = NAN, .err = SK_ERR_INIT};
    if (sk_mpi_started()) {
        sk_status st = sk_mpi_open(&view->mpi, e);
        if (st) return st;
    }
    bool first = sk_mpi_rank(view->mpi) == 0;
    view->bar = sk_progress_new(stderr, f->json || f->common.quiet || !first);
    if (!view->bar) return sk_fail(e, SK_E_NOMEM, "no memory for a progress line");
    o->mpi = view->mpi;
    o->event = first ? on_event : NULL;
    o->stop = on_stop;
    o->save = cmd_save_asked;
    o->arg = view;
    return SK_OK;
}

/* Of processes that were stopped together, all end as the one that got the signal. */
static void share_signal(cmd_train_view *view)
{
    size_t n = sk_mpi_size(view->mpi);
    uint8_t *all = sk_calloc(SK_MEM_MISC, n, 1);
    if (!all) return;
    all[sk_mpi_rank(view->mpi)] = cmd_terminated();
    sk_status st = sk_mpi_allgather(view->mpi, all, 1, 10, NULL);
    for (size_t i = 0; i < n && !st; i++)
        if (all[i]) cmd_term_set();
    sk_free(all);
}

/* A failed write is what the user must hear of: the run stopped because of it. */
sk_status cmd_train_finish(cmd_train_view *view, sk_status st, sk_err *e)
{
    sk_progress_end(view->bar);
    sk_progress_free(view->bar);
    view->bar = NULL;
    if (st == SK_E_STOPPED && view->mpi) share_signal(view);
    if (st && sk_mpi_rank(view->mpi)) (void)sk_while(e, "process %zu", sk_mpi_rank(view->mpi));
    sk_mpi_close(view->mpi, st == SK_OK || st == SK_E_STOPPED);
    view->mpi = NULL;
    if (!view->st) return cmd_requeue(st, e);
    return sk_fail(e, view->st, "%s", view->err.text);
}
