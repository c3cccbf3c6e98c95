/* t_arch_train.c - the training pass against llama.cpp: for each tests/arch/NAME.arch that training
 * takes, its logits of the whole sequence are those kept in NAME.f32, with all weights trained, and
 * over the file as a frozen base; the others are refused by the name of what is missing.
 */
#include "tests/unit/unit.h"

#include "engine/model/config_gguf.h"
#include "engine/model/train_pass.h"
#include "engine/model/trainable.h"
#include "engine/train/export.h"
#include "tests/arch/fixture.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>

/* As in t_arch.c: float sums in another order. */
#define TOLERANCE 1e-4

enum { MAX_IDS = 256, AT_LEAST = 41 };

/* A case that is tried. */
typedef struct trial {
    char name[64];
    arch_case c;
    sk_buf file, want;
    eng_exec *x;
    eng_gguf *g;
    eng_config cfg;
    eng_layout l;
    sk_arena *mem;
    float *logits;
    int32_t ids[MAX_IDS], target[MAX_IDS];
} trial;

/* Relative L2 distance over the kept rows. */
static double distance(const trial *t)
{
    size_t n_kept, nv = t->c.n_vocab;
    const size_t *kept = arch_kept(&n_kept);
    const float *want = (const float *)(const void *)t->want.p;
    double d = 0, w = 0;
    for (size_t i = 0; i < n_kept * nv; i++) {
        double x = (double)t->logits[kept[i / nv] * nv + i % nv] - (double)want[i];
        d += x * x;
        w += (double)want[i] * (double)want[i];
    }
    return isfinite(d) && w > 0 ? sqrt(d / w) : INFINITY;
}

/* Runs a pass over the sequence, with the parameters given. */
static void run(trial *t, const eng_frozen *frozen, const float *params, const char *how)
{
    sk_err e = SK_ERR_INIT;
    eng_pass *pass;
    eng_pass_plan plan = {.cfg = &t->cfg,
                          .layout = &t->l,
                          .prec = ENG_PREC_F32,
                          .n_ctx = t->c.n_ids,
                          .rows = 1,
                          .frozen = frozen};
    eng_batch b = {.ids = t->ids, .target = t->target, .rows = 1};
    assert_status_ok(eng_pass_open(t->x, &plan, &pass, &e), e);
    eng_pass_load(pass, params);
    eng_pass_logits(pass, &b, t->logits);
    eng_pass_close(pass);
    double d = distance(t);
    if (getenv("ARCH_VERBOSE")) print_error("%s: %s: relative L2 %.2e\n", t->name, how, d);
    if (!(d < TOLERANCE)) fail_msg("%s: %s: relative L2 %.2e", t->name, how, d);
}

/* All weights trained, then an adapter that is still nothing over the frozen base. */
static void try_both(trial *t)
{
    sk_err e = SK_ERR_INIT;
    eng_layout a;
    float *params = sk_new_n(t->mem, float, t->l.n_floats);
    t->logits = sk_new_n(t->mem, float, t->c.n_ids * t->c.n_vocab);
    assert_true(params && t->logits && t->c.n_ids <= MAX_IDS);
    for (size_t i = 0; i < t->c.n_ids; i++)
        t->ids[i] = arch_id(&t->c, i);
    assert_status_ok(eng_import_gguf(t->g, &t->l, params, &e), e);
    run(t, NULL, params, "all weights");
    assert_status_ok(eng_adapter_layout(&t->cfg, &t->l, 2, ~0u, t->mem, &a, &e), e);
    float *pairs = sk_new_n(t->mem, float, a.n_floats);
    eng_adapter_init(&a, 1, pairs);
    eng_frozen frozen = {.g = t->g, .adapter = &a, .scale = 1, .rank = 2, .stream = true};
    assert_status_ok(eng_adapter_check_base(t->x, t->g, &t->l, &e), e);
    run(t, &frozen, pairs, "a frozen base");
}

/* True when the case is one that training takes. */
static bool try_case(const char *name)
{
    trial t = {.file = SK_BUF_INIT, .want = SK_BUF_INIT};
    sk_err e = SK_ERR_INIT;
    char path[128];
    bool taken = false;
    (void)snprintf(t.name, sizeof(t.name), "%s", name);
    (void)snprintf(path, sizeof(path), "tests/arch/%s.arch", name);
    assert_status_ok(arch_make(path, ARCH_PLAIN, &t.c, &t.file, &e), e);
    (void)snprintf(path, sizeof(path), "tests/arch/%s.f32", name);
    assert_true(unit_read(path, &t.want));
    assert_non_null(t.mem = sk_arena_new(SK_MEM_TRAIN));
    assert_status_ok(eng_exec_open(2, &t.x, &e), e);
    assert_status_ok(eng_gguf_open_bytes(t.file.p, t.file.len, &t.g, &e), e);
    if (!eng_config_read(t.g, &t.cfg, &e)) {
        sk_err why = SK_ERR_INIT;
        sk_status st = eng_config_trainable(&t.cfg, &why);
        taken = st == SK_OK && !t.c.embeds; /* of those, vectors are kept and no logits */
        if (st) assert_status(st, SK_E_UNSUPPORTED, why, t.cfg.arch);
        if (taken) assert_status_ok(eng_layout_build(&t.cfg, t.mem, &t.l, &e), e);
        if (taken) try_both(&t);
    }
    eng_gguf_close(t.g);
    eng_exec_close(t.x);
    sk_arena_free(t.mem);
    sk_buf_fini(&t.file);
    sk_buf_fini(&t.want);
    return taken;
}

static void training_computes_what_the_files_say(void **state)
{
    (void)state;
    size_t n = 0;
    const char *only = getenv("ARCH");
    DIR *d = opendir("tests/arch");
    assert_non_null(d);
    for (struct dirent *f; (f = readdir(d)) != NULL;) {
        size_t len = strlen(f->d_name);
        char name[64] = "";
        if (len < 6 || len > 60 || strcmp(f->d_name + len - 5, ".arch") != 0) continue;
        memcpy(name, f->d_name, len - 5);
        if (!only || !strcmp(only, name)) n += try_case(name);
    }
    closedir(d);
    print_message("# %zu models are taken\n", n);
    assert_true(only || n >= AT_LEAST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(training_computes_what_the_files_say)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
