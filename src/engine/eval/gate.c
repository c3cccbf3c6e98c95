/* gate.c - two models, one after the other, over the same documents and prompts.
 *
 * The new file is looked at first, which costs little; then the live model is measured, then the
 * new one, check by check, until one fails.  Only one model is open at a time: where this runs,
 * another program serves the live one from the same memory.
 */
#include "engine/eval/gate.h"

#include "base/file.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "engine/eval/figures.h"
#include "engine/eval/gate_best.h"
#include "engine/eval/held.h"
#include "engine/eval/suite.h"
#include "engine/eval/verdict.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* One of the two models. */
typedef struct side {
    const char *name; /* "live", "new": in progress */
    eng_figures f;
} side;

typedef struct gate {
    eng_exec *x;
    const eng_gate_opts *o;
    eng_gate *out;
    eng_suite *suite;               /* NULL: none */
    eng_held *held[ENG_GATE_VALID]; /* cut for the live model's context */
    side live, fresh;
    eng_gate_best best;
    const side *now;   /* being measured */
    const char *stage; /* what of it */
} gate;

/* ---- measuring a model ---- */

static void tell(const gate *g, uint64_t done, uint64_t total)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%s: %s", g->now->name, g->stage);
    if (g->o->progress) g->o->progress(g->o->arg, text, done, total);
}

static void held_progress(void *arg, uint64_t done, uint64_t total)
{
    tell(arg, done, total);
}

static void suite_progress(void *arg, size_t done, size_t total, double acc)
{
    (void)acc;
    tell(arg, done, total);
}

static bool stop(void *arg)
{
    const gate *g = arg;
    return g->o->stop && g->o->stop(g->o->arg);
}

static sk_status run_shadow(gate *g, const eng_model *m, side *s, sk_err *e)
{
    g->stage = "session";
    tell(g, 0, 0);
    return eng_shadow_run(g->x, m, stop, g, &s->f.shadow, e);
}

static sk_status run_held(gate *g, const eng_model *m, side *s, size_t i, sk_err *e)
{
    const eng_held_opts ho = {.progress = held_progress, .stop = stop, .arg = g};
    eng_figures *f = &s->f;
    g->stage = "text";
    f->n_doc[i] = eng_held_n(g->held[i]);
    f->doc[i] = sk_calloc(SK_MEM_MISC, f->n_doc[i], sizeof *f->doc[i]);
    if (!f->doc[i]) return sk_fail(e, SK_E_NOMEM, "no memory for held-out documents");
    f->n = i + 1;
    return eng_held_run(g->x, m, g->held[i], &ho, f->doc[i], e);
}

static sk_status run_suite(gate *g, const eng_model *m, side *s, sk_err *e)
{
    eng_model_info info;
    eng_eval got;
    eng_model_get_info(m, &info);
    const eng_eval_opts eo = {.n_answer = g->o->n_answer,
                              .chat = info.has_chat,
                              .progress = suite_progress,
                              .stop = stop,
                              .arg = g};
    g->stage = "answers";
    sk_status st = eng_eval_run(g->x, m, g->suite, &eo, &got, e);
    if (st) return st;
    s->f.asked = got.n_items;
    s->f.right = (size_t)llround(got.acc.share * (double)got.n_items);
    return SK_OK;
}

/* Cuts the held-out files for the live model; m is any with its tokenizer. */
static sk_status open_held(gate *g, const eng_model *m, sk_err *e)
{
    sk_status st = SK_OK;
    for (size_t i = 0; !st && i < g->o->n_valid; i++) {
        const char *path = g->o->valid[i];
        st = eng_held_open(m, path, g->live.f.cut, g->o->most, &g->held[i], e);
        if (!st && eng_held_n(g->held[i]) < ENG_PAIRED_LEAST)
            st = sk_fail(e, SK_E_INVALID,
                         "%s has %zu documents to measure a model on; their spread can be told "
                         "from %d on",
                         path, eng_held_n(g->held[i]), ENG_PAIRED_LEAST);
    }
    return st;
}

/* A suite with conversations can't be put to a model that has no chat template; then nothing is
 * said of answers. */
static void fit_suite(gate *g)
{
    bool talks = false;
    for (size_t i = 0; g->suite && i < g->suite->n; i++)
        talks |= g->suite->item[i].n_msg > 1;
    if (g->live.f.chat || !talks) return;
    eng_suite_close(g->suite);
    g->suite = NULL;
}

/* What a model says of itself. */
static void note_model(const gate *g, const eng_model *m, eng_figures *f)
{
    eng_model_info info;
    eng_model_get_info(m, &info);
    f->n_ctx = info.n_ctx;
    f->cut = g->o->n_ctx < info.n_ctx ? (uint32_t)g->o->n_ctx : info.n_ctx;
    f->chat = info.has_chat;
}

/* All of the live model at once. */
static sk_status measure_live(gate *g, const char *path, sk_err *e)
{
    eng_model *m;
    g->now = &g->live;
    sk_status st = eng_model_open(g->x, path, &m, e);
    if (st) return sk_while(e, "%s", path);
    note_model(g, m, &g->live.f);
    fit_suite(g);
    st = open_held(g, m, e);
    if (!st) st = run_shadow(g, m, &g->live, e);
    for (size_t i = 0; !st && i < g->o->n_valid; i++)
        st = run_held(g, m, &g->live, i, e);
    if (!st && g->suite) st = run_suite(g, m, &g->live, e);
    eng_model_close(m);
    return st;
}

/* Figures that were kept of this model, as it would be measured now. */
static bool find_live(gate *g)
{
    eng_figures f;
    const eng_figures *want = &g->live.f;
    if (!g->o->figures || !want->model[0]) return false;
    if (eng_figures_load(g->o->figures, &f, NULL)) return false;
    uint32_t cut = g->o->n_ctx < f.n_ctx ? (uint32_t)g->o->n_ctx : f.n_ctx;
    if (strcmp(f.model, want->model) != 0 || strcmp(f.data, want->data) != 0 || f.cut != cut ||
        f.n != g->o->n_valid) {
        eng_figures_fini(&f);
        return false;
    }
    g->live.f = f;
    fit_suite(g);
    g->out->kept = true;
    return true;
}

/* What can't be kept, on a full disk say, is measured the next time. */
static void keep(const char *path, const eng_figures *f)
{
    if (path && f->model[0]) (void)eng_figures_save(path, f, NULL);
}

static bool uses_figures(const gate *g)
{
    return g->o->figures || g->o->new_figures || g->o->best;
}

/* Measures the live model, or knows it. */
static sk_status know_live(gate *g, const char *path, sk_err *e)
{
    sk_status st = SK_OK;
    if (uses_figures(g)) {
        st = eng_figures_of_model(path, g->live.f.model, e);
        if (!st) st = eng_figures_of_data(g->o, g->live.f.data, e);
        if (st || find_live(g)) return st;
    }
    st = measure_live(g, path, e);
    if (!st) keep(g->o->figures, &g->live.f);
    return st;
}

/* ---- judging the new one ---- */

static sk_status judge_session(gate *g, const eng_model *m, eng_gate_check *c, sk_err *e)
{
    eng_model_info info;
    eng_model_get_info(m, &info);
    if (info.encoder || info.n_ctx < g->live.f.n_ctx) {
        eng_verdict_set(c, false, "its context of %u tokens is shorter than the live model's %u",
                        info.n_ctx, g->live.f.n_ctx);
        if (info.encoder) eng_verdict_set(c, false, "it is an encoder, which gives no text");
        return SK_OK;
    }
    sk_status st = run_shadow(g, m, &g->fresh, e);
    if (!st) eng_verdict_session(&g->live.f.shadow, &g->fresh.f.shadow, c);
    return st;
}

/* A further file, against the live model and against the best version there was. */
static sk_status judge_other(gate *g, size_t i, const eng_paired *p, eng_gate_check *c, sk_err *e)
{
    const char *slash = strrchr(g->o->valid[i], '/'), *name = slash ? slash + 1 : g->o->valid[i];
    const eng_held_doc *best = g->best.doc[i];
    char text[96];
    eng_paired q;
    eng_verdict_no_worse(p, g->o->worse, name, c);
    if (!c->ok || !best) return SK_OK;
    if (!eng_paired_compare(best, g->fresh.f.doc[i], g->fresh.f.n_doc[i], &q))
        return sk_fail(e, SK_E_INVALID, "%s has no text to count bytes of", g->o->valid[i]);
    (void)snprintf(text, sizeof text, "%.60s, of the best version yet", name);
    eng_gate_check sum = {0};
    eng_verdict_no_worse(&q, g->o->best_worse, text, &sum);
    if (!sum.ok) *c = sum;
    return SK_OK;
}

/* One file of held-out documents. */
static sk_status judge_file(gate *g, const eng_model *m, size_t i, eng_gate_check *c, sk_err *e)
{
    eng_paired p;
    sk_status st = run_held(g, m, &g->fresh, i, e);
    if (st) return st;
    if (g->out->kept && !eng_figures_same_docs(&g->live.f, &g->fresh.f, i))
        return sk_fail(e, SK_E_CORRUPT, "%s is not of these documents: remove it", g->o->figures);
    if (!eng_paired_compare(g->live.f.doc[i], g->fresh.f.doc[i], g->fresh.f.n_doc[i], &p))
        return sk_fail(e, SK_E_INVALID, "%s has no text to count bytes of", g->o->valid[i]);
    if (i > 0) return judge_other(g, i, &p, c, e);
    eng_verdict_better(&p, g->o->margin, c);
    g->out->live_bpb = p.live;
    g->out->new_bpb = p.fresh;
    g->out->low = p.low;
    g->out->high = p.high;
    g->out->documents = p.n;
    return SK_OK;
}

/* The first file's clause stays where all are well. */
static sk_status judge_text(gate *g, const eng_model *m, eng_gate_check *c, sk_err *e)
{
    sk_status st = judge_file(g, m, 0, c, e);
    for (size_t i = 1; !st && c->ok && i < g->o->n_valid; i++) {
        eng_gate_check other = {0};
        st = judge_file(g, m, i, &other, e);
        if (!st && !other.ok) *c = other;
    }
    return st;
}

static sk_status judge_answers(gate *g, const eng_model *m, eng_gate_check *c, sk_err *e)
{
    sk_status st = run_suite(g, m, &g->fresh, e);
    if (st == SK_E_CORRUPT) {
        eng_verdict_set(c, false, "%.300s", e->text);
        return SK_OK;
    }
    if (st) return st;
    g->out->answers = g->live.f.asked;
    g->out->live_right = g->live.f.right;
    g->out->new_right = g->fresh.f.right;
    eng_verdict_answers(g->live.f.right, g->fresh.f.right, g->live.f.asked, g->o->slack, c);
    if (c->ok && g->best.right > g->fresh.f.right + g->o->best_slack)
        eng_verdict_set(c, false,
                        "%zu of %zu answers are right, of the best version yet %zu: too many are "
                        "lost over time",
                        g->fresh.f.right, g->fresh.f.asked, g->best.right);
    return SK_OK;
}

/* Check by check, to the first that fails. */
static sk_status judge(gate *g, const char *path, sk_err *e)
{
    eng_gate_check *c = g->out->check;
    eng_model *m;
    g->now = &g->fresh;
    sk_status st = eng_model_open(g->x, path, &m, e);
    if (st && eng_gate_is_file(st)) {
        eng_verdict_set(&c[ENG_GATE_SESSION], false, "%.300s", e->text);
        return SK_OK;
    }
    if (st) return sk_while(e, "%s", path);
    note_model(g, m, &g->fresh.f);
    st = judge_session(g, m, &c[ENG_GATE_SESSION], e);
    g->fresh.f.cut = g->live.f.cut; /* what it is measured with */
    if (!st && c[ENG_GATE_SESSION].ok && !g->held[0]) st = open_held(g, m, e);
    if (!st && c[ENG_GATE_SESSION].ok) st = judge_text(g, m, &c[ENG_GATE_TEXT], e);
    if (!st && c[ENG_GATE_TEXT].ok && g->suite) st = judge_answers(g, m, &c[ENG_GATE_ANSWERS], e);
    eng_model_close(m);
    return st;
}

/* ---- the whole ---- */

/* What can be refused without a model. */
static sk_status check(gate *g, sk_err *e)
{
    const eng_gate_opts *o = g->o;
    eng_suite_info info;
    if (o->n_valid < 1 || o->n_valid > ENG_GATE_VALID)
        return sk_fail(e, SK_E_INVALID, "there must be 1 to %d files of held-out documents",
                       ENG_GATE_VALID);
    if (!(o->margin >= 0) || !(o->worse >= 0) || !(o->best_worse >= 0) || o->n_ctx < 2 ||
        o->n_ctx > UINT32_MAX || !o->n_answer)
        return sk_fail(e, SK_E_INVALID, "margin, context or length of answers is out of bounds");
    for (size_t i = 0; i < o->n_valid; i++)
        if (!sk_file_exists(o->valid[i]))
            return sk_fail(e, SK_E_NOTFOUND, "%s does not exist", o->valid[i]);
    if (!o->answers) return SK_OK;
    sk_status st = eng_suite_load(o->answers, &g->suite, e);
    if (st) return st;
    eng_suite_get_info(g->suite, &info);
    if (info.kind == ENG_SUITE_REPLY || info.kind == ENG_SUITE_ANSWER) return SK_OK;
    return sk_fail(e, SK_E_INVALID, "%s asks for no answers: its lines need \"accept\"",
                   o->answers);
}

static void gate_fini(gate *g)
{
    for (size_t i = 0; i < ENG_GATE_VALID; i++)
        eng_held_close(g->held[i]);
    eng_figures_fini(&g->live.f);
    eng_figures_fini(&g->fresh.f);
    eng_gate_best_fini(&g->best);
    eng_suite_close(g->suite);
}

/* The new model's figures are the live one's of the next time. */
static sk_status keep_fresh(gate *g, const char *path, sk_err *e)
{
    eng_figures *f = &g->fresh.f;
    if (!g->o->new_figures) return SK_OK;
    memcpy(f->data, g->live.f.data, sizeof f->data);
    sk_status st = eng_figures_of_model(path, f->model, e);
    if (!st) keep(g->o->new_figures, f);
    return st;
}

static sk_status find_best(gate *g, sk_err *e)
{
    if (!g->o->best) return SK_OK;
    sk_status st = eng_gate_best_find(g->o->best, &g->live.f, &g->best, e);
    if (!st) g->out->best = g->best.versions;
    return st;
}

/* What the new file has done wrong ends it early, with SK_OK. */
sk_status eng_gate_run(eng_exec *x, const char *live, const char *fresh, const eng_gate_opts *o,
                       eng_gate *out, sk_err *e)
{
    eng_gate got = {.live_bpb = NAN, .new_bpb = NAN, .low = NAN, .high = NAN};
    gate g = {.x = x, .o = o, .out = &got, .live = {.name = "live"}, .fresh = {.name = "new"}};
    sk_err own = SK_ERR_INIT;
    if (!e) e = &own;
    sk_status st = check(&g, e);
    if (!st) st = eng_gate_files(x, live, fresh, &got, e);
    if (!st && got.check[ENG_GATE_TOKENIZER].ok) {
        st = know_live(&g, live, e);
        if (!st) st = find_best(&g, e);
        if (!st) st = judge(&g, fresh, e);
    }
    got.promote = !st && eng_verdict_promotes(&got);
    if (got.promote) st = keep_fresh(&g, fresh, e);
    gate_fini(&g);
    if (!st) *out = got;
    return st;
}
