/* t_train_from.c - pretraining that goes on from a model, and runs that go on for more steps than
 * they were begun with. */
#include "tests/unit/tiny_run.h"
#include "tests/unit/unit.h"

#include "base/json.h"
#include "engine/engine.h"
#include "engine/train/extend.h"
#include "tests/unit/fixture_model.h"

#include <math.h>
#include <stdio.h>

/* ---- from a model ---- */

/* A run from the model of the whole run, beside it, that asks for nothing of the shape. */
static tiny_run from_whole(const char *name, char *path)
{
    tiny_run r = tiny_run_beside(tiny_whole(), name);
    (void)snprintf(path, 300, "%s", tiny_run_path(tiny_whole(), "model.gguf"));
    r.o.from = path;
    r.o.dim = r.o.layers = r.o.heads = r.o.kv_heads = r.o.ffn = r.o.vocab = r.o.context = 0;
    r.o.arch = r.o.name = NULL;
    r.o.lr = 1e-3;
    return r;
}

/* Its first loss is that of the trained model, far below that of a new one; it ends in the same
 * bytes on any number of threads and after any stop. */
static void goes_on_from_its_weights(void **state)
{
    (void)state;
    char path[300];
    tiny_heard h, fresh;
    sk_err e = SK_ERR_INIT;
    tiny_run a = from_whole("from", path), n = tiny_run_beside(tiny_whole(), "anew");
    tiny_run_listen(&n, &fresh);
    assert_status_ok(tiny_run_train(&n, &e), e);
    tiny_run_listen(&a, &h);
    assert_status_ok(tiny_run_train(&a, &e), e);
    assert_true(h.first_loss < fresh.first_loss - 0.1 && h.done == 1);
    tiny_run b = from_whole("from-one", path);
    b.threads = 1;
    assert_status_ok(tiny_run_train(&b, &e), e);
    tiny_run_same(&a, &b);
    tiny_run c = from_whole("from-stop", path);
    tiny_run_listen(&c, &h);
    h.stop_at = 4;
    assert_status(tiny_run_train(&c, &e), SK_E_STOPPED, e, "");
    c.o.stop = NULL;
    c.o.event = NULL;
    c.o.resume = true;
    assert_status_ok(tiny_run_train(&c, &e), e);
    tiny_run_same(&a, &c);
    /* The tokenizer and the shape are the model's. */
    eng_gguf *g, *w;
    uint64_t ours, theirs;
    assert_status_ok(eng_gguf_open(tiny_run_path(&a, "model.gguf"), &g, &e), e);
    assert_status_ok(eng_gguf_open(path, &w, &e), e);
    assert_status_ok(eng_gguf_u64(g, "qwen3.embedding_length", &ours, &e), e);
    assert_status_ok(eng_gguf_u64(w, "qwen3.embedding_length", &theirs, &e), e);
    assert_true(ours == theirs && eng_gguf_n_tensors(g) == eng_gguf_n_tensors(w));
    eng_gguf_close(g);
    eng_gguf_close(w);
}

/* Weights of another type are unpacked. */
static void from_other_types(void **state)
{
    (void)state;
    static const struct {
        eng_mix mix;
        const char *name;
    } types[] = {{ENG_MIX_Q8_0, "q8"}, {ENG_MIX_F16, "f16"}, {ENG_MIX_BF16, "bf16"}};
    char path[300], packed[320];
    tiny_heard h;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        sk_err e = SK_ERR_INIT;
        eng_gguf *g;
        eng_quantize_opts qo = {.mix = types[i].mix, .threads = 1};
        eng_quantize_result done;
        tiny_run r = from_whole(types[i].name, path);
        (void)snprintf(packed, sizeof packed, "%s/%s.gguf", r.dir, types[i].name);
        assert_status_ok(eng_gguf_open(path, &g, &e), e);
        assert_status_ok(eng_quantize(g, packed, &qo, &done, &e), e);
        eng_gguf_close(g);
        r.o.from = packed;
        tiny_run_listen(&r, &h);
        assert_status_ok(tiny_run_train(&r, &e), e);
        assert_true(h.done == 1 && isfinite(h.first_loss));
    }
}

static void a_shape_it_has_not_is_refused(void **state)
{
    (void)state;
    char path[300], odd[340];
    sk_err e = SK_ERR_INIT;
    tiny_run r = from_whole("shape", path);
    r.o.dim = 64;
    assert_status(tiny_run_train(&r, &e), SK_E_INVALID, e, "--dim is 64");
    r = from_whole("shape", path);
    r.o.vocab = 301;
    assert_status(tiny_run_train(&r, &e), SK_E_INVALID, e, "--vocab is 301");
    r = from_whole("shape", path);
    r.o.context = 1000;
    assert_status(tiny_run_train(&r, &e), SK_E_INVALID, e, "--context is 1000");
    r = from_whole("shape", path);
    r.o.arch = "llama";
    assert_status(tiny_run_train(&r, &e), SK_E_INVALID, e, "--arch is llama");
    r = from_whole("shape", path);
    r.o.tokenizer = path;
    assert_status(tiny_run_train(&r, &e), SK_E_INVALID, e, "--tokenizer");
    /* As it has it, and a shorter context, is no contradiction. */
    r = from_whole("shape", path);
    r.o.dim = 32;
    r.o.context = 16;
    r.o.batch_tokens = 96;
    assert_status_ok(tiny_run_train(&r, &e), e);
    r = from_whole("odd", path);
    (void)snprintf(odd, sizeof odd, "%s/odd.gguf", r.dir);
    eng_config c = fixture_config("phi2");
    c.n_kv_head = c.n_head;
    sk_status st = fixture_model_write(odd, &c, 1, ENG_F32, &e);
    if (!st) {
        r.o.from = odd;
        assert_status(tiny_run_train(&r, &e), SK_E_UNSUPPORTED, e, "odd.gguf");
    }
    r.o.from = "/no/such";
    assert_status(tiny_run_train(&r, &e), SK_E_NOTFOUND, e, "/no/such");
}

static void another_origin_is_refused(void **state)
{
    (void)state;
    char path[300], other[340];
    sk_err e = SK_ERR_INIT;
    tiny_run r = from_whole("origin", path);
    r.o.steps = 4;
    assert_status_ok(tiny_run_train(&r, &e), e);
    (void)snprintf(other, sizeof other, "%s", tiny_run_path(&r, "model.gguf"));
    r.o.resume = true;
    assert_status_ok(tiny_run_train(&r, &e), e); /* it is done */
    r.o.from = other;
    assert_status(tiny_run_train(&r, &e), SK_E_INVALID, e, "--from a model of checksum");
    tiny_run n = tiny_run_beside(tiny_whole(), "origin");
    n.o.steps = 4;
    n.o.lr = r.o.lr;
    n.o.resume = true;
    assert_status(tiny_run_train(&n, &e), SK_E_INVALID, e, "--");
    r = *tiny_whole();
    r.o.resume = true;
    r.o.from = path;
    assert_status(tiny_run_train(&r, &e), SK_E_INVALID, e, "--from");
}

static void what_it_takes(void **state)
{
    (void)state;
    char path[300];
    sk_err e = SK_ERR_INIT;
    eng_exec *x;
    eng_train_plan p;
    tiny_run r = from_whole("plan", path);
    const char *list[] = {r.data};
    r.o.data = list;
    r.o.n_data = 1;
    assert_status_ok(eng_exec_open(1, &x, &e), e);
    assert_status_ok(eng_train_plan_of(x, &r.o, &p, &e), e);
    assert_true(p.params > 0 && p.seconds > 0 && p.steps == 6 && p.step_tokens == 96);
    r.o.dim = 1;
    assert_status(eng_train_plan_of(x, &r.o, &p, &e), SK_E_INVALID, e, "--dim");
    eng_exec_close(x);
}

/* ---- more steps ---- */

/* A run at a constant rate. */
static tiny_run level(const char *name, uint64_t steps)
{
    tiny_run r = tiny_run_beside(tiny_whole(), name);
    r.o.decay_frac = r.o.warmup_frac = 0;
    r.o.steps = steps;
    return r;
}

static void more_steps(void **state)
{
    (void)state;
    tiny_heard h;
    sk_err e = SK_ERR_INIT;
    tiny_run whole = level("level", 9);
    assert_status_ok(tiny_run_train(&whole, &e), e);
    /* After its end, which stands at no step that is evaluated. */
    tiny_run r = level("longer", 4);
    assert_status_ok(tiny_run_train(&r, &e), e);
    r.o.resume = true;
    r.o.steps = 9;
    assert_status_ok(tiny_run_train(&r, &e), e);
    tiny_run_same(&whole, &r);
    /* Stopped on the way, twice, to more each time. */
    r = level("stopped", 5);
    tiny_run_listen(&r, &h);
    h.stop_at = 8;
    assert_status(tiny_run_train(&r, &e), SK_E_STOPPED, e, "");
    r.o.stop = NULL;
    r.o.event = NULL;
    r.o.resume = true;
    r.o.steps = 7;
    assert_status_ok(tiny_run_train(&r, &e), e);
    r.o.steps = 9;
    assert_status_ok(tiny_run_train(&r, &e), e);
    tiny_run_same(&whole, &r);
    /* Fewer than were done. */
    r.o.steps = 8;
    assert_status(tiny_run_train(&r, &e), SK_E_INVALID, e, "beyond --steps 8");
    /* With a decay that was not begun, and the same warm-up in steps. */
    r = level("decay", 6);
    r.o.decay_frac = 0.34;
    tiny_run_listen(&r, &h);
    h.stop_at = 7;
    assert_status(tiny_run_train(&r, &e), SK_E_STOPPED, e, "");
    tiny_run whole_decay = level("decay-whole", 12);
    whole_decay.o.decay_frac = 0.34;
    assert_status_ok(tiny_run_train(&whole_decay, &e), e);
    r.o.stop = NULL;
    r.o.event = NULL;
    r.o.resume = true;
    r.o.steps = 12;
    assert_status_ok(tiny_run_train(&r, &e), e);
    tiny_run_same(&whole_decay, &r);
    /* It is over now. */
    r.o.steps = 24;
    assert_status(tiny_run_train(&r, &e), SK_E_INVALID, e, "no decay yet");
}

/* The rule by itself. */
static void rates(void **state)
{
    (void)state;
#define SETTINGS(steps, warmup, decay)                                                             \
    json_pack("{s:I, s:f, s:f, s:f, s:f, s:b}", "steps", (json_int_t)(steps), "warmup", warmup,    \
              "decay", decay, "min-lr", 0.0, "lr", 1e-3, "cosine", 0)
    const struct {
        json_int_t was, is;
        double warm_was, warm_is, decay_was, decay_is;
        uint64_t step;
        sk_status want;
    } row[] = {
        {100, 100, 0.1, 0.1, 0.3, 0.3, 100, SK_OK},
        {100, 200, 0, 0, 0.3, 0.3, 70, SK_OK},
        {100, 200, 0, 0, 0.3, 0.3, 71, SK_E_INVALID},
        {100, 200, 0.1, 0.1, 0, 0, 50, SK_E_INVALID},
        {100, 200, 0.1, 0.05, 0, 0, 50, SK_OK},
        {100, 200, 0.1, 0.1, 0, 0, 0, SK_OK},
        {100, 50, 0, 0, 0, 0, 50, SK_OK},
        {100, 50, 0, 0, 0, 0, 51, SK_E_INVALID},
        {100, 200, 0, 0, 0, 0.5, 100, SK_OK},
        {100, 200, 0, 0, 0, 0.6, 100, SK_E_INVALID},
        {0, 200, 0, 0, 0, 0, 0, SK_E_INVALID},
        {100, 200, 0, 0, 0, 0, 101, SK_E_INVALID},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sk_err e = SK_ERR_INIT;
        json_t *was = SETTINGS(row[i].was, row[i].warm_was, row[i].decay_was);
        json_t *is = SETTINGS(row[i].is, row[i].warm_is, row[i].decay_is);
        sk_status st = eng_extend_check("c", was, is, row[i].step, &e);
        if (st != row[i].want) fail_msg("row %zu: %d, %s", i, (int)st, e.text);
        json_decref(was);
        json_decref(is);
    }
    assert_true(eng_extend_is_schedule("steps") && !eng_extend_is_schedule("lr"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on_from_its_weights),
        cmocka_unit_test(from_other_types),
        cmocka_unit_test(a_shape_it_has_not_is_refused),
        cmocka_unit_test(another_origin_is_refused),
        cmocka_unit_test(what_it_takes),
        cmocka_unit_test(more_steps),
        cmocka_unit_test(rates),
    };
    return cmocka_run_group_tests(tests, tiny_whole_make, tiny_whole_remove);
}
