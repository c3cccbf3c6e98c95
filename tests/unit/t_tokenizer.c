/* t_tokenizer.c - tokenizers from files and measured on files, at the engine's door: what separates
 * files, what is counted, failures. */
#include "tests/unit/tiny_vocab.h"
#include "tests/unit/unit.h"

#include "engine/engine.h"
#include "engine/token/vocab.h"

static eng_exec *open_exec(size_t threads)
{
    sk_err e = SK_ERR_INIT;
    eng_exec *x = NULL;
    assert_status_ok(eng_exec_open(threads, &x, &e), e);
    return x;
}

/* Two files are two documents, whatever the first one ends with. */
static void files_are_documents(void **state)
{
    (void)state;
    static const char *const first[] = {"one two", "one two\n", "one two\n<|endoftext|>\n"};
    const char *dir = unit_tmpdir();
    const char *path[] = {unit_path(dir, "a"), unit_path(dir, "b")},
               *out = unit_path(dir, "t.gguf");
    eng_exec *x = open_exec(2);
    for (size_t k = 0; k < 3; k++) {
        sk_err e = SK_ERR_INIT;
        eng_tokenizer_info info;
        eng_tokenizer_opts o = {.data = path, .n_data = 2, .vocab = 260, .pretok = "qwen2"};
        unit_write(path[0], first[k], strlen(first[k]));
        unit_write(path[1], " two three", 10);
        assert_status_ok(eng_tokenizer_train(x, &o, out, &info, &e), e);
        assert_int_equal(info.documents, 2);
        assert_int_equal(info.pieces, k ? 5 : 5); /* the line's end is a piece of its own */
    }
    eng_exec_close(x);
    unit_rm_rf(dir);
}

/* The figures of a text by hand. */
static void what_is_counted(void **state)
{
    (void)state;
    static const char text[] = "ab ab 12 !\n<|endoftext|>\n\xc3\xa9\n";
    const char *dir = unit_tmpdir();
    const char *path[] = {unit_path(dir, "a"), unit_path(dir, "b")};
    unit_write(path[0], text, sizeof text - 1);
    unit_write(path[1], "xx", 2);
    eng_vocab *v = tiny_vocab(259, NULL); /* bytes only */
    for (size_t threads = 1; threads <= 3; threads++) {
        sk_err e = SK_ERR_INIT;
        eng_tokenizer_eval row[3];
        eng_exec *x = open_exec(threads);
        assert_status_ok(eng_tokenizer_evaluate(x, v, path, 2, NULL, NULL, row, &e), e);
        eng_exec_close(x);
        assert_int_equal(row[0].bytes, 14);
        assert_int_equal(row[0].documents, 2);
        assert_int_equal(row[0].tokens, 14);
        assert_int_equal(row[0].used, 9);
        assert_int_equal(row[2].bytes, 16);
        assert_int_equal(row[2].documents, 3);
        assert_int_equal(row[2].used, 10);
        static const uint64_t kinds[] = {6, 2, 1, 5, 2};
        for (size_t k = 0; k < ENG_TOKENS_KINDS; k++) {
            assert_int_equal(row[2].kind_tokens[k], kinds[k]);
            assert_int_equal(row[2].kind_bytes[k], kinds[k]);
        }
    }
    eng_vocab_close(v);
    unit_rm_rf(dir);
}

static bool stop_in_second(void *arg, size_t file, uint64_t done, uint64_t total)
{
    size_t *calls = arg;
    assert_true(done <= total);
    ++*calls;
    return file == 0;
}

static bool stop_at_once(void *arg, const char *stage, uint64_t done, uint64_t total)
{
    (void)arg;
    assert_string_equal(stage, "count");
    assert_true(done <= total);
    return false;
}

/* Stopped, without text, without a file: nothing is written. */
static void refused(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    const char *dir = unit_tmpdir();
    const char *path[] = {unit_path(dir, "a"), unit_path(dir, "b")},
               *out = unit_path(dir, "t.gguf");
    eng_exec *x = open_exec(1);
    eng_vocab *v = tiny_vocab(300, NULL);
    eng_tokenizer_eval row[3];
    eng_tokenizer_info info;
    size_t calls = 0;
    unit_write(path[0], "text", 4);
    unit_write(path[1], "text", 4);
    assert_status(eng_tokenizer_evaluate(x, v, path, 2, stop_in_second, &calls, row, &e),
                  SK_E_STOPPED, e, "stopped");
    assert_int_equal(calls, 2);
    eng_tokenizer_opts o = {
        .data = path, .n_data = 2, .vocab = 259, .pretok = "qwen2", .progress = stop_at_once};
    assert_status(eng_tokenizer_train(x, &o, out, &info, &e), SK_E_STOPPED, e, "stopped");
    o.progress = NULL;
    unit_write(path[1], "<|endoftext|>\n", 14);
    assert_status(eng_tokenizer_evaluate(x, v, path, 2, NULL, NULL, row, &e), SK_E_INVALID, e,
                  "no text");
    o.data = path + 1;
    o.n_data = 1;
    assert_status(eng_tokenizer_train(x, &o, out, &info, &e), SK_E_INVALID, e, "empty");
    path[1] = "/nonesuch";
    assert_status(eng_tokenizer_train(x, &o, out, &info, &e), SK_E_NOTFOUND, e, "/nonesuch");
    assert_status(eng_tokenizer_train(x, &o, "/nonesuch/t.gguf", &info, &e), SK_E_NOTFOUND, e,
                  "/nonesuch");
    assert_int_equal(unit_count_files(dir), 2);
    eng_vocab_close(v);
    eng_exec_close(x);
    unit_rm_rf(dir);
}

typedef struct trial {
    eng_exec *x;
    eng_vocab *v;
    char text[512], out[512];
} trial;

static sk_status train_starved(void *arg, sk_err *e)
{
    const trial *t = arg;
    const char *path[] = {t->text};
    eng_tokenizer_eval row[2];
    eng_tokenizer_info info;
    eng_tokenizer_opts o = {.data = path, .n_data = 1, .vocab = 280, .pretok = "qwen2"};
    sk_status st = eng_tokenizer_train(t->x, &o, t->out, &info, e);
    if (!st) st = eng_tokenizer_evaluate(t->x, t->v, path, 1, NULL, NULL, row, e);
    return st;
}

static void without_memory(void **state)
{
    (void)state;
    trial t = {.x = open_exec(1), .v = tiny_vocab(300, NULL)};
    const char *dir = unit_tmpdir();
    snprintf(t.text, sizeof t.text, "%s", unit_path(dir, "a"));
    snprintf(t.out, sizeof t.out, "%s", unit_path(dir, "tokenizer.json"));
    unit_write(t.text, tiny_text, strlen(tiny_text));
    unit_starve(train_starved, &t, 2000, 0);
    eng_vocab_close(t.v);
    eng_exec_close(t.x);
    unit_rm_rf(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_documents),
        cmocka_unit_test(what_is_counted),
        cmocka_unit_test(refused),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
