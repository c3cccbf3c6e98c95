/* t_train.c - whole training runs: what they leave behind, how they go on after a stop, and what
 * they refuse. */
#include "tests/unit/tiny_run.h"
#include "tests/unit/unit.h"

#include "base/cpu.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/json.h"
#include "engine/train/lease.h"
#include "engine/train/trainstate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A run made once, which others are compared with. */
static tiny_run whole;

static int make_whole(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    tiny_run_init(&whole);
    assert_status_ok(tiny_run_train(&whole, &e), e);
    return 0;
}

static int remove_whole(void **state)
{
    (void)state;
    tiny_run_fini(&whole);
    return 0;
}

/* What the events of a run said. */
typedef struct heard {
    double first_loss, last_loss, bits_per_byte, done_bits;
    uint64_t steps, evals, saves, done, tokens;
    size_t asked, stop_at; /* stop_at: true is answered to that question (0: never) */
    char note[512], model[256], notes[4096]; /* the last note; all of them */
} heard;

static void hear(void *arg, const eng_train_event *ev)
{
    heard *h = arg;
    if (ev->kind == ENG_EV_STEP) {
        if (h->steps++ == 0) h->first_loss = ev->loss;
        h->last_loss = ev->loss;
        h->tokens = ev->tokens;
        assert_true(ev->tokens_per_s > 0 && ev->mfu > 0 && isfinite(ev->grad_norm));
    }
    if (ev->kind == ENG_EV_EVAL) {
        h->evals++;
        h->bits_per_byte = ev->bits_per_byte;
    }
    h->saves += ev->kind == ENG_EV_SAVED;
    if (ev->kind == ENG_EV_NOTE) {
        size_t n = strlen(h->notes);
        (void)snprintf(h->note, sizeof(h->note), "%s", ev->text);
        (void)snprintf(h->notes + n, sizeof(h->notes) - n, "%s\n", ev->text);
    }
    if (ev->kind != ENG_EV_DONE) return;
    h->done++;
    h->done_bits = ev->bits_per_byte;
    (void)snprintf(h->model, sizeof(h->model), "%s", ev->text);
}

static bool asked(void *arg)
{
    heard *h = arg;
    return ++h->asked == h->stop_at;
}

static void listen(tiny_run *r, heard *h)
{
    *h = (heard){0};
    r->o.event = hear;
    r->o.stop = asked;
    r->o.arg = h;
}

static void a_run_learns_and_says_so(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    heard h;
    tiny_run r = tiny_run_beside(&whole, "learns");
    listen(&r, &h);
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
    assert_true(unit_read(tiny_run_path(&whole, "log.jsonl"), &b));
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
    assert_status_ok(eng_model_open(x, tiny_run_path(&whole, "model.gguf"), &m, &e), e);
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
        tiny_run r = tiny_run_beside(&whole, i ? "three" : "one");
        r.threads = counts[i];
        assert_status_ok(tiny_run_train(&r, &e), e);
        tiny_run_same(&r, &whole);
    }
}

/* Stopped at every question in turn, then gone on with. */
static void a_stop_at_any_moment_is_only_a_pause(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    heard h;
    for (size_t at = 1;; at++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "stop%zu", at);
        tiny_run r = tiny_run_beside(&whole, name);
        listen(&r, &h);
        h.stop_at = at;
        sk_status st = tiny_run_train(&r, &e);
        if (!st) break;
        assert_int_equal(st, SK_E_STOPPED);
        r.o.resume = true;
        r.o.event = NULL;
        r.o.stop = NULL;
        assert_status_ok(tiny_run_train(&r, &e), e);
        tiny_run_same(&r, &whole);
        unit_rm_rf(r.out);
        assert_true(at < 200);
        if (at > 8) at += 9; /* the tokenizer asks often */
    }
}

static void resume_without_a_checkpoint_begins(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    tiny_run r = tiny_run_beside(&whole, "fresh");
    r.o.resume = true;
    assert_status_ok(tiny_run_train(&r, &e), e);
    tiny_run_same(&r, &whole);
}

static void a_run_that_is_done_says_done(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    heard h;
    tiny_run r = whole;
    listen(&r, &h);
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
    tiny_run r = tiny_run_beside(&whole, "lost");
    assert_status_ok(tiny_run_train(&r, &e), e);
    assert_int_equal(remove(tiny_run_path(&r, "model.gguf")), 0);
    r.o.resume = true;
    assert_status_ok(tiny_run_train(&r, &e), e);
    tiny_run_same(&r, &whole);
}

static void a_run_is_not_overwritten(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    assert_status(tiny_run_train(&whole, &e), SK_E_INUSE, e, "--resume");
}

static void two_runs_cannot_share_a_folder(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    int lock;
    tiny_run r = whole;
    r.o.resume = true;
    assert_status_ok(sk_lock_take(tiny_run_path(&r, "lock"), &lock, &e), e);
    assert_int_equal(tiny_run_train(&r, &e), SK_E_INUSE);
    sk_lock_drop(lock);
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
        tiny_run r = whole;
        r.o.resume = true;
        list[i].make(&r.o);
        assert_status(tiny_run_train(&r, &e), SK_E_INVALID, e, list[i].named);
    }
    if (!sk_cpu_includes(sk_cpu(), SK_CPU_AVX512BF16)) return;
    sk_err e = SK_ERR_INIT;
    tiny_run r = whole;
    r.o.resume = true;
    set_f32(&r.o);
    assert_status(tiny_run_train(&r, &e), SK_E_INVALID, e, "--f32");
}

static void resume_with_another_text_is_refused(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    heard h;
    tiny_run r = tiny_run_beside(&whole, "text");
    listen(&r, &h);
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
    tiny_run r = tiny_run_beside(&whole, "damaged");
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
    tiny_run r = tiny_run_beside(&whole, "gives-way");
    sk_err e = SK_ERR_INIT;
    assert_status_ok(tiny_run_train(&r, &e), e);
    assert_true(unit_read(tiny_run_path(&r, "checkpoint.stk"), &good));
    r.o.resume = true;
    for (size_t i = 0; i < 6; i++) {
        heard h = {0};
        sk_buf bad = SK_BUF_INIT;
        bool cut = i % 2;
        sk_buf_add(&bad, good.p, cut ? good.len * i / 6 : good.len);
        if (!cut) bad.p[good.len * i / 6] ^= (char)(1 << i % 8);
        assert_int_equal(remove(tiny_run_path(&r, "checkpoint.stk")), 0);
        unit_write(tiny_run_path(&r, "checkpoint.stk"), bad.p ? bad.p : "", bad.len);
        listen(&r, &h);
        h.stop_at = 1000000;
        assert_status_ok(tiny_run_train(&r, &e), e);
        assert_contains(h.notes, "damaged");
        assert_contains(h.notes, "checkpoints/step-000000004.stk");
        assert_int_equal(h.steps, 2);
        tiny_run_same(&r, &whole);
        sk_buf_fini(&bad);
    }
    sk_buf_fini(&good);
}

/* The last few and the best; older ones go. */
static void the_last_and_the_best_are_kept(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    tiny_run r = tiny_run_beside(&whole, "keeps");
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
    tiny_run r = tiny_run_beside(&whole, "stale"), counter = r;
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
    tiny_run_same(&r, &whole);
    assert_true(unit_read(tiny_run_path(&r, "lease"), &a));
    assert_contains(a.p, "{\"epoch\":3,");
    sk_buf_fini(&a);
}

/* Asked for a checkpoint after step 3 there is one; the end is the same. */
static bool save_at_3(void *arg)
{
    heard *h = arg;
    return h->steps == 3;
}

static void a_checkpoint_can_be_asked_for(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    heard h = {.stop_at = 1000000};
    tiny_run r = tiny_run_beside(&whole, "asked");
    listen(&r, &h);
    r.o.save = save_at_3;
    r.o.save_every = 100;
    assert_status_ok(tiny_run_train(&r, &e), e);
    assert_int_equal(h.saves, 3); /* of steps 0, 3 and 6 */
    assert_true(sk_file_exists(tiny_run_path(&r, "checkpoints/step-000000003.stk")));
    tiny_run_same(&r, &whole);
}

static void divergence_stops_the_run_and_keeps_the_checkpoint(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    tiny_run r = tiny_run_beside(&whole, "diverges");
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

/* Writes data, trains on it, expects a refusal with `part` in its sentence. */
static void refuse(const char *name, const void *data, size_t n, void (*make)(eng_train_opts *),
                   sk_status want, const char *part)
{
    sk_err e = SK_ERR_INIT;
    tiny_run r = tiny_run_beside(&whole, name);
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s.txt", whole.dir, name);
    if (data) {
        unit_write(path, data, n);
        r.list[0] = path;
    }
    if (make) make(&r.o);
    assert_status(tiny_run_train(&r, &e), want, e, part);
    assert_false(sk_file_exists(tiny_run_path(&r, "model.gguf")));
}

static void set_context_1(eng_train_opts *o)
{
    o->context = 1;
}
static void set_huge_vocab(eng_train_opts *o)
{
    o->vocab = 1u << 20;
}
static void set_heads_3(eng_train_opts *o)
{
    o->heads = 3;
}
static void set_kv_3(eng_train_opts *o)
{
    o->kv_heads = 3;
}
static void set_nan_lr(eng_train_opts *o)
{
    o->lr = NAN;
}
static void set_overlap(eng_train_opts *o)
{
    o->warmup_frac = 0.6;
    o->decay_frac = 0.6;
}
static void set_unknown_arch(eng_train_opts *o)
{
    o->arch = "gpt17";
}
static void set_giant(eng_train_opts *o)
{
    o->dim = 1u << 16;
    o->heads = o->kv_heads = 512;
    o->layers = 1000;
    o->ffn = 1u << 18;
}
static void set_no_valid(eng_train_opts *o)
{
    o->valid = "/nonexistent/valid.txt";
}

static void bad_input_is_refused(void **state)
{
    (void)state;
    char nul[4096] = {0};
    refuse("empty", "", 0, NULL, SK_E_INVALID, "no text");
    refuse("blank", "<|endoftext|>\n<|endoftext|>\n", 28, NULL, SK_E_INVALID, "no text");
    refuse("short", "hi", 2, NULL, SK_E_INVALID, "merges");
    refuse("nuls", nul, sizeof(nul), NULL, SK_E_INVALID, "merges");
    refuse("context", NULL, 0, set_context_1, SK_E_INVALID, "context");
    refuse("vocab", NULL, 0, set_huge_vocab, SK_E_INVALID, "vocab");
    refuse("heads", NULL, 0, set_heads_3, SK_E_INVALID, "--heads");
    refuse("kv", NULL, 0, set_kv_3, SK_E_INVALID, "kv-heads");
    refuse("lr", NULL, 0, set_nan_lr, SK_E_INVALID, "--lr");
    refuse("overlap", NULL, 0, set_overlap, SK_E_INVALID, "--warmup");
    refuse("arch", NULL, 0, set_unknown_arch, SK_E_UNSUPPORTED, "gpt17");
    refuse("giant", NULL, 0, set_giant, SK_E_NOMEM, "dim");
    refuse("novalid", NULL, 0, set_no_valid, SK_E_NOTFOUND, "/nonexistent/valid.txt");
    sk_err e = SK_ERR_INIT;
    tiny_run r = tiny_run_beside(&whole, "nofile");
    r.list[0] = "/nonexistent/data.txt";
    assert_status(tiny_run_train(&r, &e), SK_E_NOTFOUND, e, "/nonexistent/data.txt");
}

/* Any bytes are text: NULs and broken UTF-8 are trained on as they are. */
static void any_bytes_are_text(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    char raw[8192], path[256];
    for (size_t i = 0; i < sizeof(raw); i++)
        raw[i] = (char)(i * i % 251 + (i % 7 == 0) * 130);
    raw[100] = raw[101] = 0;
    (void)snprintf(path, sizeof(path), "%s/raw.txt", whole.dir);
    unit_write(path, raw, sizeof(raw));
    tiny_run r = tiny_run_beside(&whole, "raw");
    r.list[0] = path;
    r.o.valid = path;
    assert_status_ok(tiny_run_train(&r, &e), e);
}

/* Less text than a row of context: the row is filled up. */
static void a_text_shorter_than_the_context_trains(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    tiny_run r = tiny_run_beside(&whole, "shorttext");
    char path[256], tok[256];
    (void)snprintf(path, sizeof(path), "%s/little.txt", whole.dir);
    (void)snprintf(tok, sizeof(tok), "%s", tiny_run_path(&whole, "tokenizer.gguf"));
    unit_write(path, "so it is", 8);
    r.list[0] = path;
    r.o.valid = "";
    r.o.tokenizer = tok;
    assert_status_ok(tiny_run_train(&r, &e), e);
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
    tiny_run r = tiny_run_beside(&whole, "llama");
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
            tiny_run r = tiny_run_beside(&whole, "fault");
            sk_fault_plan(kinds[k], n, false);
            sk_status st = tiny_run_train(&r, &e);
            sk_fault_plan(kinds[k], 0, false);
            if (st && e.text[0] == 0) fail_msg("fault %zu:%lu has no sentence", k, n);
            r.o.resume = true;
            if (st) assert_status_ok(tiny_run_train(&r, &e), e);
            tiny_run_same(&r, &whole);
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
        tiny_run r = tiny_run_beside(&whole, "alloc");
        sk_fault_plan(SK_FAULT_ALLOC, n, false);
        sk_status st = tiny_run_train(&r, &e);
        bool reached = sk_fault_count(SK_FAULT_ALLOC) >= n;
        sk_fault_plan(SK_FAULT_ALLOC, 0, false);
        if (st && st != SK_E_NOMEM) fail_msg("allocation %lu: status %d, %s", n, st, e.text);
        if (!st) tiny_run_same(&r, &whole);
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
        cmocka_unit_test(a_stop_at_any_moment_is_only_a_pause),
        cmocka_unit_test(resume_without_a_checkpoint_begins),
        cmocka_unit_test(a_run_that_is_done_says_done),
        cmocka_unit_test(a_lost_model_is_made_again),
        cmocka_unit_test(a_run_is_not_overwritten),
        cmocka_unit_test(two_runs_cannot_share_a_folder),
        cmocka_unit_test(resume_with_other_settings_is_refused),
        cmocka_unit_test(resume_with_another_text_is_refused),
        cmocka_unit_test(a_damaged_checkpoint_is_refused),
        cmocka_unit_test(a_damaged_checkpoint_gives_way),
        cmocka_unit_test(the_last_and_the_best_are_kept),
        cmocka_unit_test(a_stale_trainer_writes_nothing),
        cmocka_unit_test(a_checkpoint_can_be_asked_for),
        cmocka_unit_test(divergence_stops_the_run_and_keeps_the_checkpoint),
        cmocka_unit_test(bad_input_is_refused),
        cmocka_unit_test(any_bytes_are_text),
        cmocka_unit_test(a_text_shorter_than_the_context_trains),
        cmocka_unit_test(llama_untied_bf16),
        cmocka_unit_test(every_failed_write_is_survived),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, make_whole, remove_whole);
}
