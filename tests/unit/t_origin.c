/* t_origin.c - from the rows of a dataset back to files, documents and lines. */
#include "tests/unit/tiny_vocab.h"
#include "tests/unit/unit.h"

#include "engine/data/build.h"
#include "engine/token/chat.h"
#include "engine/train/chatset.h"
#include "engine/train/corpus.h"
#include "engine/train/dataset.h"
#include "engine/train/origin.h"
#include "engine/train/prefs.h"

#include <stdio.h>

enum { N_CTX = 32, MAX = 16 };

static char dir[128], file[2][160], tok[160];
static const char *list[2] = {file[0], file[1]};
static eng_vocab *v;
static eng_exec *x;

/* Two texts with separators in odd places. */
static int make_dir(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    (void)snprintf(dir, sizeof dir, "%s", unit_tmpdir());
    (void)snprintf(tok, sizeof tok, "%s/tok.gguf", dir);
    v = tiny_vocab(300, NULL);
    for (int f = 0; f < 2; f++) {
        sk_buf b = SK_BUF_INIT;
        (void)snprintf(file[f], sizeof file[f], "%s/%c.txt", dir, 'a' + f);
        if (f) sk_buf_adds(&b, "<|endoftext|>\n<|endoftext|>\n");
        for (int i = 0; i < 30; i++)
            sk_buf_addf(
                &b, "Text %d of file %d%.*s.\n%s", i, f, i * 5 % 90,
                " and on and on and on, to where it ends, and then some more, and more of it",
                i % 3 || i == 29 ? "<|endoftext|>\n" : "<|endoftext|>\n<|endoftext|>\n");
        unit_write(file[f], b.p, b.len);
        sk_buf_fini(&b);
    }
    return eng_vocab_save(v, tok, &e) || eng_exec_open(2, &x, &e);
}

static int remove_dir(void **state)
{
    (void)state;
    eng_exec_close(x);
    eng_vocab_close(v);
    unit_rm_rf(dir);
    return 0;
}

/* The tokens of the document at `byte` of a file, the separator in front. */
static void encode_at(const char *path, uint64_t byte, eng_ids *out)
{
    sk_err e = SK_ERR_INIT;
    sk_buf b = SK_BUF_INIT;
    assert_true(unit_read(path, &b));
    assert_true(byte < b.len);
    const char *end = strstr(b.p + byte, "<|endoftext|>");
    size_t n = end ? (size_t)(end - b.p) - byte : b.len - byte;
    out->n = 0;
    assert_true(eng_ids_push(out, eng_corpus_separator(v)));
    assert_status_ok(eng_vocab_encode(v, b.p + byte, n, 0, out, &e), e);
    sk_buf_fini(&b);
}

static void of_texts(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_buf text = SK_BUF_INIT;
    size_t start[2], seen = 0;
    eng_ids ids = {0}, doc = {0};
    eng_dataset d;
    int32_t sep = eng_corpus_separator(v);
    assert_status_ok(eng_corpus_load_files(list, 2, &text, start, &e), e);
    assert_status_ok(eng_corpus_encode(x, v, text.p, text.len, &ids, &e), e);
    assert_status_ok(eng_dataset_of_stream(ids.id, ids.n, N_CTX, sep, &d, &e), e);
    assert_status_ok(
        eng_origin_of_text(list, start, 2, text.p, text.len, ids.id, ids.n, sep, &d.origin, &e), e);
    for (size_t r = 0; r < d.n_rows; r++) {
        eng_spot p[MAX];
        size_t n = eng_origin_row(&d, r, p, MAX), at = r * N_CTX;
        assert_in_range(n, 1, MAX);
        for (size_t i = 0; i < n; i++) {
            encode_at(p[i].file, p[i].byte, &doc);
            assert_true(i == 0 || p[i].token == 0);
            assert_true(p[i].token < doc.n && !p[i].lines);
            size_t k = doc.n - (size_t)p[i].token, left = (r + 1) * N_CTX - at;
            assert_memory_equal(ids.id + at, doc.id + p[i].token,
                                (k < left ? k : left) * sizeof(int32_t));
            at += k;
            seen += p[i].token == 0;
        }
        assert_true(at >= (r + 1) * N_CTX || r + 1 == d.n_rows);
        assert_int_equal(eng_origin_row(&d, r, p, 0), n);
    }
    assert_int_equal(seen, 60);
    assert_int_equal(d.origin->doc[59].file, 1);
    assert_int_equal(d.origin->doc[59].number, 30);
    eng_dataset_fini(&d);
    sk_buf_fini(&text);
    eng_ids_fini(&ids);
    eng_ids_fini(&doc);
}

static void of_shards(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_data_opts o;
    eng_data_stats s;
    eng_data_opts_default(&o);
    o.path = list;
    o.n_paths = 2;
    o.tokenizer = tok;
    o.out = unit_path(dir, "set");
    o.shard_tokens = 300;
    assert_status_ok(eng_data_build(x, &o, &s, &e), e);
    eng_stream *stream;
    eng_dataset d;
    assert_status_ok(eng_stream_open(o.out, "train", &stream, &e), e);
    assert_true(stream->n > 3);
    eng_dataset_of_shards(stream, N_CTX, &d);
    for (size_t r = 0; r < d.n_rows; r++) {
        eng_spot p[MAX];
        int32_t row[N_CTX], target[N_CTX], id;
        size_t n = eng_origin_row(&d, r, p, MAX), at = 0;
        eng_dataset_row(&d, r, row, target, NULL);
        assert_in_range(n, 1, MAX);
        for (size_t i = 0; i < n; i++) {
            eng_shard h;
            char path[300];
            (void)snprintf(path, sizeof path, "%s/%s", o.out, p[i].file);
            assert_status_ok(eng_shard_open(path, &h, &e), e);
            uint64_t from = h.doc[p[i].number - 1] + p[i].token, end = h.doc[p[i].number];
            assert_true(from < end);
            for (; from < end && at < N_CTX; from++) {
                eng_shard_read(&h, from, 1, &id);
                assert_int_equal(row[at++], id);
            }
            eng_shard_close(&h);
        }
        assert_true(at == N_CTX || r + 1 == d.n_rows);
    }
    eng_dataset_fini(&d);
}

/* Lines of conversations and of pairs: each stands where its origin says. */
static void of_lines(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    char path[160];
    const char *const one = path;
    sk_buf b = SK_BUF_INIT;
    eng_dataset d;
    eng_chatset_stats s;
    (void)snprintf(path, sizeof path, "%s/talks.jsonl", dir);
    for (int i = 1; i <= 40; i++)
        sk_buf_addf(&b,
                    "{\"messages\":[{\"role\":\"user\",\"content\":\"%.*s\"},{\"role\":"
                    "\"assistant\",\"content\":\"no %d\"}]}\n",
                    i * 7 % 23, "tell me what comes next", i);
    unit_write(path, b.p, b.len);
    assert_status_ok(eng_chatset_load(v, &one, 1, 128, &d, &s, &e), e);
    assert_int_equal(d.origin->n, 40);
    for (size_t k = 0; k < 40; k++) {
        eng_ids ids = {0}, loss = {0};
        char said[32], no[16];
        const eng_origin_doc *o = &d.origin->doc[k];
        int i = (int)o->number;
        (void)snprintf(said, sizeof said, "%.*s", i * 7 % 23, "tell me what comes next");
        (void)snprintf(no, sizeof no, "no %d", i);
        eng_chat_msg msg[2] = {{"user", said, strlen(said)}, {"assistant", no, strlen(no)}};
        assert_status_ok(eng_chat_render(v, msg, 2, false, &ids, &loss, &e), e);
        assert_memory_equal(d.ids + o->token, ids.id, (ids.n - 1) * sizeof(int32_t));
        eng_spot p[MAX];
        size_t n = eng_origin_row(&d, (size_t)o->token / 128, p, MAX), found = 0;
        for (size_t j = 0; j < n; j++)
            found += p[j].lines && p[j].number == o->number && p[j].token == 0;
        assert_int_equal(found, 1);
        eng_ids_fini(&ids);
        eng_ids_fini(&loss);
    }
    eng_dataset_fini(&d);
    sk_buf_reset(&b);
    for (int i = 0; i < 9; i++)
        sk_buf_addf(&b, "{\"prompt\":\"p\",\"chosen\":\"%d\",\"rejected\":\"n\"}\n", i);
    unit_write(path, b.p, b.len);
    eng_prefs f;
    eng_prefs_stats t;
    assert_status_ok(eng_prefs_load(v, &one, 1, 128, &d, &f, &t, &e), e);
    eng_spot p;
    assert_true(eng_origin_row(&d, d.n_rows - 1, &p, 1) > 0);
    assert_true(p.lines && p.number == 1 + f.first[d.n_rows - 1]);
    eng_dataset_fini(&d);
    eng_prefs_fini(&f);
    sk_buf_fini(&b);
}

static void in_words(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    eng_spot p = {.file = "a \"b\".txt", .number = 12, .token = 340, .byte = 3456};
    eng_spot_text(&p, &b);
    assert_string_equal(b.p, "a \"b\".txt, document 12 (from byte 3456), token 340");
    sk_buf_reset(&b);
    eng_spot_json(&p, &b);
    assert_string_equal(
        b.p, "{\"file\":\"a \\\"b\\\".txt\",\"document\":12,\"byte\":3456,\"token\":340}");
    sk_buf_reset(&b);
    p = (eng_spot){.file = "c.jsonl", .lines = true, .number = 7, .byte = UINT64_MAX};
    eng_spot_text(&p, &b);
    assert_string_equal(b.p, "c.jsonl, line 7");
    sk_buf_reset(&b);
    eng_spot_json(&p, &b);
    assert_string_equal(b.p, "{\"file\":\"c.jsonl\",\"line\":7,\"token\":0}");
    sk_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_texts),
        cmocka_unit_test(of_shards),
        cmocka_unit_test(of_lines),
        cmocka_unit_test(in_words),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
