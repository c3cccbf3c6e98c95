/* t_reader.c - documents out of files: plain and packed, long and broken. */
#include "tests/unit/unit.h"

#include "engine/data/clean.h"
#include "engine/data/files.h"
#include "engine/data/reader.h"

#include <stdio.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

/* All documents of a file, a '|' behind each, a '+' for those that are cut; or the error's text. */
static sk_status read_all(const char *path, eng_data_form form, size_t max_doc, sk_buf *out,
                          sk_err *e)
{
    eng_data_file f = {.path = path, .form = form};
    eng_reader *r;
    eng_raw raw;
    sk_buf b = SK_BUF_INIT;
    sk_buf_reset(out);
    sk_status st = eng_reader_open(&f, max_doc, &r, e);
    if (st) return st;
    while (!(st = eng_reader_next(r, &b, &raw, e)) && raw.kind != ENG_RAW_END) {
        assert_true(raw.n <= max_doc || raw.kind == ENG_RAW_JSON);
        sk_buf_add(out, b.p + raw.at, raw.n);
        sk_buf_adds(out, raw.kind == ENG_RAW_TOO_LONG ? "LONG|" : raw.cut ? "+" : "|");
        sk_buf_reset(&b);
    }
    eng_reader_close(r);
    sk_buf_fini(&b);
    return st;
}

static void expect(const char *text, size_t n, eng_data_form form, const char *want)
{
    sk_err e = SK_ERR_INIT;
    sk_buf out = SK_BUF_INIT;
    const char *path = unit_path(unit_dir, "t");
    unit_write(path, text, n);
    assert_status_ok(read_all(path, form, 1024, &out, &e), e);
    assert_string_equal(out.p ? out.p : "", want);
    sk_buf_fini(&out);
}

#define TEXT(s, want) expect(s, sizeof(s) - 1, ENG_DATA_TEXT, want)
#define JSONL(s, want) expect(s, sizeof(s) - 1, ENG_DATA_JSONL, want)

static void documents(void **state)
{
    (void)state;
    TEXT("", "");
    TEXT("\n", "\n|");
    TEXT("a\nb", "a\nb|");
    TEXT("a\n<|endoftext|>\nb\n", "a\n|b\n|");
    TEXT("<|endoftext|>\n<|endoftext|>\r\na<|endoftext|>\n<|endoftext|>", "a<|endoftext|>\n|");
    TEXT("\xEF\xBB\xBFwith a mark", "with a mark|");
    JSONL("{1}\n\n  \r\n{2}\n{3}", "{1}|{2}|{3}|");
    JSONL("", "");
    JSONL("\n\n", "");
    expect("{\"text\":1}\n{}", 13, ENG_DATA_AUTO, "{\"text\":1}|{}|");
    expect("hello {}\n{}", 11, ENG_DATA_AUTO, "hello {}\n{}|");
}

/* Lines of 100 bytes, a limit of 1024: ten of them a part; a line without end is cut between
 * characters. */
static void long_ones_are_cut(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_buf b = SK_BUF_INIT, out = SK_BUF_INIT;
    for (int i = 0; i < 25; i++)
        sk_buf_addf(&b, "%099d\n", i);
    sk_buf_adds(&b, "<|endoftext|>\n");
    for (int i = 0; i < 1000; i++)
        sk_buf_adds(&b, "\xE2\x82\xAC");
    const char *path = unit_path(unit_dir, "long");
    unit_write(path, b.p, b.len);
    assert_status_ok(read_all(path, ENG_DATA_TEXT, 1024, &out, &e), e);
    assert_int_equal(out.p[1000], '+');
    assert_int_equal(out.p[2001], '+');
    assert_int_equal(out.p[2502], '|');
    assert_int_equal(out.p[2503 + 1023], '+');
    assert_int_equal(out.p[2503 + 1024 + 1023], '+');
    assert_int_equal(out.len, 2503 + 3000 + 3);
    sk_buf_fini(&b);
    sk_buf_fini(&out);
}

static void pack(const sk_buf *b, const char *path, bool zstd, size_t frames)
{
    sk_buf all = SK_BUF_INIT;
    for (size_t i = 0; i < frames; i++) {
        size_t from = b->len * i / frames, n = b->len * (i + 1) / frames - from;
        size_t cap = 2 * n + 1000, len;
        uint8_t *p = malloc(cap);
        if (zstd) {
            len = ZSTD_compress(p, cap, b->p + from, n, 3);
        } else {
            z_stream z = {.next_in = (Bytef *)(b->p + from), .avail_in = (uInt)n};
            z.next_out = p;
            z.avail_out = (uInt)cap;
            assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
            assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
            len = z.total_out;
            (void)deflateEnd(&z);
        }
        sk_buf_add(&all, p, len);
        free(p);
    }
    unit_write(path, all.p, all.len);
    sk_buf_fini(&all);
}

/* Packed files give what is in them, cut ones an error wherever the cut is. */
static void packed(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_buf b = SK_BUF_INIT, out = SK_BUF_INIT, file = SK_BUF_INIT;
    const char *path = unit_path(unit_dir, "p");
    for (int i = 0; i < 90000; i++)
        sk_buf_addf(&b, "line %u\n", (unsigned)i * 7919u);
    for (int zstd = 0; zstd < 2; zstd++) {
        pack(&b, path, zstd, 3);
        assert_status_ok(read_all(path, ENG_DATA_TEXT, 4 << 20, &out, &e), e);
        assert_int_equal(out.len, b.len + 1);
        assert_memory_equal(out.p, b.p, b.len);
        pack(&b, path, zstd, 1);
        assert_true(unit_read(path, &file));
        for (size_t cut = 5; cut < file.len; cut += file.len / 23) {
            unit_write(path, file.p, cut);
            assert_status(read_all(path, ENG_DATA_TEXT, 4 << 20, &out, &e), SK_E_CORRUPT, e,
                          "early");
        }
        file.p[file.len / 2] ^= 1; /* zstd without its checksum may not notice; gzip has one */
        unit_write(path, file.p, file.len);
        if (!zstd)
            assert_status(read_all(path, ENG_DATA_TEXT, 4 << 20, &out, &e), SK_E_CORRUPT, e,
                          "unpack");
    }
    unit_write(path, "PAR1....", 8);
    assert_status(read_all(path, ENG_DATA_TEXT, 4096, &out, &e), SK_E_UNSUPPORTED, e, "Parquet");
    assert_status(read_all(unit_dir, ENG_DATA_TEXT, 4096, &out, &e), SK_E_INVALID, e, "folder");
    assert_status(read_all("/no-such", ENG_DATA_TEXT, 4096, &out, &e), SK_E_NOTFOUND, e, "no-such");
    sk_buf_fini(&b);
    sk_buf_fini(&out);
    sk_buf_fini(&file);
}

static void json(const char *line, const char *want)
{
    sk_err e = SK_ERR_INIT;
    sk_buf out = SK_BUF_INIT;
    sk_buf_adds(&out, ">");
    sk_status st = eng_clean_json(line, strlen(line), "text", &out, &e);
    if (want) {
        assert_status_ok(st, e);
        assert_string_equal(out.p + 1, want);
    } else {
        assert_status(st, SK_E_FORMAT, e, "\"text\"");
        assert_int_equal(out.len, 1);
    }
    sk_buf_fini(&out);
}

static void lines_of_json(void **state)
{
    (void)state;
    json("{\"text\":\"a\"}", "a");
    json(" {\"id\":[1,{\"text\":2}], \"text\" : \"\\u00e9\\n\\ud83d\\ude00\" } ",
         "\xC3\xA9\n\xF0\x9F\x98\x80");
    json("{\"text\":\"\"}", "");
    json("{\"text\":5}", NULL);
    json("{\"text\":null}", NULL);
    json("{\"text\":\"a\",\"text\":\"b\"}", NULL);
    json("{\"other\":\"a\"}", NULL);
    json("{\"text\":\"a\"", NULL);
    json("{\"text\":\"a\"} x", NULL);
    json("[\"text\"]", NULL);
    json("\"text\"", NULL);
    json("{\"text\":\"\\ud83d\"}", NULL);
    json("", NULL);
}

static void mended(const char *s, size_t n, const char *want, bool bad)
{
    sk_buf out = SK_BUF_INIT;
    assert_int_equal(eng_clean_utf8(s, n, &out), bad);
    assert_string_equal(bad ? out.p : s, want);
    sk_buf_fini(&out);
}

static void doubtful_bytes(void **state)
{
    (void)state;
    mended("", 0, "", 0);
    mended("gr\xC3\xBC\xC3\x9F", 6, "gr\xC3\xBC\xC3\x9F", 0);
    mended("a\xFFz", 3, "a\xEF\xBF\xBDz", 1);
    mended("\xC3", 1, "\xEF\xBF\xBD", 1);
    mended("\xE2\x82", 2, "\xEF\xBF\xBD\xEF\xBF\xBD", 1);
    mended("\xC0\xAF-\xED\xA0\x80", 6,
           "\xEF\xBF\xBD\xEF\xBF\xBD-\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD", 5);
    assert_int_equal(eng_clean_cut("ab\ncdef", 7, 5), 3);
    assert_int_equal(eng_clean_cut("abcdefg", 7, 5), 5);
    assert_int_equal(eng_clean_cut("abc\xE2\x82\xAC", 6, 5), 3);
    assert_int_equal(eng_clean_cut("abc", 3, 5), 3);
}

static sk_status list(const char *arg, const char *second, eng_data_files *f, sk_arena *a,
                      sk_err *e)
{
    const char *args[] = {arg, second};
    return eng_files_list(args, second ? 2 : 1, ENG_DATA_AUTO, a, f, e);
}

static void lists_of_files(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_arena *a = sk_arena_new(SK_MEM_MISC);
    eng_data_files f;
    char sub[160], arg[200], other[200];
    (void)snprintf(sub, sizeof sub, "%s/in", unit_dir);
    assert_int_equal(mkdir(sub, 0777), 0);
    assert_status(list(sub, NULL, &f, a, &e), SK_E_INVALID, e, "no text");
    static const char *const name[] = {"b.txt", "a.jsonl.gz", ".hidden.txt", "z.bin", "c.MD"};
    for (size_t i = 0; i < 5; i++)
        unit_write(unit_path(sub, name[i]), "x", 1);
    assert_status_ok(list(sub, NULL, &f, a, &e), e);
    assert_int_equal(f.n, 3);
    assert_int_equal(f.n_left_out, 1);
    assert_int_equal(f.bytes, 3);
    assert_string_equal(f.source[0], "in");
    assert_non_null(strstr(f.file[0].path, "a.jsonl.gz"));
    assert_int_equal(f.file[0].form, ENG_DATA_JSONL);
    assert_non_null(strstr(f.file[1].path, "b.txt"));
    assert_int_equal(f.file[1].form, ENG_DATA_TEXT);
    (void)snprintf(arg, sizeof arg, "web=%s/z.bin", sub);
    (void)snprintf(other, sizeof other, "%s/b.txt", sub);
    assert_status_ok(list(arg, other, &f, a, &e), e);
    assert_int_equal(f.n_sources, 2);
    assert_string_equal(f.source[0], "web");
    assert_string_equal(f.source[1], "b");
    assert_status(list("-", "-", &f, a, &e), SK_E_INVALID, e, "twice");
    assert_status(list("/no-such", NULL, &f, a, &e), SK_E_NOTFOUND, e, "no-such");
    unit_write(unit_path(sub, "d.parquet"), "x", 1);
    assert_status(list(sub, NULL, &f, a, &e), SK_E_UNSUPPORTED, e, "Parquet");
    sk_arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents),      cmocka_unit_test(long_ones_are_cut),
        cmocka_unit_test(packed),         cmocka_unit_test(lines_of_json),
        cmocka_unit_test(doubtful_bytes), cmocka_unit_test(lists_of_files),
    };
    return cmocka_run_group_tests(tests, unit_dir_make, unit_dir_remove);
}
