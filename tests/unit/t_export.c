/* t_export.c - parameters to a model file and back, and the decoder of the file against the
 * training pass. */
#include "tests/unit/fixture_model.h"
#include "tests/unit/tiny_vocab.h"
#include "tests/unit/unit.h"

#include "base/rng.h"
#include "engine/engine.h"
#include "engine/model/train_pass.h"
#include "engine/train/export.h"

#include <math.h>
#include <stdio.h>

typedef struct fixture {
    eng_exec *x;
    sk_arena *mem;
    eng_config cfg;
    eng_layout l;
    eng_vocab *v;
    float *params;
    char dir[128], path[160];
} fixture;

static void open_fixture(fixture *f, const char *arch, bool tied)
{
    sk_err e = SK_ERR_INIT;
    f->mem = sk_arena_new(SK_MEM_MISC);
    f->v = tiny_vocab(300, NULL);
    f->cfg = fixture_config(arch);
    f->cfg.n_vocab = 300;
    f->cfg.tied = tied;
    assert_status_ok(eng_exec_open(2, &f->x, &e), e);
    assert_status_ok(eng_layout_build(&f->cfg, f->mem, &f->l, &e), e);
    f->params = sk_new_n(f->mem, float, f->l.n_floats);
    for (size_t i = 0; i < f->l.n_params; i++)
        fixture_param(&f->l.param[i], 3, f->params + f->l.param[i].offset);
    (void)snprintf(f->dir, sizeof(f->dir), "%s", unit_tmpdir());
    (void)snprintf(f->path, sizeof(f->path), "%s/m.gguf", f->dir);
}

static void close_fixture(fixture *f)
{
    unit_rm_rf(f->dir);
    eng_vocab_close(f->v);
    eng_exec_close(f->x);
    sk_arena_free(f->mem);
}

/* F32 comes back as it went; narrower types as they round. */
static void parameters_come_back(void **state)
{
    (void)state;
    const eng_dtype types[] = {ENG_F32, ENG_BF16, ENG_F16};
    for (size_t t = 0; t < 3; t++) {
        fixture f;
        sk_err e = SK_ERR_INIT;
        eng_gguf *g;
        open_fixture(&f, t ? "llama" : "qwen3", t != 1);
        float *back = sk_new_n(f.mem, float, f.l.n_floats);
        assert_status_ok(eng_export_gguf(f.path, &f.cfg, &f.l, f.v, NULL, f.params, types[t], &e),
                         e);
        assert_status_ok(eng_gguf_open(f.path, &g, &e), e);
        assert_status_ok(eng_import_gguf(g, &f.l, back, &e), e);
        for (size_t i = 0; i < f.l.n_params; i++) {
            const eng_param *p = &f.l.param[i];
            for (size_t k = p->offset; k < p->offset + p->rows * p->cols; k++) {
                float want = f.params[k];
                if (p->is_matrix && types[t] == ENG_BF16) want = eng_bf16_to(eng_bf16_of(want));
                if (p->is_matrix && types[t] == ENG_F16) want = eng_f16_to(eng_f16_of(want));
                assert_true(back[k] == want);
            }
        }
        eng_gguf_close(g);
        close_fixture(&f);
    }
}

static void another_shape_is_refused(void **state)
{
    (void)state;
    fixture f;
    sk_err e = SK_ERR_INIT;
    eng_gguf *g;
    open_fixture(&f, "qwen3", true);
    assert_status_ok(eng_export_gguf(f.path, &f.cfg, &f.l, f.v, NULL, f.params, ENG_F32, &e), e);
    assert_status_ok(eng_gguf_open(f.path, &g, &e), e);
    eng_config other = f.cfg;
    eng_layout l;
    other.n_ff += 2;
    assert_status_ok(eng_layout_build(&other, f.mem, &l, &e), e);
    float *back = sk_new_n(f.mem, float, l.n_floats);
    assert_int_not_equal(eng_import_gguf(g, &l, back, &e), SK_OK);
    assert_contains(e.text, "ffn");
    eng_gguf_close(g);
    f.params[f.l.param[0].offset + 5] = NAN;
    assert_status_ok(eng_export_gguf(f.path, &f.cfg, &f.l, f.v, NULL, f.params, ENG_F32, &e), e);
    assert_status_ok(eng_gguf_open(f.path, &g, &e), e);
    e = (sk_err)SK_ERR_INIT;
    assert_status(eng_import_gguf(g, &f.l, back, &e), SK_E_CORRUPT, e, "token_embd");
    eng_gguf_close(g);
    close_fixture(&f);
}

/* The session that serves the file and the pass that trained it compute the same logits. */
static void the_file_computes_what_was_trained(void **state)
{
    (void)state;
    enum { N = 40 };
    const char *const archs[] = {"qwen3", "llama"};
    for (size_t a = 0; a < 2; a++) {
        fixture f;
        sk_err e = SK_ERR_INIT;
        eng_model *m;
        eng_session *s;
        eng_pass *p;
        int32_t ids[N];
        open_fixture(&f, archs[a], a == 0);
        for (size_t i = 0; i < N; i++)
            ids[i] = (int32_t)sk_rng_below(8, SK_RNG_TEST, i, 300);
        assert_status_ok(eng_export_gguf(f.path, &f.cfg, &f.l, f.v, NULL, f.params, ENG_F32, &e),
                         e);
        assert_status_ok(eng_model_open(f.x, f.path, &m, &e), e);
        eng_session_opts so = {1, N, N};
        assert_status_ok(eng_session_open(f.x, m, &so, &s, &e), e);
        eng_step_item item = {.n = N, .ids = ids, .want = ENG_WANT_ALL};
        assert_status_ok(eng_session_step(s, &item, 1, &e), e);

        eng_pass_plan plan = {&f.cfg, &f.l, ENG_PREC_F32, N, 1};
        float *logits = sk_new_n(f.mem, float, N * 300);
        assert_status_ok(eng_pass_open(f.x, &plan, &p, &e), e);
        eng_pass_load(p, f.params);
        eng_batch b = {ids, NULL, NULL, 1};
        eng_pass_logits(p, &b, logits);
        unit_close(logits, item.logits, N * 300, 1e-6);
        size_t differ = 0;
        for (size_t i = 0; i < N * 300; i++)
            differ += logits[i] != item.logits[i];
        print_message("# %s: %zu of %d logits differ in a bit\n", archs[a], differ, N * 300);
        eng_pass_close(p);
        eng_session_close(s);
        eng_model_close(m);
        close_fixture(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_come_back),
        cmocka_unit_test(another_shape_is_refused),
        cmocka_unit_test(the_file_computes_what_was_trained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
