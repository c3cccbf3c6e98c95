/* keep.c - what a run writes: checkpoint, log, curve, model; and how it begins from them. */
#include "base/cpu.h"
#include "base/file.h"
#include "engine/train/export.h"
#include "engine/train/optim.h"
#include "engine/train/run.h"
#include "engine/train/rundir.h"

#include <math.h>
#include <string.h>

/* A sentence about a damaged checkpoint. */
static void note_damage(void *arg, const char *text)
{
    eng_emit_note(arg, "%s", text);
}

/* Tells once of each checkpoint that has come to be on the disk. */
sk_status eng_run_poll(eng_run *l, sk_err *e)
{
    uint64_t step, us;
    if (!l->saver) return SK_OK;
    sk_status st = eng_saver_poll(l->saver, &step, &us, e);
    if (st || step == UINT64_MAX || l->told == step + 1) return st;
    l->told = step + 1;
    eng_train_event ev = eng_run_event(l, ENG_EV_SAVED);
    ev.step = step;
    ev.waited = (double)us / 1e6;
    eng_emit(l->o, &ev);
    return SK_OK;
}

/* Begins a checkpoint; saver.h says how the rest of it goes on beside the steps. */
sk_status eng_run_save(eng_run *l, sk_err *e)
{
    if (l->ranks) eng_saver_settle(l->saver);
    sk_status st = eng_ranks_collect(l->ranks, &l->s, e);
    if (!st && l->saver) st = eng_saver_begin(l->saver, &l->s, l->j->meta, e);
    if (st) return st;
    l->saved = l->s.step;
    return eng_run_poll(l, e);
}

/* Waits for the last checkpoint. */
static sk_status save_all(eng_run *l, sk_err *e)
{
    sk_status st = l->saved == l->s.step ? SK_OK : eng_run_save(l, e);
    if (!st && l->saver) st = eng_saver_wait(l->saver, e);
    return st ? st : eng_run_poll(l, e);
}

/* Once more, from the checkpoint, since a run may be killed between the two. */
static sk_status write_log(const eng_run *l, sk_err *e)
{
    char path[ENG_PATH_MAX];
    sk_buf text = SK_BUF_INIT;
    eng_curve_log(&l->s.curve, &text);
    eng_guard_log(&l->s.guard, l->s.data, &text);
    sk_status st = sk_buf_ok(&text) ? sk_file_replace(eng_out_path(l->o, "log.jsonl", path),
                                                      text.p ? text.p : "", text.len, e)
                                    : sk_fail(e, SK_E_NOMEM, "no memory for log.jsonl");
    sk_buf_fini(&text);
    return st;
}

/* Where a run goes on for more steps than it had (extend.h), the held-out loss of what was its end
 * is left out unless it is due there: a run begun with these steps has none. */
static void forget_end(eng_run *l)
{
    eng_curve *c = &l->s.curve;
    if (!c->n || l->s.step == l->o->steps || l->s.step % l->eval_every == 0) return;
    if (c->point[c->n - 1].step < (double)l->s.step) return;
    c->point[c->n - 1].val_loss = c->point[c->n - 1].bits_per_byte = NAN;
}

/* The state of a run that begins, or goes on, in the process that reads it. */
static sk_status first_state(eng_run *l, sk_err *e)
{
    const eng_loop_job *j = l->j;
    bool found;
    eng_train_opts note_to = *l->o;
    sk_status st = eng_ckptdir_load(eng_saver_dir(l->saver), l->o->out, l->o->keep, &l->s, j->meta,
                                    &found, note_damage, &note_to, e);
    if (st) return st;
    if (found) {
        if (strcmp(l->s.cpu, sk_cpu_name(sk_cpu())) != 0)
            eng_emit_note(l->o,
                          "the checkpoint was made with %s kernels and goes on with %s: the result "
                          "will differ in the last bits from a run on one machine",
                          l->s.cpu, sk_cpu_name(sk_cpu()));
        forget_end(l);
        return SK_OK;
    }
    if (j->frozen)
        eng_adapter_init(j->layout, l->o->seed, l->s.param);
    else if (j->from)
        st = eng_import_gguf(j->from, j->layout, l->s.param, e);
    else
        eng_init_params(l->x, j->cfg, j->layout, l->o->seed, l->s.param);
    if (!st && l->s.ema) memcpy(l->s.ema, l->s.param, l->s.n_floats * sizeof(float));
    return st;
}

/* Begins anew, or where the checkpoint stands; the other processes get it from the first. */
sk_status eng_run_begin(eng_run *l, sk_err *e)
{
    sk_status st = eng_ranks_first(l->o) ? first_state(l, e) : SK_OK;
    st = eng_ranks_agree(l->o, st, e);
    if (!st) st = eng_ranks_spread(l->ranks, &l->s, e);
    if (st) return st;
    l->saved = l->s.step;
    eng_pass_load(l->pass, l->s.param);
    return SK_OK;
}

/* A damaged one is told of. */
static sk_status load_base(eng_run *l, sk_err *e)
{
    char path[ENG_PATH_MAX];
    sk_err no = SK_ERR_INIT;
    (void)eng_ckptdir_file(eng_saver_dir(l->saver), l->s.guard.base, path);
    sk_status st = eng_trainstate_load(&l->s, path, l->j->meta, &no);
    if (!st) return st;
    if (!eng_ckptdir_is_damage(st)) return sk_fail(e, st, "%s", no.text);
    eng_emit_note(l->o, "a checkpoint can't be gone back to, the newest serves instead: %s",
                  no.text);
    return eng_trainstate_load(&l->s, eng_out_path(l->o, "checkpoint.stk", path), l->j->meta, e);
}

/* Read by the process that wrote it. */
sk_status eng_run_reload(eng_run *l, sk_err *e)
{
    sk_status st = l->saver ? eng_saver_wait(l->saver, e) : SK_OK;
    if (!st && l->saver) st = load_base(l, e);
    st = eng_ranks_agree(l->o, st, e);
    return st ? st : eng_ranks_spread(l->ranks, &l->s, e);
}

/* The picture of the run. */
static sk_status write_curve(const eng_run *l, sk_err *e)
{
    char path[ENG_PATH_MAX];
    sk_buf svg = SK_BUF_INIT;
    eng_curve_svg(&l->s.curve, l->j->cfg->name, &svg);
    sk_status st = sk_buf_ok(&svg)
                       ? sk_file_replace(eng_out_path(l->o, "curve.svg", path), svg.p, svg.len, e)
                       : sk_fail(e, SK_E_NOMEM, "no memory for curve.svg");
    sk_buf_fini(&svg);
    return st;
}

/* The adapter, and the model it makes of its base if that is asked for. */
static sk_status write_adapter(const eng_run *l, sk_err *e)
{
    char fresh[ENG_PATH_MAX], path[ENG_PATH_MAX];
    const eng_loop_job *j = l->j;
    const eng_lease *lease = eng_saver_lease(l->saver);
    const float *param = l->s.ema ? l->s.ema : l->s.param;
    sk_status st = eng_adapter_export(eng_out_path(l->o, ENG_ADAPTER_NEW, fresh), j->cfg, j->frozen,
                                      j->alpha, param, e);
    if (!st) st = eng_lease_rename(lease, fresh, eng_out_path(l->o, ENG_ADAPTER_FILE, path), e);
    if (st || !l->o->merge) return st;
    st = eng_adapter_merge(eng_out_path(l->o, ENG_MODEL_NEW, fresh), j->cfg, j->base, j->frozen,
                           param, l->o->dtype, e);
    return st ? st : eng_lease_rename(lease, fresh, eng_out_path(l->o, "model.gguf", path), e);
}

/* The model, under its name only if the lease still holds. */
static sk_status write_model(const eng_run *l, const char *path, sk_err *e)
{
    char fresh[ENG_PATH_MAX];
    const eng_loop_job *j = l->j;
    if (j->frozen) return write_adapter(l, e);
    sk_status st =
        eng_export_gguf(eng_out_path(l->o, ENG_MODEL_NEW, fresh), j->cfg, j->layout, j->vocab,
                        j->from, l->s.ema ? l->s.ema : l->s.param, l->o->dtype, e);
    return st ? st : eng_lease_rename(eng_saver_lease(l->saver), fresh, path, e);
}

/* What is made again at every end, from the last checkpoint. */
static sk_status write_results(const eng_run *l, const char *path, sk_err *e)
{
    sk_status st = eng_lease_check(eng_saver_lease(l->saver), e);
    if (!st) st = write_log(l, e);
    if (!st) st = write_curve(l, e);
    return st ? st : write_model(l, path, e);
}

/* The held-out figures of the model written; where that is a mean, those of the last weights are
 * told as well. */
static sk_status final_evaluation(eng_run *l, eng_train_event *ev, sk_err *e)
{
    sk_status st = eng_run_evaluate(l, l->final_rows, &ev->val_loss, &ev->bits_per_byte, e);
    if (st || !l->s.ema) return st;
    double last = ev->bits_per_byte;
    eng_pass_load(l->pass, l->s.ema);
    st = eng_run_evaluate(l, l->final_rows, &ev->val_loss, &ev->bits_per_byte, e);
    eng_pass_load(l->pass, l->s.param);
    if (st) return st;
    eng_emit_note(l->o,
                  "bits per byte: %.4f of the weights' mean, which is the model; %.4f of the "
                  "last weights, which the checkpoint has",
                  ev->bits_per_byte, last);
    return SK_OK;
}

/* All that stands at the end: the last checkpoint first, so that what follows can be made again,
 * the model last, since its being there says that all is done. */
sk_status eng_run_finish(eng_run *l, sk_err *e)
{
    char path[ENG_PATH_MAX];
    l->s.guard.base = l->s.step; /* the last one has no other behind it */
    sk_status st = save_all(l, e);
    (void)eng_out_path(l->o, eng_out_result(l->o), path);
    if (!st && l->saver) st = write_results(l, path, e);
    st = eng_ranks_agree(l->o, st, e);
    if (st) return st;
    eng_train_event ev = eng_run_event(l, ENG_EV_DONE);
    if (l->s.curve.n) ev.loss = l->s.curve.point[l->s.curve.n - 1].loss;
    if (l->j->valid) st = final_evaluation(l, &ev, e);
    if (st) return st;
    ev.text = path;
    eng_emit(l->o, &ev);
    return SK_OK;
}

/* Keeps what was done and says how to go on. */
sk_status eng_run_stop(eng_run *l, sk_err *e)
{
    sk_status st = save_all(l, e);
    if (st) return st;
    return sk_fail(e, SK_E_STOPPED, "stopped at step %llu of %llu; go on with --resume",
                   (unsigned long long)l->s.step, (unsigned long long)l->o->steps);
}
