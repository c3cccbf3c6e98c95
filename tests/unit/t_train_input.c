/* t_train_input.c - what a training run is given: settings and texts it refuses, and odd ones it
 * takes. */
#include "tests/unit/tiny_run.h"
#include "tests/unit/unit.h"

#include "base/file.h"

#include <math.h>
#include <stdio.h>

/* Writes data, trains on it, expects a refusal with `part` in its sentence. */
static void refuse(const char *name, const void *data, size_t n, void (*make)(eng_train_opts *),
                   sk_status want, const char *part)
{
    sk_err e = SK_ERR_INIT;
    tiny_run r = tiny_run_beside(tiny_whole(), name);
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s.txt", tiny_whole()->dir, name);
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
    tiny_run r = tiny_run_beside(tiny_whole(), "nofile");
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
    (void)snprintf(path, sizeof(path), "%s/raw.txt", tiny_whole()->dir);
    unit_write(path, raw, sizeof(raw));
    tiny_run r = tiny_run_beside(tiny_whole(), "raw");
    r.list[0] = path;
    r.o.valid = path;
    assert_status_ok(tiny_run_train(&r, &e), e);
}

/* Less text than a row of context: the row is filled up. */
static void a_text_shorter_than_the_context_trains(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    tiny_run r = tiny_run_beside(tiny_whole(), "shorttext");
    char path[256], tok[256];
    (void)snprintf(path, sizeof(path), "%s/little.txt", tiny_whole()->dir);
    (void)snprintf(tok, sizeof(tok), "%s", tiny_run_path(tiny_whole(), "tokenizer.gguf"));
    unit_write(path, "so it is", 8);
    r.list[0] = path;
    r.o.valid = "";
    r.o.tokenizer = tok;
    assert_status_ok(tiny_run_train(&r, &e), e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_input_is_refused),
        cmocka_unit_test(any_bytes_are_text),
        cmocka_unit_test(a_text_shorter_than_the_context_trains),
    };
    return cmocka_run_group_tests(tests, tiny_whole_make, tiny_whole_remove);
}
