/* t_csv.c - CSV: what comes out of good rows, what is told of broken ones and that reading goes on,
 * whatever the size of the bites the bytes come in; writing; files; failed memory. */
#include "tests/unit/unit.h"

#include "base/csv.h"
#include "base/mem.h"

#include <stdio.h>
#include <zlib.h>

/* Text that is handed out `bite` bytes at a time. */
typedef struct text {
    const char *p;
    size_t n, at, bite;
} text;

static sk_status give(void *arg, void *p, size_t cap, size_t *n, sk_err *e)
{
    text *t = arg;
    (void)e;
    *n = t->n - t->at < t->bite ? t->n - t->at : t->bite;
    if (*n > cap) *n = cap;
    memcpy(p, t->p + t->at, *n);
    t->at += *n;
    return SK_OK;
}

/* Reads all of it into `out`: rows as "LINE|field|field;", broken ones as "LINE!"; the first
 * sentence about one goes into e. */
static sk_status read_rows(const char *p, size_t n, size_t bite, sk_buf *out, sk_err *e)
{
    text t = {p, n, 0, bite};
    sk_csv *c;
    sk_err own = SK_ERR_INIT;
    sk_buf_reset(out);
    sk_status st = sk_csv_open_source("t", give, &t, &c, e);
    if (st) return st;
    for (;;) {
        const sk_csv_field *row;
        st = sk_csv_next(c, &row, &own);
        if (st == SK_OK && !row) break;
        if (st && st != SK_E_FORMAT) break;
        if (st && e && !e->text[0]) *e = own;
        sk_buf_addf(out, "%llu%s", (unsigned long long)sk_csv_line(c), st ? "!" : "");
        for (size_t i = 0; !st && i < sk_csv_columns(c); i++) {
            sk_buf_addc(out, '|');
            sk_buf_add(out, row[i].p, row[i].n);
        }
        sk_buf_addc(out, ';');
    }
    if (st && e) *e = own;
    sk_csv_close(c);
    return st;
}

/* What text becomes, in bites of 1, 2, 3, 7 and as many bytes as there are. */
static void becomes(const char *p, const char *want)
{
    static const size_t bites[] = {1, 2, 3, 7, 1 << 20};
    sk_buf out = SK_BUF_INIT;
    for (size_t i = 0; i < sizeof bites / sizeof *bites; i++) {
        sk_err e = SK_ERR_INIT;
        assert_status_ok(read_rows(p, strlen(p), bites[i], &out, &e), e);
        assert_string_equal(out.len ? out.p : "", want);
    }
    sk_buf_fini(&out);
}

/* Rows after the header "a,b" of which one is broken for the reason given. */
static void broken(const char *p, const char *want, const char *why)
{
    sk_buf out = SK_BUF_INIT;
    sk_err e = SK_ERR_INIT;
    becomes(p, want);
    assert_int_equal(read_rows(p, strlen(p), 5, &out, &e), SK_OK);
    assert_int_equal(e.status, SK_E_FORMAT);
    assert_contains(e.text, why);
    sk_buf_fini(&out);
}

static void no_header(const char *p, size_t n, const char *why)
{
    sk_buf out = SK_BUF_INIT;
    sk_err e = SK_ERR_INIT;
    assert_status(read_rows(p, n, 4, &out, &e), SK_E_FORMAT, e, why);
    sk_buf_fini(&out);
}

static void rows(void **state)
{
    (void)state;
    becomes("a,b\n1,2\n", "2|1|2;");
    becomes("a,b\r\n1,2\r\n3,4", "2|1|2;3|3|4;");
    becomes("a,b\n1,2\r", "2|1|2;");
    becomes("\xEF\xBB\xBF"
            "a,b\n\n\r\n,\n1,\n\n",
            "4||;5|1|;");
    becomes("a\n 1 \n\"\"\n", "2| 1 ;3|;");
    becomes("a,b\n", "");
    becomes("a,b", "");
    becomes("a,b\n1\r2,3\n", "2|1\r2|3;");
    becomes("a,b\n\xC3\xA9,\xFF\n", "2|\xC3\xA9|\xFF;");
}

static void quotes(void **state)
{
    (void)state;
    becomes("a,b\n\"1\",2\n", "2|1|2;");
    becomes("a,b\n\"x\"\"y\",\"\"\n3,4\n", "2|x\"y|;3|3|4;");
    becomes("a,b\r\n\"one\r\ntwo\",\"x,y\"\r\n3,4\r\n", "2|one\r\ntwo|x,y;4|3|4;");
    becomes("a,b\n1,\"2\"", "2|1|2;");
    becomes("a,b\n1,\"2\"\r", "2|1|2;");
    becomes("a,b\n\"\"\"\",\"\n\n\"\n5,6", "2|\"|\n\n;5|5|6;");
    becomes("\"a\",\"b\nc\"\n1,2\n", "3|1|2;");
    becomes("a,b\n\"$10,000.00 \",x\r\n", "2|$10,000.00 |x;");
}

static void what_is_broken(void **state)
{
    (void)state;
    broken("a,b\n1\n3,4\n", "2!;3|3|4;", "t:2: only 1 fields where the header names 2 columns");
    broken("a,b\n1,2,3\n3,4\n", "2!;3|3|4;", "t:2: more than 2 fields");
    broken("a,b\n1,2,3,4,5\n3,4\n", "2!;3|3|4;", "more than 2 fields");
    broken("a,b\n\"1\",2,3,4\n3,4\n", "2!;3|3|4;", "more than 2 fields");
    broken("a,b\n1\"x,2\n3,4\n", "2!;3|3|4;", "t:2: a quote inside a field");
    broken("a,b\n\"1\"x,2\n3,4\n", "2!;3|3|4;", "a quote inside a field");
    broken("a,b\n\"1\" ,2\n3,4\n", "2!;3|3|4;", "a quote inside a field");
    broken("a,b\n\"1\"\rx,2\n3,4\n", "2!;3|3|4;", "a quote inside a field");
    broken("a,b\n\"1,2\n3,4\n5,6\n", "2!;3|3|4;4|5|6;", "t:2: a quote is not closed");
    broken("a,b\n1,\"2\n3\"x,4\n", "2!;3!;", "a quote inside a field");
    broken("a,b\n\"", "2!;", "a quote is not closed");
    sk_buf out = SK_BUF_INIT;
    sk_err e = SK_ERR_INIT;
    assert_int_equal(read_rows("a,b\n1,\0\n3,4\n", 12, 3, &out, &e), SK_OK);
    assert_string_equal(out.p, "2!;3|3|4;");
    assert_contains(e.text, "t:2: a NUL byte");
    sk_buf_fini(&out);
}

static void headers(void **state)
{
    (void)state;
    no_header("", 0, "t is empty");
    no_header("\n\n", 2, "t is empty");
    no_header("a,b,a\n", 6, "t:1: the header names the column 'a' twice");
    no_header("a,\"b\n", 5, "a quote is not closed");
    no_header("\xFF\xFE"
              "a\0",
              4, "UTF-16");
    no_header("a\0b\n", 4, "NUL");
    char *wide = malloc(3000);
    memset(wide, ',', 3000);
    no_header(wide, 1025, "more than 1024 columns");
    free(wide);
    text t = {"Key, SkuId ,x,X,,\nq\n", 20, 0, 99};
    sk_csv *c;
    sk_err e = SK_ERR_INIT;
    assert_status_ok(sk_csv_open_source("t", give, &t, &c, &e), e);
    assert_int_equal(sk_csv_columns(c), 6);
    assert_string_equal(sk_csv_name(c, 1), "SkuId");
    assert_int_equal(sk_csv_column(c, "key"), 0);
    assert_int_equal(sk_csv_column(c, "Skuid"), 1);
    assert_int_equal(sk_csv_column(c, "x"), 2);
    assert_int_equal(sk_csv_column(c, "X"), 3);
    assert_int_equal(sk_csv_column(c, "none"), -1);
    assert_int_equal(sk_csv_head(c).n, 17);
    const sk_csv_field *row;
    assert_status(sk_csv_next(c, &row, &e), SK_E_FORMAT, e, "only 1 fields");
    assert_true(sk_csv_is(sk_csv_raw(c), "q\n"));
    assert_status(sk_csv_fail(c, "Key", &e, "is %d", 7), SK_E_FORMAT, e, "t:2: Key: is 7");
    assert_int_equal(sk_csv_pos(c), 0);
    assert_int_equal(sk_csv_size(c), 0);
    sk_csv_close(c);
    sk_csv_close(NULL);
}

/* Rows longer than may be, without and with quotes, cost themselves alone. */
static void long_rows(void **state)
{
    (void)state;
    const size_t big = 3 << 20;
    sk_buf in = SK_BUF_INIT, out = SK_BUF_INIT;
    for (int quoted = 0; quoted < 3; quoted++) {
        sk_err e = SK_ERR_INIT;
        sk_buf_reset(&in);
        sk_buf_adds(&in, quoted ? "a,b\n\"" : "a,b\n");
        assert_true(sk_buf_reserve(&in, big));
        memset(in.p + in.len, 'x', big);
        in.len += big;
        if (quoted == 2) in.p[20] = '\n';
        sk_buf_adds(&in, ",2\n3,4\n");
        assert_int_equal(read_rows(in.p, in.len, 50000, &out, &e), SK_OK);
        assert_string_equal(out.p, quoted == 2 ? "2!;3!;4|3|4;" : "2!;3|3|4;");
        assert_contains(e.text, quoted == 2 ? "not closed" : "too long");
    }
    /* As long as may be is taken, quoted too. */
    for (int quoted = 0; quoted < 2; quoted++) {
        sk_err e = SK_ERR_INIT;
        size_t n = SK_CSV_MAX_ROW - 5;
        sk_buf_reset(&in);
        sk_buf_adds(&in, quoted ? "a\n\"" : "a\n");
        assert_true(sk_buf_reserve(&in, n));
        memset(in.p + in.len, 'x', n);
        in.len += n;
        sk_buf_adds(&in, quoted ? "\"\nz\n" : "\nz\n");
        assert_int_equal(read_rows(in.p, in.len, 77777, &out, &e), SK_OK);
        assert_int_equal(out.len, n + 7);
        assert_string_equal(out.p + out.len - 5, ";3|z;");
    }
    sk_buf_fini(&in);
    sk_buf_fini(&out);
}

/* The memory of reading does not depend on how much is read. */
static void flat(void **state)
{
    (void)state;
    static char row[] = "some,\"quoted, field\",12345\nplain,fields,here\n";
    sk_buf in = SK_BUF_INIT;
    sk_buf_adds(&in, "a,b,c\n");
    for (int i = 0; i < 100000; i++)
        sk_buf_adds(&in, row);
    text t = {in.p, in.len, 0, 1 << 20};
    sk_csv *c;
    sk_err e = SK_ERR_INIT;
    const sk_csv_field *f = NULL;
    uint64_t before = sk_mem_bytes(SK_MEM_MISC), rows_seen = 0;
    assert_status_ok(sk_csv_open_source("t", give, &t, &c, &e), e);
    do {
        assert_status_ok(sk_csv_next(c, &f, &e), e);
        rows_seen += f != NULL;
    } while (f);
    assert_int_equal(rows_seen, 200000);
    assert_true(sk_mem_bytes(SK_MEM_MISC) - before < 400 << 10);
    sk_csv_close(c);
    sk_buf_fini(&in);
}

static void files(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_csv *c;
    const sk_csv_field *f;
    const char *path = unit_path(unit_dir, "x.csv.gz");
    assert_status(sk_csv_open(path, &c, &e), SK_E_NOTFOUND, e, "x.csv.gz");
    gzFile z = gzopen(path, "wb");
    assert_true(gzputs(z, "a,b\n1,\"2\n3\"\n") > 0);
    gzclose(z);
    assert_status_ok(sk_csv_open(path, &c, &e), e);
    assert_status_ok(sk_csv_next(c, &f, &e), e);
    assert_true(sk_csv_is(f[1], "2\n3"));
    assert_true(sk_csv_size(c) > 0);
    assert_int_equal(sk_csv_pos(c), sk_csv_size(c));
    sk_csv_close(c);
    unit_write(path, "", 0);
    assert_status(sk_csv_open(path, &c, &e), SK_E_FORMAT, e, "is empty");
}

static void writing(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT, out = SK_BUF_INIT;
    sk_csv_out o = {&b, 0};
    static const char *const values[] = {"a",          "",        "x,y", "say \"hi\"",
                                         "two\nlines", " blank ", "\r"};
    for (size_t i = 0; i < 7; i++)
        sk_csv_put(&o, &"abcdefg"[i]);
    sk_csv_end(&o);
    for (size_t i = 0; i < 7; i++)
        sk_csv_put(&o, values[i]);
    sk_csv_end(&o);
    sk_csv_put(&o, NULL);
    sk_csv_put(&o, "z");
    sk_csv_end(&o);
    assert_true(sk_buf_ok(&b));
    assert_string_equal(strchr(b.p, '\n') + 1,
                        "a,,\"x,y\",\"say \"\"hi\"\"\",\"two\nlines\",\" blank \","
                        "\"\r\"\r\n,z\r\n");
    sk_err e = SK_ERR_INIT;
    assert_int_equal(read_rows(b.p, b.len, 9, &out, &e), SK_OK);
    assert_string_equal(out.p, "2|a||x,y|say \"hi\"|two\nlines| blank |\r;4!;");
    sk_csv_field f = sk_csv_trim((sk_csv_field){" \tx y\t", 6});
    assert_true(sk_csv_is(f, "x y"));
    assert_true(sk_csv_is(sk_csv_trim((sk_csv_field){"  ", 2}), ""));
    sk_buf_fini(&b);
    sk_buf_fini(&out);
}

static sk_status read_starved(void *arg, sk_err *e)
{
    sk_buf *out = arg;
    sk_status st = read_rows("a,b\n1,\"2\n\"\n3,4\n", 15, 3, out, e);
    if (!st && !sk_buf_ok(out)) st = sk_fail(e, SK_E_NOMEM, "the test's own buffer");
    sk_buf_fini(out);
    return st;
}

/* Each allocation can fail: an error, and nothing held. */
static void out_of_memory(void **state)
{
    (void)state;
    sk_buf out = SK_BUF_INIT;
    unit_starve(read_starved, &out, 50, UNIT_TOLD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows),
        cmocka_unit_test(quotes),
        cmocka_unit_test(what_is_broken),
        cmocka_unit_test(headers),
        cmocka_unit_test(long_rows),
        cmocka_unit_test(flat),
        cmocka_unit_test_setup_teardown(files, unit_dir_make, unit_dir_remove),
        cmocka_unit_test(writing),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
