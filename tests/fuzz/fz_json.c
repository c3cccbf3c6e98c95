/* fz_json.c - any bytes as JSON: no crash, bounded depth, and what parses can be written and read
 * back. */
#include "base/json.h"

#include "base/mem.h"
#include "tests/fuzz/promise.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every string that comes out is UTF-8, and its JSON form reads back as the same bytes. */
static void check_string(const char *s, size_t n)
{
    sk_buf b = SK_BUF_INIT;
    json_t *back = NULL;
    sk_json_add_str(&b, s, n);
    must(sk_json_parse(b.p, b.len, 1, &back, NULL) == SK_OK);
    if (sk_utf8_valid(s, n)) {
        must(json_string_length(back) == n);
        must(n == 0 || memcmp(json_string_value(back), s, n) == 0);
    }
    json_decref(back);
    sk_buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *p = (const char *)data;
    sk_err e = SK_ERR_INIT;
    json_t *v = NULL;
    size_t whole = sk_utf8_complete(p, size);
    must(whole <= size && size - whole < 4);
    check_string(p, size);
    if (sk_json_parse(p, size, 16, &v, &e)) {
        must(e.status != SK_OK && e.text[0] && sk_utf8_valid(e.text, strlen(e.text)));
        return 0;
    }
    must(sk_utf8_valid(p, size));
    char *text = json_dumps(v, JSON_ENCODE_ANY);
    json_t *back = NULL;
    must(text && sk_json_parse(text, strlen(text), 16, &back, &e) == SK_OK);
    must(json_equal(v, back));
    sk_free(text);
    json_decref(back);
    json_decref(v);
    return 0;
}
