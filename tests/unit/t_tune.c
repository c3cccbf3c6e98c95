/* t_tune.c - whole fine-tuning runs. */
#include "tests/unit/tiny_run.h"
#include "tests/unit/unit.h"

#include "engine/train/tune.h"

#include <math.h>
#include <stdio.h>

static tiny_run base; /* a pretrained model */
static char model[256];

static int make_base(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    tiny_run_init(&base);
    base.o.context = 64;
    base.o.batch_tokens = 128;
    assert_status_ok(tiny_run_train(&base, &e), e);
    (void)snprintf(model, sizeof(model), "%s", tiny_run_path(&base, "model.gguf"));
    return 0;
}

static int remove_base(void **state)
{
    (void)state;
    tiny_run_fini(&base);
    return 0;
}

/* A tuning run beside the base, that takes the conversations of base.chat. */
static tiny_run tuning(const char *name)
{
    tiny_run r = tiny_run_beside(&base, name);
    r.o.steps = 5;
    r.o.context = 0;
    r.o.name = NULL;
    r.o.save_every = 2;
    return r;
}

typedef struct heard {
    double first, last;
    uint64_t total, done;
    size_t asked, stop_at;
    char notes[1024];
} heard;

static void hear(void *arg, const eng_train_event *ev)
{
    heard *h = arg;
    if (ev->kind == ENG_EV_STEP) {
        if (ev->step == 1) h->first = ev->loss;
        h->last = ev->loss;
        h->total = ev->total;
    }
    h->done += ev->kind == ENG_EV_DONE;
    size_t n = strlen(h->notes);
    if (ev->kind == ENG_EV_NOTE)
        (void)snprintf(h->notes + n, sizeof(h->notes) - n, "%s|", ev->text);
}

static bool asked(void *arg)
{
    heard *h = arg;
    return ++h->asked == h->stop_at;
}

static void tuning_learns_and_keeps_the_shape(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    heard h = {0};
    eng_exec *x;
    eng_model *m;
    eng_model_info info;
    tiny_run r = tuning("learns");
    r.o.steps = 40;
    r.o.event = hear;
    r.o.arg = &h;
    assert_status_ok(tiny_run_tune(&r, model, &e), e);
    assert_true(h.last < h.first - 0.5);
    assert_int_equal(h.done, 1);
    assert_contains(h.notes, "24 conversations");
    assert_status_ok(eng_exec_open(1, &x, &e), e);
    assert_status_ok(eng_model_open(x, tiny_run_path(&r, "model.gguf"), &m, &e), e);
    eng_model_get_info(m, &info);
    assert_int_equal(info.n_ctx, 64);
    assert_string_equal(info.name, "stoke");
    assert_true(info.has_chat);
    eng_model_close(m);
    eng_exec_close(x);
}

static void epochs_give_the_steps(void **state)
{
    (void)state;
    eng_train_opts o;
    eng_train_opts_default(&o);
    o.steps = 0;
    o.batch_tokens = 100;
    o.epochs = 2;
    assert_int_equal(eng_tune_steps(&o, 7, 50), 7);   /* 2 rows a step */
    assert_int_equal(eng_tune_steps(&o, 7, 200), 14); /* at least one row a step */
    o.epochs = 0.01;
    assert_int_equal(eng_tune_steps(&o, 7, 50), 1);
    o.steps = 3;
    assert_int_equal(eng_tune_steps(&o, 7, 50), 3);

    sk_err e = SK_ERR_INIT;
    heard h = {0};
    tiny_run r = tuning("epochs");
    r.o.steps = 0;
    r.o.epochs = 1.5;
    r.o.event = hear;
    r.o.arg = &h;
    assert_status_ok(tiny_run_tune(&r, model, &e), e);
    assert_true(h.total >= 1 && h.total < 40);
}

static void a_stop_is_only_a_pause(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    tiny_run r = tuning("whole");
    assert_status_ok(tiny_run_tune(&r, model, &e), e);
    for (size_t at = 1; at <= 5; at++) {
        heard h = {.stop_at = at};
        tiny_run s = tuning("pause");
        s.threads = 1;
        s.o.stop = asked;
        s.o.arg = &h;
        assert_int_equal(tiny_run_tune(&s, model, &e), SK_E_STOPPED);
        s.o.stop = NULL;
        s.o.resume = true;
        assert_status_ok(tiny_run_tune(&s, model, &e), e);
        tiny_run_same(&s, &r);
        unit_rm_rf(s.out);
    }
    r.o.resume = true;
    heard h = {0};
    r.o.event = hear;
    r.o.arg = &h;
    assert_status_ok(tiny_run_tune(&r, model, &e), e);
    assert_int_equal(h.done, 1);
    assert_contains(h.notes, "done");
}

static void resume_with_other_inputs_is_refused(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    char other[256];
    heard h = {.stop_at = 3};
    tiny_run r = tuning("inputs"), b = tiny_run_beside(&base, "base2");
    b.o.seed++;
    assert_status_ok(tiny_run_train(&b, &e), e);
    (void)snprintf(other, sizeof(other), "%s", tiny_run_path(&b, "model.gguf"));
    r.o.stop = asked;
    r.o.arg = &h;
    assert_int_equal(tiny_run_tune(&r, model, &e), SK_E_STOPPED);
    r.o.stop = NULL;
    r.o.resume = true;
    e = (sk_err)SK_ERR_INIT;
    assert_status(tiny_run_tune(&r, other, &e), SK_E_INVALID, e, "another model");
    e = (sk_err)SK_ERR_INIT;
    r.o = base.o;
    r.o.resume = true;
    assert_status(tiny_run_train(&r, &e), SK_E_INVALID, e, "fine-tune");
}

/* Tunes on a file of these lines and expects a refusal that says where and why. */
static void refuse(const char *lines, const char *where, const char *part)
{
    sk_err e = SK_ERR_INIT;
    tiny_run r = tuning("refused");
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/bad.jsonl", base.dir);
    unit_write(path, lines, strlen(lines));
    r.list[0] = path;
    assert_status(tiny_run_tune(&r, model, &e), SK_E_INVALID, e, part);
    assert_contains(e.text, where);
}

#define GOOD                                                                                       \
    "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"                                        \
    "{\"role\":\"assistant\",\"content\":\"b\"}]}\n"

static void bad_lines_are_refused_with_their_number(void **state)
{
    (void)state;
    refuse(GOOD "\n{\"messages\":\n", "bad.jsonl:3", "JSON");
    refuse(GOOD "[]\n", "bad.jsonl:2", "messages");
    refuse("{\"messages\":[]}\n", "bad.jsonl:1", "messages");
    refuse("{\"messages\":[1]}\n", "bad.jsonl:1", "object");
    refuse("{\"messages\":[{\"role\":\"user\"}]}\n", "bad.jsonl:1", "content");
    refuse("{\"messages\":[{\"role\":\"user\",\"content\":5}]}\n", "bad.jsonl:1", "content");
    refuse("{\"messages\":[{\"role\":\"tool\",\"content\":\"x\"}]}\n", "bad.jsonl:1", "tool");
    refuse("{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}\n", "bad.jsonl:1", "assistant");
    refuse("[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]\n", "bad.jsonl:1", "deep");
    refuse("", "bad.jsonl", "no conversation");
    refuse("\n \n\r\n", "bad.jsonl", "no conversation");
}

static void too_long_conversations_are_counted(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    heard h = {0};
    char path[256], text[4096];
    static const char pad[] =
        "this answer is far longer than a row of sixty-four tokens can be, 0123456789 "
        "however well the tokenizer knows its words, is it not so";
    (void)snprintf(path, sizeof(path), "%s/long.jsonl", base.dir);
    (void)snprintf(text, sizeof(text),
                   GOOD "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
                        "{\"role\":\"assistant\",\"content\":\"b\"},"
                        "{\"role\":\"user\",\"content\":\"c\"},"
                        "{\"role\":\"assistant\",\"content\":\"%s\"}]}\n"
                        "{\"messages\":[{\"role\":\"assistant\",\"content\":\"%s\"}]}\n",
                   pad, pad);
    unit_write(path, text, strlen(text));
    tiny_run r = tuning("long");
    r.list[0] = path;
    r.o.event = hear;
    r.o.arg = &h;
    assert_status_ok(tiny_run_tune(&r, model, &e), e);
    assert_contains(h.notes, "1 conversations cut after a turn, 1 left out");
}

static void a_model_that_is_none_is_refused(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    tiny_run r = tuning("nomodel");
    assert_int_equal(tiny_run_tune(&r, "/nonexistent/m.gguf", &e), SK_E_NOTFOUND);
    e = (sk_err)SK_ERR_INIT;
    assert_int_not_equal(tiny_run_tune(&r, base.data, &e), SK_OK);
    assert_true(e.text[0]);
    r.o.steps = 0;
    r.o.epochs = NAN;
    e = (sk_err)SK_ERR_INIT;
    assert_status(tiny_run_tune(&r, model, &e), SK_E_INVALID, e, "--epochs");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tuning_learns_and_keeps_the_shape),
        cmocka_unit_test(epochs_give_the_steps),
        cmocka_unit_test(a_stop_is_only_a_pause),
        cmocka_unit_test(resume_with_other_inputs_is_refused),
        cmocka_unit_test(bad_lines_are_refused_with_their_number),
        cmocka_unit_test(too_long_conversations_are_counted),
        cmocka_unit_test(a_model_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, make_base, remove_base);
}
