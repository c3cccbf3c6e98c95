/* clean.c - text out of JSON lines and doubtful bytes. */
#include "engine/data/clean.h"

#include "base/json.h"
#include "engine/token/jscan.h"

#include <assert.h>
#include <string.h>

/* Walks the members; the wanted one is read, the others are passed.  True when it was there. */
static bool walk(eng_jscan *s, const char *field, sk_buf *key, sk_buf *out)
{
    bool first = true, found = false;
    size_t n = strlen(field);
    while (eng_jscan_member(s, &first, key)) {
        if (key->len != n || (n && memcmp(key->p, field, n) != 0)) {
            (void)eng_jscan_skip(s, NULL);
            continue;
        }
        if (found) return eng_jscan_fail(s, "the member is there twice");
        if (eng_jscan_peek(s) != '"') return eng_jscan_fail(s, "the member is not a string");
        found = eng_jscan_string(s, out);
    }
    return found;
}

/* The scanner's own sentence names a file and a line; a line of JSONL has the caller's. */
static sk_status reason(const sk_err *why, const char *field, sk_err *e)
{
    const char *text = strstr(why->text, ": ");
    if (why->status == SK_E_NOMEM) return sk_fail(e, SK_E_NOMEM, "no memory for a line of JSON");
    return sk_fail(e, SK_E_FORMAT, "not a JSON object with a string \"%s\" (%s)", field,
                   text ? text + 2 : why->text);
}

/* The string that the object has as member `field`. */
sk_status eng_clean_json(const char *line, size_t n, const char *field, sk_buf *out, sk_err *e)
{
    sk_err why = SK_ERR_INIT;
    eng_jscan s;
    sk_buf key = SK_BUF_INIT;
    size_t before = out->len;
    eng_jscan_init(&s, line, n, "line", &why);
    bool found = eng_jscan_open(&s, '{') && walk(&s, field, &key, out);
    if (!s.st && !eng_jscan_end(&s)) (void)eng_jscan_fail(&s, "more behind the object");
    if (!s.st && !found) (void)eng_jscan_fail(&s, "no such member");
    sk_buf_fini(&key);
    if (!s.st && sk_buf_ok(out)) return SK_OK;
    if (out->p) out->p[out->len = before] = 0;
    if (!s.st) return sk_fail(e, SK_E_NOMEM, "no memory for a document");
    return reason(&why, field, e);
}

/* Bytes of the valid sequence at s, 0 if there is none. */
static size_t sequence(const char *s, size_t n)
{
    unsigned char c = (unsigned char)*s;
    size_t want = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    return want <= n && sk_utf8_valid(s, want) ? want : 0;
}

/* Runs of valid bytes are copied whole. */
bool eng_clean_utf8(const char *s, size_t n, sk_buf *out)
{
    size_t from = 0;
    if (sk_utf8_valid(s, n)) return false;
    for (size_t i = 0; i < n;) {
        size_t k = sequence(s + i, n - i);
        if (k) {
            i += k;
            continue;
        }
        sk_buf_add(out, s + from, i - from);
        sk_buf_adds(out, "\xEF\xBF\xBD");
        from = ++i;
    }
    sk_buf_add(out, s + from, n - from);
    return true;
}

/* Length of the first part. */
size_t eng_clean_cut(const char *s, size_t n, size_t max)
{
    assert(n > 0 && max >= 4);
    if (n <= max) return n;
    const char *end = memrchr(s, '\n', max);
    if (end) return (size_t)(end - s) + 1;
    size_t k = sk_utf8_complete(s, max);
    return k ? k : max;
}
