/* t_golden.c - logits against llama.cpp's: for models made here (tests/golden), and for a folder of
 * model files, where there is one.
 */
#include "tests/unit/unit.h"

#include "base/json.h"
#include "base/rng.h"
#include "engine/engine.h"
#include "engine/format/npy.h"
#include "tests/unit/fixture_model.h"

#include <math.h>
#include <stdio.h>

/* Rows kept of the logits of N_IDS tokens. */
enum { N_IDS = 40, N_ROWS = 8 };
static const size_t row_of[N_ROWS] = {0, 1, 7, 15, 23, 31, 38, 39};

/* Relative L2 distance of got from want. */
static double distance(const float *got, const float *want, size_t n)
{
    double d = 0, w = 0;
    for (size_t i = 0; i < n; i++) {
        d += ((double)got[i] - (double)want[i]) * ((double)got[i] - (double)want[i]);
        w += (double)want[i] * (double)want[i];
    }
    return sqrt(d / w);
}

/* Logits [n, n_vocab] of a model file as the door writes them, into out (its file's tail). */
static sk_status logits_of(const char *path, const int32_t *ids, size_t n, sk_buf *out,
                           uint32_t *n_vocab, sk_err *e)
{
    const char *dir = unit_tmpdir(), *npy = unit_path(dir, "logits.npy");
    eng_exec *x = NULL;
    eng_model *m = NULL;
    sk_status st = eng_exec_open(2, &x, e);
    if (!st) st = eng_model_open(x, path, &m, e);
    const eng_session_opts like = {.kv_type = ENG_F32};
    if (!st) st = eng_logits_write(x, m, &like, ids, n, npy, e);
    if (!st) {
        eng_model_info f;
        eng_model_get_info(m, &f);
        *n_vocab = f.n_vocab;
        assert_true(unit_read(npy, out));
    }
    eng_model_close(m);
    eng_exec_close(x);
    unit_rm_rf(dir);
    return st;
}

/* The floats of a .npy file that ends with n of them. */
static const float *tail(const sk_buf *b, size_t n)
{
    assert_true(b->len >= n * sizeof(float) + 64);
    assert_int_equal((b->len - n * sizeof(float)) % 64, 0);
    return (const float *)(const void *)(b->p + b->len - n * sizeof(float));
}

static void compare(const char *arch, bool tied, const char *name)
{
    sk_err e = SK_ERR_INIT;
    eng_config c = fixture_config(arch);
    c.tied = tied;
    char dir[256], path[300];
    snprintf(dir, sizeof dir, "%s", unit_tmpdir());
    snprintf(path, sizeof path, "%s/m.gguf", dir);
    assert_status_ok(fixture_model_write(path, &c, 2026, ENG_F32, &e), e);
    int32_t ids[N_IDS];
    for (size_t i = 0; i < N_IDS; i++)
        ids[i] = (int32_t)sk_rng_below(2026, SK_RNG_TEST, i, c.n_vocab);
    sk_buf got = SK_BUF_INIT, want = SK_BUF_INIT;
    uint32_t nv = 0;
    assert_status_ok(logits_of(path, ids, N_IDS, &got, &nv, &e), e);
    assert_true(unit_read(unit_path("tests/golden", name), &want));
    assert_int_equal(want.len, N_ROWS * nv * sizeof(float));
    for (size_t i = 0; i < N_ROWS; i++) {
        const float *w = (const float *)(const void *)want.p + i * nv;
        assert_true(distance(tail(&got, N_IDS * nv) + row_of[i] * nv, w, nv) < 1e-5);
    }
    sk_buf_fini(&got);
    sk_buf_fini(&want);
    unit_rm_rf(dir);
}

static void golden(void **state)
{
    (void)state;
    compare("llama", false, "llama_untied.f32");
    compare("llama", true, "llama_tied.f32");
    compare("qwen3", false, "qwen3_untied.f32");
    compare("qwen3", true, "qwen3_tied.f32");
}

/* ---- a folder of model files with their logits ---- */

static const char *text_of(json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

/* How far a case may be off: what its row of the index says.  Quantised weights meet activations of
 * 8 bits here, the expected logits come from unpacked weights; F32 is held to the strict limit.
 */
static double tolerance_of(json_t *c)
{
    json_t *strict = json_object_get(c, "tolerance_strict");
    double d = json_number_value(strict ? strict : json_object_get(c, "tolerance"));
    assert_true(d > 0 && d < 0.1);
    return d;
}

static void check_case(const char *dir, json_t *c)
{
    sk_buf file = SK_BUF_INIT, got = SK_BUF_INIT, want = SK_BUF_INIT;
    assert_true(unit_read(unit_path(dir, text_of(c, "ids")), &file));
    int32_t ids[1024];
    size_t n = 0;
    char *p = file.p, *end;
    for (long v; n < 1024 && (v = strtol(p, &end, 10), end != p); p = end)
        ids[n++] = (int32_t)v;
    assert_int_equal(n, json_integer_value(json_object_get(c, "n_ids")));
    sk_err e = SK_ERR_INIT;
    uint32_t nv = 0;
    assert_status_ok(logits_of(unit_path(dir, text_of(c, "gguf")), ids, n, &got, &nv, &e), e);
    json_t *pos = json_object_get(c, "positions");
    size_t first = (size_t)json_integer_value(json_array_get(pos, 0));
    size_t rows = (size_t)json_integer_value(json_array_get(pos, 1)) - first;
    assert_true(unit_read(unit_path(dir, text_of(c, "npy")), &want));
    double d = distance(tail(&got, n * nv) + first * nv, tail(&want, rows * nv), rows * nv);
    if (!(d < tolerance_of(c))) print_error("%s: relative L2 %g\n", text_of(c, "name"), d);
    assert_true(d < tolerance_of(c));
    sk_buf_fini(&file);
    sk_buf_fini(&got);
    sk_buf_fini(&want);
}

/* $SK_SHARED/arch, by default ../shared/data/arch; skipped where there is none. */
static void folder(void **state)
{
    (void)state;
    const char *shared = getenv("SK_SHARED");
    char dir[1024];
    snprintf(dir, sizeof dir, "%s/arch", shared ? shared : "../shared/data");
    sk_buf index = SK_BUF_INIT;
    if (!unit_read(unit_path(dir, "index.json"), &index)) skip();
    sk_err e = SK_ERR_INIT;
    json_t *doc = NULL, *c;
    assert_status_ok(sk_json_parse(index.p, index.len, 8, &doc, &e), e);
    size_t i;
    json_array_foreach(json_object_get(doc, "cases"), i, c) check_case(dir, c);
    assert_true(i > 0);
    json_decref(doc);
    sk_buf_fini(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(golden), cmocka_unit_test(folder)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
