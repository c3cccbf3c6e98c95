/* t_data.c - data sets built and read: the same for all, whole or not there, equal to plain text.
 */
#include "tests/unit/tiny_run.h"
#include "tests/unit/tiny_vocab.h"
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "engine/data/build.h"
#include "engine/data/stream.h"
#include "engine/train/corpus.h"
#include "engine/train/dataset.h"

#include <stdio.h>
#include <unistd.h>

static char dir[128], tok[160], text[160], lines[160];

/* A tokenizer, a text of 40 documents, a JSONL file of 30 with a broken line and an empty text. */
static int make_dir(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_buf b = SK_BUF_INIT;
    (void)snprintf(dir, sizeof dir, "%s", unit_tmpdir());
    (void)snprintf(tok, sizeof tok, "%s/tok.gguf", dir);
    (void)snprintf(text, sizeof text, "%s/text.txt", dir);
    (void)snprintf(lines, sizeof lines, "%s/lines.jsonl", dir);
    eng_vocab *v = tiny_vocab(300, NULL);
    assert_status_ok(eng_vocab_save(v, tok, &e), e);
    eng_vocab_close(v);
    for (int i = 0; i < 40; i++)
        sk_buf_addf(&b, "Document %d of the text, number %d.\n<|endoftext|>\n", i, i * i);
    unit_write(text, b.p, b.len);
    sk_buf_reset(&b);
    for (int i = 0; i < 30; i++)
        sk_buf_addf(&b, "{\"id\":%d,\"text\":\"line %d \xFF\"}\n", i, i * 7);
    sk_buf_adds(&b, "{\"text\":\"\"}\n{\"text\":\"broken\n");
    unit_write(lines, b.p, b.len);
    sk_buf_fini(&b);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    unit_rm_rf(dir);
    return 0;
}

/* Options of a build of n of {text, lines} into dir/name. */
static eng_data_opts options(const char **list, size_t n, const char *name)
{
    eng_data_opts o;
    eng_data_opts_default(&o);
    list[0] = text;
    list[1] = lines;
    o.path = list;
    o.n_paths = n;
    o.tokenizer = tok;
    o.out = unit_path(dir, name);
    return o;
}

static sk_status build(const eng_data_opts *o, size_t threads, eng_data_stats *s, sk_err *e)
{
    eng_exec *x;
    sk_status st = eng_exec_open(threads, &x, e);
    if (st) return st;
    st = eng_data_build(x, o, s, e);
    eng_exec_close(x);
    return st;
}

static void same_file(const char *a, const char *b, const char *name)
{
    sk_buf x = SK_BUF_INIT, y = SK_BUF_INIT;
    assert_true(unit_read(unit_path(a, name), &x));
    assert_true(unit_read(unit_path(b, name), &y));
    assert_int_equal(x.len, y.len);
    assert_memory_equal(x.p, y.p, x.len);
    sk_buf_fini(&x);
    sk_buf_fini(&y);
}

static void counts_and_threads(void **state)
{
    (void)state;
    const char *list[2];
    char first[160];
    sk_err e = SK_ERR_INIT;
    eng_data_stats s;
    for (size_t threads = 1; threads <= 3; threads++) {
        char name[8] = {'n', (char)('0' + threads), 0};
        eng_data_opts o = options(list, 2, name);
        o.valid = 0.2;
        o.shard_tokens = 200;
        assert_status_ok(build(&o, threads, &s, &e), e);
        assert_int_equal(s.documents, 70);
        assert_int_equal(s.mended, 30);
        assert_int_equal(s.empty, 1);
        assert_int_equal(s.skipped, 1);
        assert_int_equal(s.train_docs + s.valid_docs, 70);
        assert_in_range(s.valid_docs, 4, 30);
        assert_true(s.shards > 3);
        if (threads == 1) {
            (void)snprintf(first, sizeof first, "%s", o.out);
            continue;
        }
        same_file(first, o.out, "manifest.json"); /* which has the hashes of all shards */
        assert_int_equal(unit_count_files(first), unit_count_files(o.out));
    }
}

/* The stream is what eng_corpus_encode makes of the text, and so are the rows. */
static void equal_to_plain_text(void **state)
{
    (void)state;
    const char *list[2];
    sk_err e = SK_ERR_INIT;
    eng_data_stats s;
    eng_data_opts o = options(list, 1, "plain");
    o.shard_tokens = 77;
    assert_status_ok(build(&o, 2, &s, &e), e);
    eng_stream *stream;
    assert_status_ok(eng_stream_open(o.out, "train", &stream, &e), e);
    assert_true(stream->n > 3);
    sk_buf b = SK_BUF_INIT;
    eng_ids ids = {0};
    eng_exec *x;
    eng_vocab *v;
    assert_true(unit_read(text, &b));
    assert_status_ok(eng_exec_open(1, &x, &e), e);
    assert_status_ok(eng_vocab_load(tok, &v, &e), e);
    assert_status_ok(eng_corpus_encode(x, v, b.p, b.len, &ids, &e), e);
    assert_int_equal(stream->n_tokens, ids.n);
    int32_t *got = malloc(ids.n * sizeof *got), row[2][40];
    for (size_t at = 0; at < ids.n; at += 13) {
        eng_stream_read(stream, at, ids.n - at, got);
        assert_memory_equal(got, ids.id + at, (ids.n - at) * sizeof *got);
    }
    for (size_t n_ctx = 2; n_ctx <= 40; n_ctx += 19) {
        eng_dataset a, d;
        uint64_t n[4];
        eng_dataset_of_shards(stream, n_ctx, &d);
        assert_status_ok(
            eng_dataset_of_stream(ids.id, ids.n, n_ctx, stream->spec.separator, &a, &e), e);
        assert_int_equal(a.n_rows, d.n_rows);
        for (size_t i = 0; i < a.n_rows; i++) {
            eng_dataset_row(&d, i, row[0], row[1], NULL);
            assert_memory_equal(row[0], a.ids + i * n_ctx, n_ctx * sizeof(int32_t));
            assert_memory_equal(row[1], a.target + i * n_ctx, n_ctx * sizeof(int32_t));
        }
        eng_dataset_count(&a, v, 1, a.n_rows - 1, &n[0], &n[1]);
        eng_dataset_count(&d, v, 1, a.n_rows - 1, &n[2], &n[3]);
        assert_memory_equal(n, n + 2, 2 * sizeof *n);
        eng_dataset_fini(&a);
    }
    eng_stream_close(stream);
    free(got);
    eng_ids_fini(&ids);
    eng_exec_close(x);
    eng_vocab_close(v);
    sk_buf_fini(&b);
}

/* Two to one by tokens; the smaller source is gone through several times, or the mix ends. */
static void mixtures(void **state)
{
    (void)state;
    const char *list[2];
    sk_err e = SK_ERR_INIT;
    eng_data_stats s, one;
    eng_data_opts o = options(list, 1, "alone");
    assert_status_ok(build(&o, 1, &one, &e), e);
    o = options(list, 2, "mix");
    o.mix = "lines=2,text=1";
    o.max_epochs = 100;
    assert_status_ok(build(&o, 1, &s, &e), e);
    double share = (double)one.train_tokens / (double)s.train_tokens;
    assert_true(share > 0.31 && share < 0.36);
    assert_int_equal(unit_count_files(o.out), 4); /* lock, tokenizer, manifest, one shard */
    o = options(list, 2, "mix1");
    o.mix = "lines=2,text=1";
    o.max_epochs = 1;
    assert_status_ok(build(&o, 1, &s, &e), e);
    assert_true(s.train_docs < 70 && s.train_docs > 30);
    static const char *const bad[] = {
        "lines=2", "lines=2,text=0",   "lines=1,text=1,x=1",   "lines=1,lines=1", "lines",
        "",        "lines=1,text=inf", "lines=1,text=1,text=1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        o = options(list, 2, "badmix");
        o.mix = bad[i];
        assert_status(build(&o, 1, &s, &e), SK_E_INVALID, e, "--mix");
    }
}

/* What is held out stays held out when more comes. */
static void held_out_by_content(void **state)
{
    (void)state;
    const char *list[2];
    sk_err e = SK_ERR_INIT;
    eng_data_stats s;
    sk_buf a = SK_BUF_INIT, b = SK_BUF_INIT;
    eng_stream *x, *y;
    for (int i = 0; i < 2; i++) {
        eng_data_opts o = options(list, i ? 2 : 1, i ? "h2" : "h1");
        o.valid = 0.3;
        assert_status_ok(build(&o, 2, &s, &e), e);
        assert_status_ok(eng_stream_open(o.out, "valid", i ? &y : &x, &e), e);
    }
    int32_t *p = malloc(x->n_tokens * sizeof *p), *q = malloc(x->n_tokens * sizeof *p);
    assert_true(y->n_docs > x->n_docs);
    eng_stream_read(x, 0, (size_t)x->n_tokens, p);
    eng_stream_read(y, 0, (size_t)x->n_tokens, q);
    assert_memory_equal(p, q, x->n_tokens * sizeof *p);
    free(p);
    free(q);
    eng_stream_close(x);
    eng_stream_close(y);
    sk_buf_fini(&a);
    sk_buf_fini(&b);
}

static void refused(void **state)
{
    (void)state;
    const char *list[2];
    sk_err e = SK_ERR_INIT;
    eng_data_stats s;
    eng_stream *stream = NULL;
    eng_data_opts o = options(list, 2, "bad");
    o.max_bad = 0;
    assert_status(build(&o, 1, &s, &e), SK_E_FORMAT, e, "lines.jsonl:32");
    assert_status(eng_stream_open(o.out, "train", &stream, &e), SK_E_NOTFOUND, e, "no finished");
    assert_int_equal(unit_count_files(o.out), 2); /* the lock and the tokenizer */
    o.max_bad = 1;
    assert_status_ok(build(&o, 1, &s, &e), e);
    assert_status(build(&o, 1, &s, &e), SK_E_INUSE, e, "already");
    unit_write(text, "", 0);
    o = options(list, 1, "empty");
    assert_status(build(&o, 1, &s, &e), SK_E_INVALID, e, "no text");
    o.out = dir;
    assert_status(build(&o, 1, &s, &e), SK_E_INUSE, e, "other files");
    o.out = "";
    assert_status(build(&o, 1, &s, &e), SK_E_INVALID, e, "--out");
    o = options(list, 1, "empty");
    o.valid = 0.9;
    assert_status(build(&o, 1, &s, &e), SK_E_INVALID, e, "--valid");
    o = options(list, 1, "empty");
    o.tokenizer = NULL;
    assert_status(build(&o, 1, &s, &e), SK_E_INVALID, e, "--tokenizer");
    (void)make_dir(NULL);
}

/* The Nth allocation or write fails: an error, no data set; and then it works. */
static void misfortunes(void **state)
{
    (void)state;
    static const sk_fault_kind kind[] = {SK_FAULT_ALLOC, SK_FAULT_WRITE, SK_FAULT_FSYNC,
                                         SK_FAULT_RENAME};
    const char *list[2];
    sk_err e = SK_ERR_INIT;
    eng_data_stats s;
    eng_exec *x;
    assert_status_ok(eng_exec_open(1, &x, &e), e);
    eng_data_opts o = options(list, 2, "f");
    char out[160];
    (void)snprintf(out, sizeof out, "%s", o.out);
    o.out = out;
    o.mix = "lines=2,text=1";
    o.valid = 0.2;
    for (size_t k = 0; k < 4; k++) {
        for (unsigned long nth = 1;; nth += 1 + nth / 4) {
            e = (sk_err)SK_ERR_INIT;
            sk_fault_plan(kind[k], nth, false);
            sk_status st = eng_data_build(x, &o, &s, &e);
            bool hit = sk_fault_count(kind[k]) >= nth;
            sk_fault_plan(kind[k], 0, false);
            if (!st) assert_true(eng_stream_is_folder(out));
            if (!st && !hit) break;
            if (st) assert_true(e.text[0] && !eng_stream_is_folder(out));
            if (!st) unit_rm_rf(out);
        }
        unit_rm_rf(out);
    }
    eng_exec_close(x);
}

/* A shard changed behind the manifest's back is found before anything is read from it. */
static void changed_shards(void **state)
{
    (void)state;
    const char *list[2];
    sk_err e = SK_ERR_INIT;
    eng_data_stats s;
    eng_stream *stream;
    sk_buf b = SK_BUF_INIT;
    char shard[200];
    eng_data_opts o = options(list, 1, "c");
    char out[160];
    (void)snprintf(out, sizeof out, "%s", o.out);
    o.out = out;
    assert_status_ok(build(&o, 1, &s, &e), e);
    (void)snprintf(shard, sizeof shard, "%s/train-00000.tok", o.out);
    assert_true(unit_read(shard, &b));
    b.p[100] ^= 1;
    unit_write(shard, b.p, b.len);
    assert_status(eng_stream_open(o.out, "train", &stream, &e), SK_E_CORRUPT, e, "tokens");
    unit_write(shard, b.p, b.len - 9);
    assert_status(eng_stream_open(o.out, "train", &stream, &e), SK_E_CORRUPT, e, "cut short");
    (void)unlink(shard);
    assert_status(eng_stream_open(o.out, "train", &stream, &e), SK_E_NOTFOUND, e, "00000");
    static const char *const manifest[] = {
        "",
        "[]",
        "{\"format\":\"x\"}",
        "{\"format\":\"stoke-data\",\"version\":2}",
        "{\"format\":\"stoke-data\",\"version\":1}",
        "{\"format\":\"stoke-data\",\"version\":1,\"tokenizer\":{\"sha256\":\"00\"}}"};
    for (size_t i = 0; i < sizeof manifest / sizeof *manifest; i++) {
        unit_write(unit_path(o.out, "manifest.json"), manifest[i], strlen(manifest[i]));
        sk_status st = eng_stream_open(o.out, "train", &stream, &e);
        assert_status(st, e.status, e, "manifest.json");
        assert_int_not_equal(st, SK_OK);
    }
    sk_buf_fini(&b);
}

/* A run on a data set gives the bytes of a run on its text, resumes, and refuses changed data. */
static void training(void **state)
{
    (void)state;
    const char *list[2];
    sk_err e = SK_ERR_INIT;
    eng_data_stats s;
    tiny_run plain, built, other;
    tiny_run_init(&plain);
    plain.o.tokenizer = tok;
    assert_status_ok(tiny_run_train(&plain, &e), e);
    eng_data_opts o = options(list, 1, "t");
    char out[160], more[160];
    (void)snprintf(out, sizeof out, "%s", o.out);
    o.out = out;
    o.exact = o.near = false;
    list[0] = plain.data;
    assert_status_ok(build(&o, 2, &s, &e), e);
    built = tiny_run_beside(&plain, "built");
    built.list[0] = out;
    built.o.tokenizer = NULL;
    assert_status_ok(tiny_run_train(&built, &e), e);
    sk_buf a = SK_BUF_INIT, b = SK_BUF_INIT;
    assert_true(unit_read(tiny_run_path(&plain, "model.gguf"), &a));
    assert_true(unit_read(tiny_run_path(&built, "model.gguf"), &b));
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.p, b.p, a.len);
    (void)snprintf(more, sizeof more, "%s/t2", dir);
    o.out = more;
    list[1] = text;
    o.n_paths = 2;
    assert_status_ok(build(&o, 2, &s, &e), e);
    built.list[0] = more;
    built.o.resume = true;
    (void)unlink(tiny_run_path(&built, "model.gguf"));
    assert_status(tiny_run_train(&built, &e), SK_E_INVALID, e, "training text");
    other = tiny_run_beside(&plain, "other");
    other.list[0] = out;
    other.o.tokenizer = unit_path(dir, "tok2.gguf");
    eng_vocab *v = tiny_vocab(290, NULL);
    assert_status_ok(eng_vocab_save(v, other.o.tokenizer, &e), e);
    eng_vocab_close(v);
    assert_status(tiny_run_train(&other, &e), SK_E_INVALID, e, "another tokenizer");
    sk_buf_fini(&a);
    sk_buf_fini(&b);
    tiny_run_fini(&plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_and_threads),
        cmocka_unit_test(equal_to_plain_text),
        cmocka_unit_test(mixtures),
        cmocka_unit_test(held_out_by_content),
        cmocka_unit_test(refused),
        cmocka_unit_test(misfortunes),
        cmocka_unit_test(changed_shards),
        cmocka_unit_test(training),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
