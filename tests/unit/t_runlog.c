/* t_runlog.c - metrics.jsonl as a run writes it and as others read it: resumed, cut, hostile. */
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "base/file.h"
#include "base/json.h"
#include "engine/engine.h"
#include "engine/train/eventline.h"
#include "engine/train/metrics.h"

#include <math.h>
#include <stdio.h>

static eng_metrics_run run_at(uint64_t step)
{
    return (eng_metrics_run){.stage = "pretrain",
                             .step = step,
                             .total = 100,
                             .n_params = 1000,
                             .tokens_per_step = 64,
                             .flops_per_token = 6000,
                             .peak = 1e9};
}

static eng_train_event step_event(uint64_t step, double loss)
{
    return (eng_train_event){.kind = ENG_EV_STEP,
                             .stage = "pretrain",
                             .step = step,
                             .total = 100,
                             .tokens = 64 * step,
                             .loss = loss,
                             .tokens_per_s = 6400,
                             .lr = 1e-3,
                             .grad_norm = 0.5};
}

/* Steps [from, to] with a loss that falls. */
static void write_steps(eng_metrics *m, uint64_t from, uint64_t to)
{
    for (uint64_t k = from; k <= to; k++) {
        eng_train_event ev = step_event(k, 5 - 0.01 * (double)k);
        eng_metrics_event(m, &ev);
    }
}

static eng_metrics *begin(uint64_t step)
{
    sk_err e = SK_ERR_INIT;
    eng_metrics *m = NULL;
    eng_metrics_run r = run_at(step);
    assert_status_ok(eng_metrics_open(unit_dir, &r, &m, &e), e);
    return m;
}

static eng_runlog *watch(void)
{
    sk_err e = SK_ERR_INIT;
    eng_runlog *r = NULL;
    assert_status_ok(eng_runlog_open(unit_dir, &r, &e), e);
    return r;
}

static const eng_run_info *look(eng_runlog *r)
{
    sk_err e = SK_ERR_INIT;
    assert_status_ok(eng_runlog_poll(r, &e), e);
    return eng_runlog_info(r);
}

/* A run from its first step to its last, seen in between. */
static void grows(void **state)
{
    (void)state;
    eng_runlog *r = watch();
    assert_int_equal(look(r)->state, ENG_RUN_WAITING);
    eng_metrics *m = begin(0);
    const eng_run_info *i = look(r);
    assert_int_equal(i->state, ENG_RUN_STOPPED); /* nobody holds the lock */
    assert_int_equal(i->total, 100);
    assert_true(isnan(i->loss));
    write_steps(m, 1, 3);
    eng_train_event ev = {.kind = ENG_EV_EVAL, .step = 3, .val_loss = 4.9, .bits_per_byte = 2.5};
    eng_metrics_event(m, &ev);
    ev = (eng_train_event){.kind = ENG_EV_SAVED, .step = 3};
    eng_metrics_event(m, &ev);
    ev = (eng_train_event){.kind = ENG_EV_NOTE, .text = "a \"remark\""};
    eng_metrics_event(m, &ev);
    i = look(r);
    assert_int_equal(i->step, 3);
    assert_true(i->loss == 5 - 0.03 && i->bits_per_byte == 2.5 && i->best_bits_per_byte == 2.5);
    assert_int_equal(i->train.n, 3);
    assert_int_equal(i->saved, 3);
    assert_true(i->flops == 3 * 64 * 6000.0);
    assert_string_equal(i->note[0], "a \"remark\"");
    write_steps(m, 4, 100);
    assert_int_equal(look(r)->train.n, 100);
    ev = (eng_train_event){.kind = ENG_EV_DONE, .step = 100, .text = "x/model.gguf"};
    ev.loss = 4;
    ev.val_loss = ev.bits_per_byte = NAN;
    eng_metrics_event(m, &ev);
    i = look(r);
    assert_int_equal(i->state, ENG_RUN_DONE);
    assert_true(i->bits_per_byte == 2.5 && i->eta_s == 0);
    assert_string_equal(i->model, "x/model.gguf");
    assert_int_equal(i->n_spikes, 0);
    eng_metrics_close(m);
    eng_runlog_close(r);
}

/* What came behind the checkpoint that a run goes on from is taken out, as is a half line. */
static void resumes(void **state)
{
    (void)state;
    eng_runlog *r = watch();
    eng_metrics *m = begin(0);
    write_steps(m, 1, 20);
    eng_metrics_close(m);
    FILE *f = fopen(unit_path(unit_dir, "metrics.jsonl"), "a");
    (void)fputs("{\"event\":\"step\",\"step\":21,\"lo", f);
    (void)fclose(f);
    assert_int_equal(look(r)->train.n, 20);
    m = begin(10);
    assert_int_equal(look(r)->train.n, 10);
    write_steps(m, 11, 12);
    const eng_run_info *i = look(r);
    assert_int_equal(i->train.n, 12);
    assert_int_equal(i->n_runs, 2);
    assert_true(i->train.step[11] == 12);
    eng_metrics_close(m);
    m = begin(0); /* begun anew, not resumed */
    i = look(r);
    assert_int_equal(i->train.n, 0);
    assert_int_equal(i->n_runs, 1);
    eng_metrics_close(m);
    eng_runlog_close(r);
}

static void spikes(void **state)
{
    (void)state;
    eng_runlog *r = watch();
    eng_metrics *m = begin(0);
    for (uint64_t k = 1; k <= 90; k++) {
        double loss = 5 - 0.005 * (double)k + (k % 3) * 0.02;
        eng_train_event ev = step_event(k, k == 70 ? 9 : loss);
        eng_metrics_event(m, &ev);
    }
    const eng_run_info *i = look(r);
    assert_int_equal(i->n_spikes, 1);
    assert_int_equal(i->last_spike, 70);
    eng_metrics_close(m);
    eng_runlog_close(r);
}

/* Lines of any kind leave the reader in peace. */
static void hostile(void **state)
{
    (void)state;
    static const char text[] =
        "\n{}\n[]\nnull\n{\"event\":7}\n{\"event\":\"run\"}\n{\"event\":\"step\",\"step\":-1}\n"
        "{\"event\":\"step\",\"step\":1e300,\"loss\":\"x\",\"tokens\":1e299,\"time\":-5}\n"
        "{\"event\":\"eval\",\"val_loss\":1e200}\n{\"event\":\"saved\"}\n{\"event\":\"note\"}\n"
        "{\"event\":\"done\",\"model\":[]}\n{\"event\":\"step\",\"step\":3,\"loss\":2}\nhalf";
    unit_write(unit_path(unit_dir, "metrics.jsonl"), text, sizeof text - 1);
    eng_runlog *r = watch();
    const eng_run_info *i = look(r);
    assert_int_equal(i->step, 3);
    sk_buf b = SK_BUF_INIT;
    json_t *v = NULL;
    sk_err e = SK_ERR_INIT;
    eng_run_info_json(i, 5, &b);
    assert_status_ok(sk_json_parse(b.p, b.len, 8, &v, &e), e);
    json_decref(v);
    sk_buf_reset(&b);
    eng_run_info_prom(i, "a\"b\\c\nd", &b);
    assert_contains(b.p, "stoke_train_step{run=\"a\\\"b\\\\c\\nd\"} 3\n");
    sk_buf_fini(&b);
    eng_runlog_close(r);
}

/* Lines longer than what is read at once are passed over, those behind them are not. */
static void endless_line(void **state)
{
    (void)state;
    size_t n = 1 << 20;
    char *text = malloc(n + 64);
    memset(text, 'x', n);
    int k = snprintf(text + n, 64, "\n{\"event\":\"step\",\"step\":5,\"loss\":1}\n");
    unit_write(unit_path(unit_dir, "metrics.jsonl"), text, n + (size_t)k);
    free(text);
    eng_runlog *r = watch();
    assert_int_equal(look(r)->step, 5);
    eng_runlog_close(r);
}

static void old_log(void **state)
{
    (void)state;
    static const char text[] = "{\"event\":\"step\",\"step\":1,\"loss\":3,\"tokens\":10}\n"
                               "{\"event\":\"eval\",\"step\":1,\"val_loss\":2.5}\n";
    unit_write(unit_path(unit_dir, "log.jsonl"), text, sizeof text - 1);
    eng_runlog *r = watch();
    const eng_run_info *i = look(r);
    assert_int_equal(i->state, ENG_RUN_STOPPED);
    assert_true(i->val_loss == 2.5 && isnan(i->time));
    unit_write(unit_path(unit_dir, "model.gguf"), "x", 1);
    assert_int_equal(look(r)->state, ENG_RUN_DONE);
    int lock;
    sk_err e = SK_ERR_INIT;
    assert_status_ok(sk_lock_take(unit_path(unit_dir, "lock"), &lock, &e), e);
    assert_int_equal(look(r)->state, ENG_RUN_GOING);
    sk_lock_drop(lock);
    eng_runlog_close(r);
}

/* Steps of two seconds and 10 tokens: 96 of them are left after the fourth. */
static void time_left(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    int lock;
    sk_buf b = SK_BUF_INIT;
    sk_buf_adds(&b, "{\"event\":\"run\",\"step\":0,\"total\":100,\"tokens_per_step\":10,"
                    "\"flops_per_token\":6,\"peak_flops\":60,\"time\":1000}\n");
    for (int k = 1; k <= 4; k++)
        sk_buf_addf(&b, "{\"event\":\"step\",\"step\":%d,\"loss\":3,\"tokens\":%d,\"time\":%d}\n",
                    k, 10 * k, 1000 + 2 * k);
    unit_write(unit_path(unit_dir, "metrics.jsonl"), b.p, b.len);
    sk_buf_reset(&b);
    eng_runlog *r = watch();
    assert_true(isnan(look(r)->eta_s)); /* nobody is at it */
    assert_status_ok(sk_lock_take(unit_path(unit_dir, "lock"), &lock, &e), e);
    const eng_run_info *i = look(r);
    assert_true(isnan(i->eta_s)); /* nothing was added since */
    eng_runlog_close(r);
    r = watch();
    i = look(r);
    assert_true(fabs(i->eta_s - 192) < 1e-9 && fabs(i->mfu - 0.5) < 1e-9);
    eng_run_info_json(i, 0, &b);
    assert_non_null(strstr(b.p, "\"eta_s\":192,"));
    sk_buf_fini(&b);
    sk_lock_drop(lock);
    eng_runlog_close(r);
}

/* The curves in JSON: as many points as asked for, the first and the last among them. */
static void json_curves(void **state)
{
    (void)state;
    eng_runlog *r = watch();
    eng_metrics *m = begin(0);
    write_steps(m, 1, 100);
    sk_buf b = SK_BUF_INIT;
    sk_err e = SK_ERR_INIT;
    json_t *v = NULL;
    eng_run_info_json(look(r), 7, &b);
    assert_status_ok(sk_json_parse(b.p, b.len, 8, &v, &e), e);
    json_t *loss = json_object_get(json_object_get(v, "curves"), "loss");
    assert_int_equal(json_array_size(loss), 7);
    assert_int_equal(json_integer_value(json_array_get(json_array_get(loss, 0), 0)), 1);
    assert_int_equal(json_integer_value(json_array_get(json_array_get(loss, 6), 0)), 100);
    json_decref(v);
    sk_buf_fini(&b);
    eng_metrics_close(m);
    eng_runlog_close(r);
}

static sk_status open_and_poll(void *arg, sk_err *e)
{
    (void)arg;
    eng_runlog *r = NULL;
    sk_status st = eng_runlog_open(unit_dir, &r, e);
    if (!st) st = eng_runlog_poll(r, e);
    eng_runlog_close(r);
    return st;
}

/* A line that could not be parsed for lack of memory is passed over. */
static void out_of_memory(void **state)
{
    (void)state;
    eng_metrics *m = begin(0);
    write_steps(m, 1, 5);
    eng_metrics_close(m);
    unit_starve(open_and_poll, NULL, 2000, 0);
}

/* A full disk ends the writing, not the run; a folder that is not there is told. */
static void cannot_write(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_metrics *m = NULL;
    eng_metrics_run r = run_at(0);
    assert_status(eng_metrics_open(unit_path(unit_dir, "none"), &r, &m, &e), SK_E_NOTFOUND, e,
                  "metrics.jsonl");
    sk_fault_plan(SK_FAULT_WRITE, 1, true);
    assert_int_not_equal(eng_metrics_open(unit_dir, &r, &m, &e), SK_OK);
    sk_fault_plan(SK_FAULT_WRITE, 0, false);
    eng_metrics_close(NULL);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, unit_dir_make, unit_dir_remove)
    const struct CMUnitTest tests[] = {
        TEST(grows),        TEST(resumes),   TEST(spikes),      TEST(hostile),
        TEST(endless_line), TEST(old_log),   TEST(json_curves), TEST(out_of_memory),
        TEST(cannot_write), TEST(time_left),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
