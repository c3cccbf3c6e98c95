/* t_eval.c - suites through a model: log-likelihoods of another program, the same bytes however the
 * work is cut, and what is refused. */
#include "tests/unit/unit.h"

#include "engine/engine.h"
#include "engine/eval/suite.h"
#include "tests/unit/fixture_model.h"

#include <jansson.h>
#include <math.h>

typedef struct open_model {
    eng_exec *x;
    eng_model *m;
} open_model;

static void open_all(open_model *o, const char *path, size_t threads)
{
    sk_err e = SK_ERR_INIT;
    assert_status_ok(eng_exec_open(threads, &o->x, &e), e);
    assert_status_ok(eng_model_open(o->x, path, &o->m, &e), e);
}

static void close_all(open_model *o)
{
    eng_model_close(o->m);
    eng_exec_close(o->x);
}

/* The tiny model in F32, whose results hardly depend on the processor. */
static const char *tiny(const char *folder)
{
    sk_err e = SK_ERR_INIT;
    eng_gguf *g;
    eng_quantize_opts qo = {.mix = ENG_MIX_F32, .threads = 1};
    eng_quantize_result r;
    const char *path = unit_path(folder, "tiny.gguf");
    assert_status_ok(eng_gguf_open("tests/golden/tiny.gguf", &g, &e), e);
    assert_status_ok(eng_quantize(g, path, &qo, &r, &e), e);
    eng_gguf_close(g);
    return path;
}

static sk_status keep_line(void *arg, const char *json, size_t n, sk_err *e)
{
    (void)e;
    sk_buf_add(arg, json, n);
    sk_buf_addc(arg, '\n');
    return SK_OK;
}

/* A suite of tests/golden/eval; its lines go into b. */
static eng_eval run(const open_model *o, const char *name, eng_eval_opts eo, sk_buf *b)
{
    sk_err e = SK_ERR_INIT;
    eng_suite *s;
    eng_eval got;
    sk_buf_reset(b);
    eo.line = keep_line;
    eo.arg = b;
    eo.n_answer = 6;
    assert_status_ok(eng_suite_load(unit_path("tests/golden/eval", name), &s, &e), e);
    assert_status_ok(eng_eval_run(o->x, o->m, s, &eo, &got, &e), e);
    eng_suite_close(s);
    return got;
}

/* By llama.cpp over the same texts; tests/golden/README.md says how. */
typedef struct want {
    size_t n, first;
    double ll;
} want;

static const want choice[] = {
    {36, 30, -37.63469},   {39, 30, -54.5145628}, {34, 30, -21.7044483}, {32, 21, -69.5655047},
    {35, 21, -89.6391031}, {67, 65, -10.7102785}, {67, 65, -11.1168162}, {5, 2, -17.1437781},
    {11, 2, -51.8311747},  {4, 2, -12.0895292},
};
static const want schema[] = {
    {41, 33, -48.6983966}, {43, 35, -49.1784186}, {32, 17, -89.9208952},
    {34, 19, -88.9018866}, {35, 20, -88.9507578},
};
static const want exact[] = {{20, 19, -5.3576475}, {11, 3, -46.6851033}};

/* All options of all lines, in order. */
static void compare(const char *lines, const want *w, size_t n)
{
    size_t i = 0;
    for (const char *p = lines; *p; p = strchr(p, '\n') + 1) {
        json_error_t je;
        json_t *item = json_loadb(p, (size_t)(strchr(p, '\n') - p), 0, &je), *o;
        size_t k;
        assert_non_null(item);
        json_array_foreach(json_object_get(item, "options"), k, o)
        {
            assert_true(i < n);
            double ll = json_real_value(json_object_get(o, "loglikelihood"));
            assert_true(fabs(ll - w[i].ll) < 2e-6 * fabs(w[i].ll));
            assert_int_equal(json_array_size(json_object_get(o, "ids")), w[i].n);
            assert_int_equal(json_integer_value(json_object_get(o, "first")), w[i].first);
            i++;
        }
        json_decref(item);
    }
    assert_int_equal(i, n);
}

static void as_another_program(void **state)
{
    (void)state;
    char folder[200];
    open_model o;
    sk_buf b = SK_BUF_INIT;
    (void)snprintf(folder, sizeof folder, "%s", unit_tmpdir());
    open_all(&o, tiny(folder), 2);
    eng_eval c = run(&o, "choice.jsonl", (eng_eval_opts){0}, &b);
    compare(b.p, choice, 10);
    eng_eval s = run(&o, "schema.jsonl", (eng_eval_opts){0}, &b);
    compare(b.p, schema, 5);
    eng_eval x = run(&o, "exact.jsonl", (eng_eval_opts){0}, &b);
    compare(b.p, exact, 2);
    /* right by the sum: the last item; by bytes (-6.27 -4.19 -7.23; -5.35 -4.98; -10.71 -11.12;
       -5.71 -5.76 -4.03): the second and the last */
    assert_true(c.acc.share == 0.25 && c.acc_byte.share == 0.5 && c.n_items == 4);
    assert_true(fabs(c.acc.error - sqrt(0.25 * 0.75 / 3)) < 1e-12);
    assert_true(fabs(c.chance - (1. / 3 + 1. / 2 + 1. / 2 + 1. / 3) / 4) < 1e-12);
    double c_gold = choice[0].ll + choice[4].ll + choice[6].ll + choice[9].ll;
    assert_true(fabs(c.bits_per_byte + c_gold / log(2) / (6 + 18 + 1 + 3)) < 1e-5);
    assert_true(s.acc.share == 0 && isnan(s.acc_byte.share));
    assert_true(x.acc.share == 0 && x.chance == 0 && x.centred == 0 && isnan(x.acc_token.share));
    sk_buf_fini(&b);
    close_all(&o);
    unit_rm_rf(folder);
}

/* Few examples or many, few sequences at once or many, on one thread or three. */
static void same_bytes(void **state)
{
    (void)state;
    static const char *const name[] = {"choice.jsonl", "schema.jsonl", "exact.jsonl",
                                       "answer.jsonl"};
    for (size_t i = 0; i < 4; i++)
        for (size_t shots = 0; shots < 2; shots++) {
            sk_buf first = SK_BUF_INIT, b = SK_BUF_INIT;
            eng_eval one, got;
            for (size_t threads = 1; threads <= 3; threads++) {
                open_model o;
                eng_eval_opts eo = {.shots = shots, .seed = 3, .n_slots = (3 * threads) % 5};
                open_all(&o, "tests/golden/tiny.gguf", threads);
                got = run(&o, name[i], eo, threads == 1 ? &first : &b);
                if (threads == 1) one = got;
                assert_int_equal(got.n_items, one.n_items);
                assert_memory_equal(&got.acc, &one.acc, sizeof got.acc);
                if (threads > 1) assert_string_equal(b.p, first.p);
                close_all(&o);
            }
            sk_buf_fini(&first);
            sk_buf_fini(&b);
        }
}

/* ---- refusals ---- */

static eng_suite *suite_of(const char *text)
{
    sk_err e = SK_ERR_INIT;
    eng_suite *s;
    assert_status_ok(eng_suite_parse("s", text, strlen(text), &s, &e), e);
    return s;
}

static sk_status no_room(void *arg, const char *json, size_t n, sk_err *e)
{
    (void)arg;
    (void)json;
    return sk_fail(e, SK_E_NOSPACE, "no room for %zu bytes", n);
}

static void refusals(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    open_model o;
    eng_eval got = {.n_items = 7};
    eng_suite *s = suite_of("{\"context\":\"a\",\"continuation\":\"b\"}"), *answer = NULL;
    open_all(&o, "tests/golden/tiny.gguf", 1);
    eng_eval_opts eo = {.shots = 1};
    assert_status(eng_eval_run(o.x, o.m, s, &eo, &got, &e), SK_E_INVALID, e, "1 items");
    eo = (eng_eval_opts){.chat = true};
    assert_status(eng_eval_run(o.x, o.m, s, &eo, &got, &e), SK_E_INVALID, e, "chat");
    eo = (eng_eval_opts){.n_slots = 257};
    assert_status(eng_eval_run(o.x, o.m, s, &eo, &got, &e), SK_E_INVALID, e, "257");
    eo = (eng_eval_opts){.stop = unit_stop};
    assert_status(eng_eval_run(o.x, o.m, s, &eo, &got, &e), SK_E_STOPPED, e, "");
    eo = (eng_eval_opts){.line = no_room};
    assert_status(eng_eval_run(o.x, o.m, s, &eo, &got, &e), SK_E_NOSPACE, e, "no room");
    eo = (eng_eval_opts){0};
    answer = suite_of("{\"context\":\"1 + 1\",\"answer\":2}");
    assert_status(eng_eval_run(o.x, o.m, answer, &eo, &got, &e), SK_E_INVALID, e, "one token");
    assert_int_equal(got.n_items, 7);
    eng_suite_close(answer);
    eng_suite_close(s);
    close_all(&o);
}

/* A context of 96 tokens: what is longer is left out and counted; a model that overflows is told.
 */
static void long_items_and_overflow(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    open_model o;
    eng_eval got = {0};
    sk_buf text = SK_BUF_INIT;
    char folder[200];
    eng_config cfg = fixture_config("llama");
    fixture_twist huge = {.poison = "blk.1.ffn_norm.weight", .value = 3e38f};
    eng_eval_opts eo = {.n_answer = 500};
    (void)snprintf(folder, sizeof folder, "%s", unit_tmpdir());
    assert_status_ok(fixture_model_write(unit_path(folder, "a"), &cfg, 5, ENG_F32, &e), e);
    assert_status_ok(fixture_model_twist(unit_path(folder, "b"), &cfg, 5, ENG_F32, &huge, &e), e);
    sk_buf_adds(&text, "{\"context\":\"");
    for (size_t i = 0; i < 97; i++)
        sk_buf_addc(&text, 'x');
    sk_buf_adds(&text, "\",\"answer\":1}");
    eng_suite *longer = suite_of(text.p);
    sk_buf_adds(&text, "\n{\"context\":\"x\",\"answer\":1}\n");
    eng_suite *both = suite_of(text.p);
    open_all(&o, unit_path(folder, "a"), 1);
    assert_status_ok(eng_eval_run(o.x, o.m, both, &eo, &got, &e), e);
    assert_true(got.n_items == 1 && got.n_long == 1 && isnan(got.bits_per_byte));
    assert_true(got.tokens <= 96);
    assert_status(eng_eval_run(o.x, o.m, longer, &eo, &got, &e), SK_E_INVALID, e, "none of the 1");
    close_all(&o);
    open_all(&o, unit_path(folder, "b"), 1);
    assert_status(eng_eval_run(o.x, o.m, both, &eo, &got, &e), SK_E_CORRUPT, e, "s:2: ");
    eng_suite_close(both);
    both = suite_of("{\"context\":\"x\",\"continuation\":\"y\"}");
    assert_status(eng_eval_run(o.x, o.m, both, &eo, &got, &e), SK_E_CORRUPT, e, "s:1: ");
    eng_suite_close(both);
    eng_suite_close(longer);
    close_all(&o);
    sk_buf_fini(&text);
    unit_rm_rf(folder);
}

typedef struct starved {
    open_model *o;
    const char *suite;
} starved;

static sk_status run_starved(void *arg, sk_err *e)
{
    starved *t = arg;
    eng_suite *s = NULL;
    eng_eval got = {.n_items = 7};
    eng_eval_opts eo = {.shots = 1, .chat = true, .n_answer = 3, .line = keep_line};
    sk_buf b = SK_BUF_INIT;
    eo.arg = &b;
    sk_status st = eng_suite_load(unit_path("tests/golden/eval", t->suite), &s, e);
    if (!st) st = eng_eval_run(t->o->x, t->o->m, s, &eo, &got, e);
    if (st) assert_int_equal(got.n_items, 7);
    eng_suite_close(s);
    if (!st) return unit_starved_buf(&b, e);
    sk_buf_fini(&b);
    return st;
}

/* Every allocation fails once; nothing is set, nothing leaks. */
static void without_memory(void **state)
{
    (void)state;
    open_model o;
    open_all(&o, "tests/golden/tiny.gguf", 1);
    starved one = {&o, "choice.jsonl"}, two = {&o, "answer.jsonl"};
    (void)unit_starve(run_starved, &one, 20000, UNIT_GROWS);
    (void)unit_starve(run_starved, &two, 20000, UNIT_GROWS);
    close_all(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_another_program), cmocka_unit_test(same_bytes),
        cmocka_unit_test(refusals),           cmocka_unit_test(long_items_and_overflow),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
