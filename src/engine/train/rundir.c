/* rundir.c - a run's folder and voice. */
#include "engine/train/rundir.h"

#include "base/cpu.h"
#include "base/file.h"
#include "engine/train/ckptdir.h"
#include "engine/train/metrics.h"
#include "engine/train/ranks.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const outputs[] = {"model.gguf",    ENG_MODEL_NEW,      ENG_ADAPTER_FILE,
                                      ENG_ADAPTER_NEW, ENG_REFERENCE_FILE, "tokenizer.gguf",
                                      "log.jsonl",     "curve.svg",        "shape.gguf"};

/* Long names were refused when the folder was opened, so this fits. */
const char *eng_out_path(const eng_train_opts *o, const char *name, char *b)
{
    int n = snprintf(b, ENG_PATH_MAX, "%s/%s", o->out, name);
    assert(n > 0 && n < ENG_PATH_MAX);
    (void)n;
    return b;
}

/* Temporary files of killed writers are swept up under the lock: nobody else writes here. */
static sk_status open_first(const eng_train_opts *o, int *lock, sk_err *e)
{
    char path[ENG_PATH_MAX];
    if (!o->out || !*o->out) return sk_fail(e, SK_E_INVALID, "no folder to write to: give --out");
    if (strlen(o->out) > ENG_PATH_MAX - 64)
        return sk_fail(e, SK_E_INVALID, "the name of the folder (--out) is too long");
    sk_status st = sk_mkdirs(o->out, e);
    if (!st) st = sk_lock_take(eng_out_path(o, "lock", path), lock, e);
    if (st) return st;
    if (!o->resume && eng_ckptdir_any(o->out)) {
        sk_lock_drop(*lock);
        *lock = -1;
        return sk_fail(e, SK_E_INUSE,
                       "%s holds a run already (a checkpoint): go on with --resume, give another "
                       "--out, or remove the folder",
                       o->out);
    }
    for (size_t i = 0; i < sizeof(outputs) / sizeof(*outputs); i++)
        sk_file_sweep(eng_out_path(o, outputs[i], path));
    eng_ckptdir_sweep(o->out);
    return SK_OK;
}

/* The others have nothing to lock: they write nothing. */
sk_status eng_rundir_open(const eng_train_opts *o, int *lock, sk_err *e)
{
    *lock = -1;
    sk_status st = eng_ranks_first(o) ? open_first(o, lock, e) : SK_OK;
    st = eng_ranks_agree(o, st, e);
    if (st) eng_rundir_close(*lock);
    return st;
}

void eng_rundir_close(int lock)
{
    if (lock >= 0) sk_lock_drop(lock);
}

const char *eng_out_result(const eng_train_opts *o)
{
    return o->lora && !o->merge ? ENG_ADAPTER_FILE : "model.gguf";
}

/* The model is the last file a run writes, so its being there beside the last checkpoint says that
 * all is done. */
static sk_status look_if_done(const eng_train_opts *o, json_t *meta, bool *done, sk_err *e)
{
    char path[ENG_PATH_MAX];
    *done = false;
    if (!sk_file_exists(eng_out_path(o, "checkpoint.stk", path))) return SK_OK;
    bool last = false;
    sk_err no = SK_ERR_INIT;
    sk_status st = eng_trainstate_is_done(path, meta, o->steps, &last, &no);
    if (eng_ckptdir_is_damage(st) && eng_ckptdir_older(o->out)) return SK_OK; /* it may serve */
    if (st) return sk_fail(e, st, "%s", no.text);
    if (!last || !sk_file_exists(eng_out_path(o, eng_out_result(o), path))) return st;
    *done = true;
    eng_emit_note(o, "this run is done: %s", path);
    eng_train_event ev = {.kind = ENG_EV_DONE, .step = o->steps, .total = o->steps, .text = path};
    ev.loss = ev.val_loss = ev.bits_per_byte = NAN;
    eng_emit(o, &ev);
    return SK_OK;
}

/* One looks, all hear of it. */
sk_status eng_rundir_is_done(const eng_train_opts *o, json_t *meta, bool *done, sk_err *e)
{
    *done = false;
    sk_status st = eng_ranks_first(o) ? look_if_done(o, meta, done, e) : SK_OK;
    st = eng_ranks_agree(o, st, e);
    return st ? st : eng_ranks_tell(o, done, e);
}

/* ---- options ---- */

/* A model of 4.5 million parameters that learns in minutes.  The rate suits shapes of this size;
 * larger ones want less. */
void eng_train_opts_default(eng_train_opts *o)
{
    *o = (eng_train_opts){
        .arch = "qwen3",
        .name = "stoke",
        .steps = 1000,
        .batch_tokens = 2048,
        .epochs = 2,
        .beta = 0.1,
        .dim = 256,
        .layers = 5,
        .heads = 4,
        .kv_heads = 2,
        .ffn = 640,
        .vocab = 4096,
        .context = 256,
        .rope_theta = 10000,
        .tied = true,
        .dtype = ENG_F32,
        .compute_bf16 = -1,
        .lr = 3e-3,
        .min_lr_frac = 0.0,
        .warmup_frac = 0.02,
        .decay_frac = 0.3,
        .weight_decay = 0.1,
        .beta1 = 0.9,
        .beta2 = 0.95,
        .grad_clip = 1.0,
        .muon_momentum = 0.95,
        .spike_loss = 6,
        .spike_norm = 16,
        .spike_rise = 0.05,
        .keep = 2,
    };
}

/* One number with its bounds, both included. */
typedef struct range {
    const char *flag;
    double value, min, max;
} range;

/* Comparisons are written so that NaN fails them. */
sk_status eng_train_opts_check(const eng_train_opts *o, sk_err *e)
{
    const range row[] = {
        {"steps", (double)o->steps, 1, 1e9},
        {"batch", (double)o->batch_tokens, 1, 1e9},
        {"context", o->context, 2, 1u << 22},
        {"lr", o->lr, 1e-12, 1e3},
        {"min-lr", o->min_lr_frac, 0, 1},
        {"warmup", o->warmup_frac, 0, 1},
        {"decay", o->decay_frac, 0, 1},
        {"weight-decay", o->weight_decay, 0, 1e3},
        {"beta1", o->beta1, 0, 0.999999},
        {"beta2", o->beta2, 0, 0.999999},
        {"grad-clip", o->grad_clip, 0, 1e9},
        {"muon-lr", o->muon_lr, 0, 1e3},
        {"muon-momentum", o->muon_momentum, 0, 0.999999},
        {"keep", o->keep, 1, 1e6},
        {"z-loss", o->z_loss, 0, 1},
        {"ema", o->ema, 0, 0.9999999},
        {"micro", o->micro_rows, 0, 1e9},
        {"spike-loss", o->spike_loss, 0, 1e9},
        {"spike-norm", o->spike_norm, 0, 1e9},
        {"spike-rise", o->spike_rise, 0, 1e9},
    };
    for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++)
        if (!(row[i].value >= row[i].min && row[i].value <= row[i].max))
            return sk_fail(e, SK_E_INVALID, "--%s is %.10g; it must be %.10g to %.10g", row[i].flag,
                           row[i].value, row[i].min, row[i].max);
    if (o->warmup_frac + o->decay_frac > 1)
        return sk_fail(e, SK_E_INVALID, "--warmup %g and --decay %g overlap: together at most 1",
                       o->warmup_frac, o->decay_frac);
    if (o->dtype != ENG_F32 && o->dtype != ENG_F16 && o->dtype != ENG_BF16)
        return sk_fail(e, SK_E_INVALID, "the model file's type must be f32, f16 or bf16");
    if (o->n_data == 0) return sk_fail(e, SK_E_INVALID, "nothing to train on: give --data");
    return SK_OK;
}

/* Where the processor lacks bf16 products, rounding the operands would cost exactness and gain
 * nothing. */
bool eng_train_bf16(const eng_train_opts *o)
{
    return o->compute_bf16 < 0 ? sk_cpu_includes(sk_cpu(), SK_CPU_AVX512BF16) : o->compute_bf16 > 0;
}

/* ---- events ---- */

/* Events are optional: a run may go on in silence. */
void eng_emit(const eng_train_opts *o, const eng_train_event *ev)
{
    if (o->metrics) eng_metrics_event(o->metrics, ev);
    if (o->event) o->event(o->arg, ev);
}

/* A sentence for a person; cut, if it is too long. */
void eng_emit_note(const eng_train_opts *o, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    eng_train_event ev = {.kind = ENG_EV_NOTE, .text = text};
    eng_emit(o, &ev);
}

/* A stage begins. */
void eng_emit_stage(const eng_train_opts *o, const char *stage, uint64_t total, uint64_t done)
{
    eng_train_event ev = {.kind = ENG_EV_STAGE, .stage = stage, .total = total, .step = done};
    eng_emit(o, &ev);
}
