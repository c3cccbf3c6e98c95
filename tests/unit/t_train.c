/* t_train.c - whole training runs: what they leave behind, how they end, and that no fault of the
 * machine leaves less. */
#include "tests/unit/tiny_run.h"
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "base/file.h"
#include "base/json.h"

#include <math.h>
#include <string.h>

static void a_run_learns_and_says_so(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    tiny_heard h;
    tiny_run r = tiny_run_beside(tiny_whole(), "learns");
    tiny_run_listen(&r, &h);
    r.o.steps = 30;
    assert_status_ok(tiny_run_train(&r, &e), e);
    assert_int_equal(h.steps, 30);
    assert_int_equal(h.tokens, 30 * 96);
    assert_int_equal(h.evals, 1 + 10);
    assert_int_equal(h.done, 1);
    assert_true(fabs(h.first_loss - log(300)) < 0.2);
    assert_true(h.last_loss < h.first_loss - 0.5);
    assert_true(h.bits_per_byte > 0.5 && h.bits_per_byte < 8);
    assert_true(h.done_bits > 0.5 && h.done_bits < 8);
    assert_string_equal(h.model, tiny_run_path(&r, "model.gguf"));
    assert_true(sk_file_exists(tiny_run_path(&r, "curve.svg")));
}

static void the_log_is_json_lines_of_the_whole_run(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    sk_err e = SK_ERR_INIT;
    size_t steps = 0, evals = 0;
    assert_true(unit_read(tiny_run_path(tiny_whole(), "log.jsonl"), &b));
    for (char *line = b.p, *end; (end = strchr(line, '\n')); line = end + 1) {
        json_t *o;
        const char *event = "";
        assert_status_ok(sk_json_parse(line, (size_t)(end - line), 4, &o, &e), e);
        assert_status_ok(sk_json_get_str(o, "event", &event, &e), e);
        steps += strcmp(event, "step") == 0;
        evals += strcmp(event, "eval") == 0;
        json_decref(o);
    }
    assert_int_equal(steps, 6);
    assert_int_equal(evals, 3);
    sk_buf_fini(&b);
}

static void the_model_opens_and_computes_what_was_trained(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_exec *x;
    eng_model *m;
    eng_model_info info;
    assert_status_ok(eng_exec_open(1, &x, &e), e);
    assert_status_ok(eng_model_open(x, tiny_run_path(tiny_whole(), "model.gguf"), &m, &e), e);
    eng_model_get_info(m, &info);
    assert_string_equal(info.arch, "qwen3");
    assert_string_equal(info.dtype, "F32");
    assert_int_equal(info.n_vocab, 300);
    assert_int_equal(info.n_ctx, 24);
    assert_true(info.has_chat);
    eng_model_close(m);
    eng_exec_close(x);
}

static void threads_do_not_change_a_byte(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    const size_t counts[] = {1, 3};
    for (size_t i = 0; i < 2; i++) {
        tiny_run r = tiny_run_beside(tiny_whole(), i ? "three" : "one");
        r.threads = counts[i];
        assert_status_ok(tiny_run_train(&r, &e), e);
        tiny_run_same(&r, tiny_whole());
    }
}

static void a_run_is_not_overwritten(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    assert_status(tiny_run_train(tiny_whole(), &e), SK_E_INUSE, e, "--resume");
}

static void two_runs_cannot_share_a_folder(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    int lock;
    tiny_run r = *tiny_whole();
    r.o.resume = true;
    assert_status_ok(sk_lock_take(tiny_run_path(&r, "lock"), &lock, &e), e);
    assert_int_equal(tiny_run_train(&r, &e), SK_E_INUSE);
    sk_lock_drop(lock);
}

static void divergence_stops_the_run_and_keeps_the_checkpoint(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    tiny_run r = tiny_run_beside(tiny_whole(), "diverges");
    r.o.steps = 400;
    r.o.lr = 1e3;
    r.o.weight_decay = 1e3;
    r.o.save_every = 1;
    assert_status(tiny_run_train(&r, &e), SK_E_INVALID, e, "diverged at step");
    assert_contains(e.text, "learning rate");
    assert_false(sk_file_exists(tiny_run_path(&r, "model.gguf")));
    r.o.resume = true; /* it comes to the same end from the checkpoint it kept */
    sk_err again = SK_ERR_INIT;
    assert_int_equal(tiny_run_train(&r, &again), SK_E_INVALID);
    assert_string_equal(again.text, e.text);
}

static void set_llama(eng_train_opts *o)
{
    o->arch = "llama";
    o->tied = false;
    o->dtype = ENG_BF16;
    o->cosine = true;
}

static void llama_untied_bf16(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_exec *x;
    eng_model *m;
    eng_model_info info;
    tiny_run r = tiny_run_beside(tiny_whole(), "llama");
    set_llama(&r.o);
    assert_status_ok(tiny_run_train(&r, &e), e);
    assert_status_ok(eng_exec_open(1, &x, &e), e);
    assert_status_ok(eng_model_open(x, tiny_run_path(&r, "model.gguf"), &m, &e), e);
    eng_model_get_info(m, &info);
    assert_string_equal(info.arch, "llama");
    assert_string_equal(info.dtype, "BF16");
    eng_model_close(m);
    eng_exec_close(x);
}

/* The Nth write, fsync or rename fails: a clean error, and the run goes on from there. */
static void every_failed_write_is_survived(void **state)
{
    (void)state;
    const sk_fault_kind kinds[] = {SK_FAULT_WRITE, SK_FAULT_FSYNC, SK_FAULT_RENAME};
    for (size_t k = 0; k < 3; k++)
        for (unsigned long n = 1;; n += 1 + n / 4) {
            sk_err e = SK_ERR_INIT;
            tiny_run r = tiny_run_beside(tiny_whole(), "fault");
            sk_fault_plan(kinds[k], n, false);
            sk_status st = tiny_run_train(&r, &e);
            sk_fault_plan(kinds[k], 0, false);
            if (st && e.text[0] == 0) fail_msg("fault %zu:%lu has no sentence", k, n);
            r.o.resume = true;
            if (st) assert_status_ok(tiny_run_train(&r, &e), e);
            tiny_run_same(&r, tiny_whole());
            unit_rm_rf(r.out);
            if (!st) break;
        }
}

/* The Nth allocation fails: a clean error or none, never a crash. */
static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    for (unsigned long n = 1; n < 4000000; n += 1 + n / 3) {
        sk_err e = SK_ERR_INIT;
        tiny_run r = tiny_run_beside(tiny_whole(), "alloc");
        sk_fault_plan(SK_FAULT_ALLOC, n, false);
        sk_status st = tiny_run_train(&r, &e);
        bool reached = sk_fault_count(SK_FAULT_ALLOC) >= n;
        sk_fault_plan(SK_FAULT_ALLOC, 0, false);
        if (st && st != SK_E_NOMEM) fail_msg("allocation %lu: status %d, %s", n, st, e.text);
        if (!st) tiny_run_same(&r, tiny_whole());
        unit_rm_rf(r.out);
        if (!reached) break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_learns_and_says_so),
        cmocka_unit_test(the_log_is_json_lines_of_the_whole_run),
        cmocka_unit_test(the_model_opens_and_computes_what_was_trained),
        cmocka_unit_test(threads_do_not_change_a_byte),
        cmocka_unit_test(a_run_is_not_overwritten),
        cmocka_unit_test(two_runs_cannot_share_a_folder),
        cmocka_unit_test(divergence_stops_the_run_and_keeps_the_checkpoint),
        cmocka_unit_test(llama_untied_bf16),
        cmocka_unit_test(every_failed_write_is_survived),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, tiny_whole_make, tiny_whole_remove);
}
