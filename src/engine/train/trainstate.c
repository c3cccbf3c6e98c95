/* trainstate.c - a run's state in memory and in its checkpoint.
 *
 * Sections: "meta" (JSON, see eng_trainstate_meta, with "step" and "cpu" added), "param", "adam.m",
 * "adam.v" (floats in the order of the layout, padding included; adam.v of the parameters that have
 * a second moment), "ema" (like param, where a mean is kept), "curve" (eng_point), "guard"
 * (eng_guard).
 */
#include "engine/train/trainstate.h"

#include "base/cpu.h"
#include "base/mem.h"
#include "engine/train/extend.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define META_VERSION 1

/* Cleared, since moments begin at zero. */
sk_status eng_trainstate_init(eng_trainstate *s, size_t n_floats, size_t v_floats, uint64_t steps,
                              sk_err *e)
{
    *s = (eng_trainstate){.n_floats = n_floats, .v_floats = v_floats};
    s->param = sk_calloc(SK_MEM_TRAIN, n_floats, sizeof(float));
    s->m = sk_calloc(SK_MEM_TRAIN, n_floats, sizeof(float));
    s->v = sk_calloc(SK_MEM_TRAIN, v_floats, sizeof(float));
    eng_guard_init(&s->guard);
    sk_status st = eng_curve_init(&s->curve, (size_t)steps + 1, e);
    if (!st && (!s->param || !s->m || !s->v))
        st = sk_fail(e, SK_E_NOMEM, "no memory for parameters and optimiser: %.1f MB",
                     ((double)n_floats * 8 + (double)v_floats * 4) / 1e6);
    if (st) eng_trainstate_fini(s);
    return st;
}

sk_status eng_trainstate_add_ema(eng_trainstate *s, sk_err *e)
{
    s->ema = sk_calloc(SK_MEM_TRAIN, s->n_floats, sizeof(float));
    return s->ema ? SK_OK
                  : sk_fail(e, SK_E_NOMEM, "no memory for a mean of the parameters: %.1f MB",
                            (double)s->n_floats * 4 / 1e6);
}

/* Frees all; the state is then empty. */
void eng_trainstate_fini(eng_trainstate *s)
{
    sk_free(s->param);
    sk_free(s->m);
    sk_free(s->v);
    sk_free(s->ema);
    eng_curve_fini(&s->curve);
    *s = (eng_trainstate){0};
}

/* ---- what a run is ---- */

/* Those of an adapter. */
static bool add_adapter(json_t *s, const eng_train_opts *o)
{
    if (!o->lora) return true;
    json_t *lora = json_pack("{s:I, s:f, s:s, s:b}", "lora", (json_int_t)o->lora, "lora-alpha",
                             o->lora_alpha, "lora-targets", o->lora_targets, "qlora", o->qlora);
    bool bad = !lora || json_object_update(s, lora);
    json_decref(lora);
    return !bad;
}

/* Puts v, whose reference it takes, only if it is to be there. */
static bool put_if(json_t *s, bool there, const char *name, json_t *v)
{
    if (there) return json_object_set_new(s, name, v) == 0;
    json_decref(v);
    return true;
}

static bool differ(double a, double b)
{
    return a < b || a > b;
}

static bool add_optimizer(json_t *s, const eng_train_opts *o)
{
    if (o->optimizer != ENG_MUON) return true;
    double lr = o->muon_lr > 0 ? o->muon_lr : o->lr;
    json_t *muon = json_pack("{s:s, s:f, s:f}", "optimizer", "muon", "muon-lr", lr, "muon-momentum",
                             o->muon_momentum);
    bool bad = !muon || json_object_update(s, muon);
    json_decref(muon);
    return !bad;
}

/* Settings that came later than the first checkpoints: only there when they are not as they always
 * were, so that old checkpoints are still those of the same run. */
static bool add_later_settings(json_t *s, const eng_train_opts *o)
{
    static const char *const spike[] = {"rollback", "skip", "stop", "ignore"};
    eng_train_opts d;
    eng_train_opts_default(&d);
    assert((size_t)o->on_spike < sizeof spike / sizeof *spike);
    return put_if(s, o->z_loss > 0, "z-loss", json_real(o->z_loss)) &&
           put_if(s, o->micro_rows, "micro", json_integer((json_int_t)o->micro_rows)) &&
           put_if(s, o->ema > 0, "ema", json_real(o->ema)) &&
           put_if(s, o->on_spike != d.on_spike, "on-spike", json_string(spike[o->on_spike])) &&
           put_if(s, differ(o->spike_loss, d.spike_loss), "spike-loss", json_real(o->spike_loss)) &&
           put_if(s, differ(o->spike_norm, d.spike_norm), "spike-norm", json_real(o->spike_norm)) &&
           put_if(s, differ(o->spike_rise, d.spike_rise), "spike-rise", json_real(o->spike_rise)) &&
           add_adapter(s, o) && put_if(s, o->dpo, "beta", json_real(o->beta)) &&
           add_optimizer(s, o) &&
           put_if(s, o->lanes > 1, "lanes", json_integer((json_int_t)o->lanes));
}

/* Names are those of the flags, so that a refusal can name what to change.  Left out is what does
 * not change the result: threads, how often to save and to evaluate, the type of the file written.
 */
json_t *eng_trainstate_meta(const char *stage, const eng_train_opts *o, bool bf16)
{
    json_t *s = json_pack(
        "{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:b, s:b}", "arch", o->arch,
        "dim", (json_int_t)o->dim, "layers", (json_int_t)o->layers, "heads", (json_int_t)o->heads,
        "kv-heads", (json_int_t)o->kv_heads, "ffn", (json_int_t)o->ffn, "vocab",
        (json_int_t)o->vocab, "context", (json_int_t)o->context, "batch",
        (json_int_t)o->batch_tokens, "steps", (json_int_t)o->steps, "seed", (json_int_t)o->seed,
        "rope-theta", o->rope_theta, "untied", !o->tied, "f32", !bf16);
    json_t *rates = json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:b}", "lr", o->lr,
                              "min-lr", o->min_lr_frac, "warmup", o->warmup_frac, "decay",
                              o->decay_frac, "weight-decay", o->weight_decay, "beta1", o->beta1,
                              "beta2", o->beta2, "grad-clip", o->grad_clip, "cosine", o->cosine);
    json_t *meta = json_pack("{s:i, s:s, s:{}}", "version", META_VERSION, "stage", stage, "inputs");
    if (!s || !rates || !meta || json_object_update(s, rates) || !add_later_settings(s, o) ||
        json_object_set(meta, "settings", s)) {
        json_decref(meta);
        meta = NULL;
    }
    json_decref(rates);
    json_decref(s);
    return meta;
}

/* Adds the checksum of something that was read. */
bool eng_trainstate_input(json_t *meta, const char *name, uint64_t value)
{
    json_t *inputs = json_object_get(meta, "inputs");
    return inputs && !json_object_set_new(inputs, name, json_integer((json_int_t)value));
}

/* A value as people write it after a flag. */
static const char *value_text(const json_t *v, char *b, size_t n)
{
    if (json_is_integer(v))
        (void)snprintf(b, n, "%lld", (long long)json_integer_value(v));
    else if (json_is_real(v))
        (void)snprintf(b, n, "%g", json_real_value(v));
    else if (json_is_string(v))
        (void)snprintf(b, n, "%s", json_string_value(v));
    else
        (void)snprintf(b, n, "%s",
                       json_is_true(v)    ? "on"
                       : json_is_false(v) ? "off"
                                          : "as by default");
    return b;
}

/* One setting of the checkpoint held against that of this run. */
static sk_status compare_setting(const char *path, const json_t *theirs, const json_t *ours,
                                 const char *key, sk_err *e)
{
    char was[64], is[64];
    const json_t *its = json_object_get(theirs, key), *mine = json_object_get(ours, key);
    if ((!its && !mine) || json_equal(its, mine)) return SK_OK;
    return sk_fail(e, SK_E_INVALID,
                   "%s was made with --%s %s, this run has %s; go on with the same settings, or "
                   "begin a new run in another folder",
                   path, key, value_text(its, was, sizeof(was)), value_text(mine, is, sizeof(is)));
}

/* All of them, both ways, since either may have some that the other has not; first the one that
 * brings others with it.  Those of the schedule are held against what was done by them. */
static sk_status compare_settings(const char *path, json_t *theirs, json_t *ours, sk_err *e)
{
    const char *key;
    json_t *any;
    sk_status st = compare_setting(path, theirs, ours, "optimizer", e);
    json_object_foreach(ours, key, any) if (!st && !eng_extend_is_schedule(key)) st =
        compare_setting(path, theirs, ours, key, e);
    json_object_foreach(theirs, key, any) if (!st && !eng_extend_is_schedule(key)) st =
        compare_setting(path, theirs, ours, key, e);
    return st;
}

/* Files may move and be renamed: only what was read from them counts. */
static sk_status compare_inputs(const char *path, json_t *theirs, json_t *ours, sk_err *e)
{
    const char *key;
    json_t *mine;
    json_object_foreach(
        ours, key, mine) if (!json_equal(json_object_get(theirs, key),
                                         mine)) return sk_fail(e, SK_E_INVALID,
                                                               "%s was made with another %s; give "
                                                               "the same files, or begin a new run "
                                                               "in another folder",
                                                               path, key);
    return SK_OK;
}

/* ---- reading ---- */

/* The meta section, parsed; a new reference. */
static sk_status read_meta(const eng_ckpt *c, const char *path, json_t **out, sk_err *e)
{
    const void *p;
    uint64_t n;
    int64_t version = 0;
    json_t *meta;
    sk_status st = eng_ckpt_get(c, "meta", &p, &n, e);
    if (!st) st = sk_json_parse(p, n, 8, &meta, e);
    if (st) return sk_while(e, "%s", path);
    st = sk_json_get_int(meta, "version", 0, INT64_MAX, &version, e);
    if (!st && version != META_VERSION)
        st = sk_fail(e, SK_E_UNSUPPORTED, "%s is a checkpoint of another version of stoke", path);
    if (st)
        json_decref(meta);
    else
        *out = meta;
    return st;
}

/* Checks that the checkpoint is of the run `ours` and gives its step. */
static sk_status check_meta(const char *path, json_t *theirs, json_t *ours, bool inputs,
                            uint64_t *step, sk_err *e)
{
    int64_t n = -1;
    json_t *stage = json_object_get(theirs, "stage");
    if (!json_equal(stage, json_object_get(ours, "stage")))
        return sk_fail(e, SK_E_INVALID, "%s is a checkpoint of \"%s\", not of \"%s\"", path,
                       json_is_string(stage) ? json_string_value(stage) : "?",
                       json_string_value(json_object_get(ours, "stage")));
    sk_status st = compare_settings(path, json_object_get(theirs, "settings"),
                                    json_object_get(ours, "settings"), e);
    if (!st) st = sk_json_get_int(theirs, "step", 0, INT64_MAX, &n, e);
    if (!st && n < 0) st = sk_fail(e, SK_E_FORMAT, "%s does not say its step", path);
    if (!st)
        st = eng_extend_check(path, json_object_get(theirs, "settings"),
                              json_object_get(ours, "settings"), (uint64_t)n, e);
    if (!st && inputs)
        st = compare_inputs(path, json_object_get(theirs, "inputs"),
                            json_object_get(ours, "inputs"), e);
    if (st) return st;
    *step = (uint64_t)n;
    return SK_OK;
}

/* Copies a section of exactly n floats. */
static sk_status read_floats(const eng_ckpt *c, const char *name, size_t n, float *to, sk_err *e)
{
    const void *p;
    uint64_t bytes;
    sk_status st = eng_ckpt_get(c, name, &p, &bytes, e);
    if (st) return st;
    if (bytes != n * sizeof(*to))
        return sk_fail(e, SK_E_FORMAT, "section %s has %llu bytes, not %zu", name,
                       (unsigned long long)bytes, n * sizeof(*to));
    memcpy(to, p, (size_t)bytes);
    return SK_OK;
}

/* The points, each checked: the curve asserts their order. */
static sk_status read_curve(const eng_ckpt *c, eng_curve *to, uint64_t step, sk_err *e)
{
    const void *p;
    uint64_t bytes;
    sk_status st = eng_ckpt_get(c, "curve", &p, &bytes, e);
    if (st) return st;
    const eng_point *point = p;
    size_t n = (size_t)(bytes / sizeof(*point));
    if (bytes % sizeof(*point) || n > to->cap)
        return sk_fail(e, SK_E_FORMAT, "section curve has %llu bytes", (unsigned long long)bytes);
    to->n = 0;
    for (size_t i = 0; i < n; i++) {
        bool rises = i == 0 || point[i].step > point[i - 1].step;
        if (!rises || !(point[i].step >= 0 && point[i].step <= (double)step))
            return sk_fail(e, SK_E_FORMAT, "section curve has its steps out of order");
        eng_curve_add(to, &point[i]);
    }
    return SK_OK;
}

/* Checkpoints of before there were guards have none: it begins anew. */
static sk_status read_guard(const eng_ckpt *c, eng_guard *to, sk_err *e)
{
    const void *p;
    uint64_t bytes;
    if (eng_ckpt_get(c, "guard", &p, &bytes, NULL)) return SK_OK;
    if (bytes != sizeof(*to))
        return sk_fail(e, SK_E_FORMAT, "section guard has %llu bytes", (unsigned long long)bytes);
    memcpy(to, p, sizeof(*to));
    return eng_guard_check(to, e);
}

/* All the numbers of a checkpoint whose meta section was found right. */
static sk_status read_sections(eng_trainstate *s, const eng_ckpt *c, uint64_t step, sk_err *e)
{
    sk_status st = read_floats(c, "param", s->n_floats, s->param, e);
    if (!st) st = read_floats(c, "adam.m", s->n_floats, s->m, e);
    if (!st) st = read_floats(c, "adam.v", s->v_floats, s->v, e);
    if (!st && s->ema) st = read_floats(c, "ema", s->n_floats, s->ema, e);
    if (!st) st = read_curve(c, &s->curve, step, e);
    if (!st) st = read_guard(c, &s->guard, e);
    return st;
}

/* The meta section decides before anything is copied.  After a failure s may hold a part of the
 * checkpoint: the caller gives up. */
sk_status eng_trainstate_load(eng_trainstate *s, const char *path, json_t *meta, sk_err *e)
{
    eng_ckpt *c;
    json_t *theirs = NULL;
    uint64_t step = 0;
    const char *cpu = "";
    sk_status st = eng_ckpt_open(path, &c, e);
    if (st) return st;
    st = read_meta(c, path, &theirs, e);
    if (!st) st = check_meta(path, theirs, meta, true, &step, e);
    if (!st && step >= s->curve.cap)
        st = sk_fail(e, SK_E_FORMAT, "%s stands at step %llu, past the end of the run", path,
                     (unsigned long long)step);
    if (!st) st = sk_json_get_str(theirs, "cpu", &cpu, e);
    if (!st && (st = read_sections(s, c, step, e)) != SK_OK) sk_while(e, "%s", path);
    if (!st) {
        s->step = step;
        (void)snprintf(s->cpu, sizeof(s->cpu), "%s", cpu);
    }
    json_decref(theirs);
    eng_ckpt_close(c);
    return st;
}

/* For telling files apart. */
sk_status eng_trainstate_step(const char *path, uint64_t *step, sk_err *e)
{
    eng_ckpt *c;
    json_t *meta = NULL;
    int64_t n = -1;
    sk_status st = eng_ckpt_open(path, &c, e);
    if (st) return st;
    st = read_meta(c, path, &meta, e);
    if (!st) st = sk_json_get_int(meta, "step", 0, INT64_MAX, &n, e);
    if (!st && n < 0) st = sk_fail(e, SK_E_FORMAT, "%s does not say its step", path);
    if (!st) *step = (uint64_t)n;
    json_decref(meta);
    eng_ckpt_close(c);
    return st;
}

/* One lane goes without saying. */
sk_status eng_trainstate_lanes(const char *path, uint32_t *lanes, sk_err *e)
{
    eng_ckpt *c;
    json_t *meta = NULL;
    int64_t n = 1;
    sk_status st = eng_ckpt_open(path, &c, e);
    if (st) return st;
    st = read_meta(c, path, &meta, e);
    if (!st) st = sk_json_get_int(json_object_get(meta, "settings"), "lanes", 1, 1 << 20, &n, e);
    if (!st) *lanes = (uint32_t)n;
    json_decref(meta);
    eng_ckpt_close(c);
    return st;
}

/* Lets a finished run be told without reading and encoding its data. */
sk_status eng_trainstate_is_done(const char *path, json_t *meta, uint64_t steps, bool *done,
                                 sk_err *e)
{
    eng_ckpt *c;
    json_t *theirs = NULL;
    uint64_t step = 0;
    sk_status st = eng_ckpt_open(path, &c, e);
    if (st) return st;
    st = read_meta(c, path, &theirs, e);
    if (!st) st = check_meta(path, theirs, meta, false, &step, e);
    if (!st) *done = step == steps;
    json_decref(theirs);
    eng_ckpt_close(c);
    return st;
}

/* ---- writing ---- */

/* The meta section: what the run is, where it stands, and on which kernels. */
static bool meta_text(sk_buf *to, const eng_trainstate *s, json_t *meta)
{
    return !json_object_set_new(meta, "step", json_integer((json_int_t)s->step)) &&
           !json_object_set_new(meta, "cpu", json_string(sk_cpu_name(sk_cpu()))) &&
           sk_json_dump(meta, JSON_INDENT(1) | JSON_SORT_KEYS, to);
}

/* One more section. */
static void add_section(eng_image *im, const char *name, const void *p, size_t n)
{
    assert(im->n < ENG_IMAGE_MAX && strlen(name) <= sizeof(im->sec->name));
    eng_ckpt_section *c = &im->sec[im->n++];
    *c = (eng_ckpt_section){.p = p, .n = n};
    memcpy(c->name, name, strlen(name));
}

/* The arrays are borrowed, all else is copied. */
sk_status eng_image_init(eng_image *im, const eng_trainstate *s, json_t *meta, sk_err *e)
{
    assert(s->step < s->curve.cap);
    *im = (eng_image){.step = s->step, .val_loss = NAN};
    const eng_curve *c = &s->curve;
    size_t bytes = s->n_floats * sizeof(float), n_curve = c->n * sizeof(*c->point);
    im->curve = sk_alloc(SK_MEM_TRAIN, n_curve);
    im->guard = sk_alloc(SK_MEM_TRAIN, sizeof(s->guard));
    eng_curve_log(c, &im->log);
    eng_guard_log(&s->guard, s->data, &im->log);
    if (!im->curve || !im->guard || !meta_text(&im->meta, s, meta) || !sk_buf_ok(&im->log)) {
        eng_image_fini(im);
        return sk_fail(e, SK_E_NOMEM, "no memory for a checkpoint");
    }
    if (c->n) memcpy(im->curve, c->point, n_curve);
    memcpy(im->guard, &s->guard, sizeof(s->guard));
    if (c->n && c->point[c->n - 1].step == (double)s->step)
        im->val_loss = c->point[c->n - 1].val_loss;
    add_section(im, "meta", im->meta.p, im->meta.len);
    add_section(im, "param", s->param, bytes);
    add_section(im, "adam.m", s->m, bytes);
    add_section(im, "adam.v", s->v, s->v_floats * sizeof(float));
    if (s->ema) add_section(im, "ema", s->ema, bytes);
    add_section(im, "curve", im->curve, n_curve);
    add_section(im, "guard", im->guard, sizeof(*im->guard));
    return SK_OK;
}

/* The image is then empty. */
void eng_image_fini(eng_image *im)
{
    sk_buf_fini(&im->meta);
    sk_buf_fini(&im->log);
    sk_free(im->curve);
    sk_free(im->guard);
    *im = (eng_image){0};
}

/* The old checkpoint is there until the new one is complete: eng_ckpt_write replaces it at once. */
sk_status eng_trainstate_save(const eng_trainstate *s, const char *path, json_t *meta, sk_err *e)
{
    eng_image im;
    sk_status st = eng_image_init(&im, s, meta, e);
    if (st) return st;
    st = eng_ckpt_write(path, im.sec, im.n, e);
    eng_image_fini(&im);
    return st;
}
