/* t_train_resume.c - training runs that go on: after a stop, from which checkpoint, and with what
 * they refuse to. */
#include "tests/unit/tiny_run.h"
#include "tests/unit/unit.h"

#include "base/cpu.h"
#include "base/file.h"
#include "engine/train/lease.h"
#include "engine/train/trainstate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Stopped at every question in turn, then gone on with. */
static void a_stop_at_any_moment_is_only_a_pause(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    tiny_heard h;
    for (size_t at = 1;; at++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "stop%zu", at);
        tiny_run r = tiny_run_beside(tiny_whole(), name);
        tiny_run_listen(&r, &h);
        h.stop_at = at;
        sk_status st = tiny_run_train(&r, &e);
        if (!st) break;
        assert_int_equal(st, SK_E_STOPPED);
        r.o.resume = true;
        r.o.event = NULL;
        r.o.stop = NULL;
        assert_status_ok(tiny_run_train(&r, &e), e);
        tiny_run_same(&r, tiny_whole());
        unit_rm_rf(r.out);
        assert_true(at < 200);
        if (at > 8) at += 9; /* the tokenizer asks often */
    }
}

static void resume_without_a_checkpoint_begins(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    tiny_run r = tiny_run_beside(tiny_whole(), "fresh");
    r.o.resume = true;
    assert_status_ok(tiny_run_train(&r, &e), e);
    tiny_run_same(&r, tiny_whole());
}

static void a_run_that_is_done_says_done(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    tiny_heard h;
    tiny_run r = *tiny_whole();
    tiny_run_listen(&r, &h);
    r.o.resume = true;
    assert_status_ok(tiny_run_train(&r, &e), e);
    assert_int_equal(h.done, 1);
    assert_int_equal(h.steps, 0);
    assert_contains(h.note, "done");
}

static void a_lost_model_is_made_again(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    tiny_run r = tiny_run_beside(tiny_whole(), "lost");
    assert_status_ok(tiny_run_train(&r, &e), e);
    assert_int_equal(remove(tiny_run_path(&r, "model.gguf")), 0);
    r.o.resume = true;
    assert_status_ok(tiny_run_train(&r, &e), e);
    tiny_run_same(&r, tiny_whole());
}

/* Changes one setting of r. */
typedef struct change {
    const char *named;
    void (*make)(eng_train_opts *o);
} change;

static void set_lr(eng_train_opts *o)
{
    o->lr *= 2;
}
static void set_steps(eng_train_opts *o)
{
    o->steps++;
}
static void set_dim(eng_train_opts *o)
{
    o->dim *= 2;
}
static void set_seed(eng_train_opts *o)
{
    o->seed++;
}
static void set_arch(eng_train_opts *o)
{
    o->arch = "llama";
}
static void set_vocab(eng_train_opts *o)
{
    o->vocab++;
}
static void set_batch(eng_train_opts *o)
{
    o->batch_tokens += 96;
}
static void set_untied(eng_train_opts *o)
{
    o->tied = false;
}
static void set_f32(eng_train_opts *o)
{
    o->compute_bf16 = 0;
}

static void resume_with_other_settings_is_refused(void **state)
{
    (void)state;
    const change list[] = {{"--lr", set_lr},       {"--steps", set_steps},  {"--dim", set_dim},
                           {"--seed", set_seed},   {"--arch", set_arch},    {"--vocab", set_vocab},
                           {"--batch", set_batch}, {"--untied", set_untied}};
    for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++) {
        sk_err e = SK_ERR_INIT;
        tiny_run r = *tiny_whole();
        r.o.resume = true;
        list[i].make(&r.o);
        assert_status(tiny_run_train(&r, &e), SK_E_INVALID, e, list[i].named);
    }
    if (!sk_cpu_includes(sk_cpu(), SK_CPU_AVX512BF16)) return;
    sk_err e = SK_ERR_INIT;
    tiny_run r = *tiny_whole();
    r.o.resume = true;
    set_f32(&r.o);
    assert_status(tiny_run_train(&r, &e), SK_E_INVALID, e, "--f32");
}

static void resume_with_another_text_is_refused(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    tiny_heard h;
    tiny_run r = tiny_run_beside(tiny_whole(), "text");
    tiny_run_listen(&r, &h);
    h.stop_at = 1000000;
    r.o.stop = NULL;
    r.o.steps = 7; /* not done: remove the model below */
    assert_status_ok(tiny_run_train(&r, &e), e);
    assert_int_equal(remove(tiny_run_path(&r, "model.gguf")), 0);
    r.o.resume = true;
    r.list[0] = r.valid;
    assert_status(tiny_run_train(&r, &e), SK_E_INVALID, e, "training text");
}

/* Every prefix (some) and every flipped byte (some) of the only checkpoint is refused and left as
 * it is. */
static void a_damaged_checkpoint_is_refused(void **state)
{
    (void)state;
    sk_buf good = SK_BUF_INIT, after = SK_BUF_INIT;
    tiny_run r = tiny_run_beside(tiny_whole(), "damaged");
    sk_err e = SK_ERR_INIT;
    r.o.keep = 1;
    assert_status_ok(tiny_run_train(&r, &e), e);
    assert_int_equal(remove(tiny_run_path(&r, "best.stk")), 0);
    assert_false(sk_file_exists(tiny_run_path(&r, "checkpoints")));
    const char *path = tiny_run_path(&r, "checkpoint.stk");
    assert_true(unit_read(path, &good));
    r.o.resume = true;
    for (size_t i = 0; i < 40; i++) {
        sk_err no = SK_ERR_INIT;
        sk_buf bad = SK_BUF_INIT;
        bool cut = i % 2;
        size_t n = cut ? good.len * i / 40 : good.len;
        sk_buf_add(&bad, good.p, n);
        if (!cut) bad.p[good.len * i / 40] ^= (char)(1 << i % 8);
        path = tiny_run_path(&r, "checkpoint.stk");
        unit_write(path, bad.p ? bad.p : "", bad.len);
        sk_status st = tiny_run_train(&r, &no);
        if (st != SK_E_CORRUPT && st != SK_E_FORMAT && st != SK_E_UNSUPPORTED)
            fail_msg("%s at %zu: status %d, %s", cut ? "cut" : "flipped", good.len * i / 40, st,
                     no.text);
        assert_true(unit_read(tiny_run_path(&r, "checkpoint.stk"), &after));
        assert_int_equal(after.len, bad.len);
        assert_memory_equal(after.p ? after.p : "", bad.p ? bad.p : "", bad.len);
        sk_buf_fini(&bad);
    }
    sk_buf_fini(&good);
    sk_buf_fini(&after);
}

/* Cut short or with a turned bit, the newest gives way to the one before, aloud. */
static void a_damaged_checkpoint_gives_way(void **state)
{
    (void)state;
    sk_buf good = SK_BUF_INIT;
    tiny_run r = tiny_run_beside(tiny_whole(), "gives-way");
    sk_err e = SK_ERR_INIT;
    assert_status_ok(tiny_run_train(&r, &e), e);
    assert_true(unit_read(tiny_run_path(&r, "checkpoint.stk"), &good));
    r.o.resume = true;
    for (size_t i = 0; i < 6; i++) {
        tiny_heard h = {0};
        sk_buf bad = SK_BUF_INIT;
        bool cut = i % 2;
        sk_buf_add(&bad, good.p, cut ? good.len * i / 6 : good.len);
        if (!cut) bad.p[good.len * i / 6] ^= (char)(1 << i % 8);
        assert_int_equal(remove(tiny_run_path(&r, "checkpoint.stk")), 0);
        unit_write(tiny_run_path(&r, "checkpoint.stk"), bad.p ? bad.p : "", bad.len);
        tiny_run_listen(&r, &h);
        h.stop_at = 1000000;
        assert_status_ok(tiny_run_train(&r, &e), e);
        assert_contains(h.notes, "damaged");
        assert_contains(h.notes, "checkpoints/step-000000004.stk");
        assert_int_equal(h.steps, 2);
        tiny_run_same(&r, tiny_whole());
        sk_buf_fini(&bad);
    }
    sk_buf_fini(&good);
}

/* The last few and the best; older ones go. */
static void the_last_and_the_best_are_kept(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    tiny_run r = tiny_run_beside(tiny_whole(), "keeps");
    r.o.keep = 3;
    r.o.save_every = 1;
    r.o.eval_every = 1;
    assert_status_ok(tiny_run_train(&r, &e), e);
    assert_int_equal(unit_count_files(tiny_run_path(&r, "checkpoints")), 2);
    assert_true(sk_file_exists(tiny_run_path(&r, "checkpoints/step-000000004.stk")));
    assert_true(sk_file_exists(tiny_run_path(&r, "checkpoints/step-000000005.stk")));
    uint64_t best = 0;
    assert_status_ok(eng_trainstate_step(tiny_run_path(&r, "best.stk"), &best, &e), e);
    sk_buf log = SK_BUF_INIT;
    double low = INFINITY;
    unsigned long long at = 0;
    assert_true(unit_read(tiny_run_path(&r, "log.jsonl"), &log));
    for (const char *p = log.p; (p = strstr(p, "{\"event\":\"eval\"")) != NULL; p++) {
        unsigned long long step = 0;
        const char *v = strstr(p, "\"val_loss\":");
        assert_int_equal(sscanf(p, "{\"event\":\"eval\",\"step\":%llu", &step), 1);
        assert_non_null(v);
        double loss = strtod(v + 11, NULL);
        if (loss < low) {
            low = loss;
            at = step;
        }
    }
    assert_int_equal(best, at);
    sk_buf_fini(&log);
}

/* A lease taken behind a running trainer's back: it writes nothing more and says why. */
static bool take_lease_at_3(void *arg)
{
    tiny_run *r = arg;
    if (r->o.seed++ != 7) return false; /* counts the questions, from seed 5 on */
    sk_err e = SK_ERR_INIT;
    eng_lease l;
    assert_status_ok(eng_lease_take(r->out, &l, &e), e);
    return false;
}

static void a_stale_trainer_writes_nothing(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_buf a = SK_BUF_INIT;
    tiny_run r = tiny_run_beside(tiny_whole(), "stale"), counter = r;
    r.o.save = take_lease_at_3;
    r.o.arg = &counter;
    assert_status(tiny_run_train(&r, &e), SK_E_INUSE, e, "another trainer has taken over");
    assert_contains(e.text, "epoch 2");
    uint64_t step = 99;
    assert_status_ok(eng_trainstate_step(tiny_run_path(&r, "checkpoint.stk"), &step, &e), e);
    assert_true(step == 0 || step == 2); /* that of step 2 may have been on its way */
    assert_false(sk_file_exists(tiny_run_path(&r, "model.gguf")));
    r.o.save = NULL;
    r.o.resume = true; /* who takes over comes to the same end */
    assert_status_ok(tiny_run_train(&r, &e), e);
    tiny_run_same(&r, tiny_whole());
    assert_true(unit_read(tiny_run_path(&r, "lease"), &a));
    assert_contains(a.p, "{\"epoch\":3,");
    sk_buf_fini(&a);
}

/* Asked for a checkpoint after step 3 there is one; the end is the same. */
static bool save_at_3(void *arg)
{
    tiny_heard *h = arg;
    return h->steps == 3;
}

static void a_checkpoint_can_be_asked_for(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    tiny_heard h = {.stop_at = 1000000};
    tiny_run r = tiny_run_beside(tiny_whole(), "asked");
    tiny_run_listen(&r, &h);
    r.o.save = save_at_3;
    r.o.save_every = 100;
    assert_status_ok(tiny_run_train(&r, &e), e);
    assert_int_equal(h.saves, 3); /* of steps 0, 3 and 6 */
    assert_true(sk_file_exists(tiny_run_path(&r, "checkpoints/step-000000003.stk")));
    tiny_run_same(&r, tiny_whole());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stop_at_any_moment_is_only_a_pause),
        cmocka_unit_test(resume_without_a_checkpoint_begins),
        cmocka_unit_test(a_run_that_is_done_says_done),
        cmocka_unit_test(a_lost_model_is_made_again),
        cmocka_unit_test(resume_with_other_settings_is_refused),
        cmocka_unit_test(resume_with_another_text_is_refused),
        cmocka_unit_test(a_damaged_checkpoint_is_refused),
        cmocka_unit_test(a_damaged_checkpoint_gives_way),
        cmocka_unit_test(the_last_and_the_best_are_kept),
        cmocka_unit_test(a_stale_trainer_writes_nothing),
        cmocka_unit_test(a_checkpoint_can_be_asked_for),
    };
    return cmocka_run_group_tests(tests, tiny_whole_make, tiny_whole_remove);
}
