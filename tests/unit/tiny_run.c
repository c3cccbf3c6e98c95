/* tiny_run.c - a training run small enough to be made a hundred times in a test. */
#include "tests/unit/tiny_run.h"

#include "tests/unit/tiny_vocab.h"
#include "tests/unit/unit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void write_text(const char *path, size_t repeats, size_t skip)
{
    sk_buf b = SK_BUF_INIT;
    for (size_t i = 0; i < repeats; i++) {
        sk_buf_adds(&b, tiny_text + skip);
        sk_buf_adds(&b, "\n<|endoftext|>\n");
        sk_buf_addf(&b, "Document %zu is a short one.\n<|endoftext|>\n", i);
    }
    unit_write(path, b.p, b.len);
    sk_buf_fini(&b);
}

static void write_chat(const char *path)
{
    sk_buf b = SK_BUF_INIT;
    for (int i = 0; i < 24; i++)
        sk_buf_addf(&b,
                    "{\"messages\":[{\"role\":\"user\",\"content\":\"say %d\"},"
                    "{\"role\":\"assistant\",\"content\":\"%d it is\"}]}\n",
                    i, i);
    unit_write(path, b.p, b.len);
    sk_buf_fini(&b);
}

void tiny_run_init(tiny_run *r)
{
    *r = (tiny_run){.threads = 2};
    (void)snprintf(r->dir, sizeof(r->dir), "%s", unit_tmpdir());
    (void)snprintf(r->data, sizeof(r->data), "%s/data.txt", r->dir);
    (void)snprintf(r->valid, sizeof(r->valid), "%s/valid.txt", r->dir);
    (void)snprintf(r->chat, sizeof(r->chat), "%s/chat.jsonl", r->dir);
    (void)snprintf(r->out, sizeof(r->out), "%s/out", r->dir);
    write_text(r->data, 3, 0);
    write_text(r->valid, 1, 100);
    write_chat(r->chat);
    eng_train_opts_default(&r->o);
    eng_train_opts *o = &r->o;
    o->steps = 6;
    o->batch_tokens = 96;
    o->dim = 32;
    o->layers = 1;
    o->heads = 4;
    o->kv_heads = 2;
    o->ffn = 48;
    o->vocab = 300;
    o->context = 24;
    o->eval_every = 3;
    o->save_every = 2;
    o->eval_tokens = 96;
    o->seed = 5;
}

/* Points the options at r's own strings, which move when r is copied. */
static eng_train_opts options_of(const tiny_run *r, const char **list)
{
    eng_train_opts o = r->o;
    list[0] = r->list[0] ? r->list[0] : r->data;
    o.data = list;
    o.n_data = 1;
    if (!o.valid) o.valid = r->valid;
    if (o.valid[0] == 0) o.valid = NULL;
    o.out = r->out;
    return o;
}

void tiny_run_fini(tiny_run *r)
{
    unit_rm_rf(r->dir);
}

tiny_run tiny_run_beside(const tiny_run *r, const char *out)
{
    tiny_run b = *r;
    (void)snprintf(b.out, sizeof(b.out), "%.120s/%.30s", r->dir, out);
    return b;
}

sk_status tiny_run_train(const tiny_run *r, sk_err *e)
{
    eng_exec *x;
    const char *list[1];
    eng_train_opts o = options_of(r, list);
    sk_status st = eng_exec_open(r->threads, &x, e);
    if (st) return st;
    st = eng_train_run(x, &o, e);
    eng_exec_close(x);
    return st;
}

sk_status tiny_run_tune(const tiny_run *r, const char *model, sk_err *e)
{
    eng_exec *x;
    const char *list[1];
    eng_train_opts o = options_of(r, list);
    if (!r->list[0]) list[0] = r->chat;
    if (o.valid == r->valid) o.valid = r->chat;
    sk_status st = eng_exec_open(r->threads, &x, e);
    if (st) return st;
    st = eng_tune_run(x, model, &o, e);
    eng_exec_close(x);
    return st;
}

const char *tiny_run_path(const tiny_run *r, const char *name)
{
    return unit_path(r->out, name);
}

static void hear(void *arg, const eng_train_event *ev)
{
    tiny_heard *h = arg;
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
    tiny_heard *h = arg;
    return ++h->asked == h->stop_at;
}

void tiny_run_listen(tiny_run *r, tiny_heard *h)
{
    *h = (tiny_heard){0};
    r->o.event = hear;
    r->o.stop = asked;
    r->o.arg = h;
}

static void same_file(const tiny_run *a, const tiny_run *b, const char *name)
{
    sk_buf x = SK_BUF_INIT, y = SK_BUF_INIT;
    assert_true(unit_read(tiny_run_path(a, name), &x));
    assert_true(unit_read(tiny_run_path(b, name), &y));
    if (x.len != y.len || memcmp(x.p, y.p, x.len) != 0)
        fail_msg("%s and %s differ", tiny_run_path(a, name), tiny_run_path(b, name));
    sk_buf_fini(&x);
    sk_buf_fini(&y);
}

/* metrics.jsonl, which tells the time, is only there where somebody listened. */
static size_t n_files(const tiny_run *r)
{
    return unit_count_files(r->out) - (access(tiny_run_path(r, "metrics.jsonl"), F_OK) == 0);
}

void tiny_run_same(const tiny_run *a, const tiny_run *b)
{
    same_file(a, b, "model.gguf");
    same_file(a, b, "checkpoint.stk");
    same_file(a, b, "log.jsonl");
    assert_int_equal(n_files(a), n_files(b));
}

static tiny_run whole;

int tiny_whole_make(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    tiny_run_init(&whole);
    assert_status_ok(tiny_run_train(&whole, &e), e);
    return 0;
}

int tiny_whole_remove(void **state)
{
    (void)state;
    tiny_run_fini(&whole);
    return 0;
}

const tiny_run *tiny_whole(void)
{
    return &whole;
}
