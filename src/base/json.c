/* json.c - strict parsing over jansson; writing is json_text.c. */
#include "base/json.h"

#include "base/mem.h"

#include <assert.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

/* Blocks that jansson asked for and did not get, in all threads. */
static atomic_ulong missed;

/* Blocks for jansson, so that its memory is counted and can be made to fail like all other. */
static void *json_block(size_t n)
{
    void *p = sk_alloc_small(SK_MEM_REQUEST, n);
    if (!p) atomic_fetch_add(&missed, 1);
    return p;
}

/* Runs before main, hence before jansson has made any block. */
__attribute__((constructor)) void sk_json_memory(void)
{
    json_set_alloc_funcs(json_block, sk_free);
}

/* Place of byte `at` of p: line and column, both from 1. */
static void place_of(const char *p, size_t at, int *line, int *column)
{
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < at; i++) {
        bool end = p[i] == '\n';
        *line += end;
        *column = end ? 1 : *column + 1;
    }
}

/* Refuses text nested too deep before the parser recurses into it.  Brackets within strings don't
 * count; text that is no JSON at all is left for the parser to refuse. */
static sk_status check_depth(const char *p, size_t n, int max_depth, sk_err *e)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < n; i++) {
        if (in_string) {
            if (p[i] == '\\')
                i++;
            else if (p[i] == '"')
                in_string = false;
            continue;
        }
        if (p[i] == '"') in_string = true;
        if (p[i] == ']' || p[i] == '}') depth--;
        if (p[i] != '[' && p[i] != '{') continue;
        if (++depth <= max_depth) continue;
        int line, column;
        place_of(p, i, &line, &column);
        return sk_fail(e, SK_E_INVALID, "JSON line %d column %d: nested more than %d deep", line,
                       column, max_depth);
    }
    return SK_OK;
}

/* Refuses a NUL byte, which JSON has no place for and jansson passes over behind a number. */
static sk_status check_nul(const char *p, size_t n, sk_err *e)
{
    const char *nul = n ? memchr(p, 0, n) : NULL;
    if (!nul) return SK_OK;
    int line, column;
    place_of(p, (size_t)(nul - p), &line, &column);
    return sk_fail(e, SK_E_INVALID, "JSON line %d column %d: a NUL byte", line, column);
}

/* Parses n bytes as one JSON value. */
sk_status sk_json_parse(const char *p, size_t n, int max_depth, json_t **out, sk_err *e)
{
    sk_status st = check_nul(p, n, e);
    if (!st) st = check_depth(p, n, max_depth, e);
    if (st) return st;
    json_error_t err;
    unsigned long before = atomic_load(&missed);
    json_t *v = json_loadb(p, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &err);
    if (v) {
        *out = v;
        return SK_OK;
    }
    /* The parser takes a token it had no memory for as one that is wrong. */
    if (json_error_code(&err) == json_error_out_of_memory || atomic_load(&missed) != before)
        return sk_fail(e, SK_E_NOMEM, "no memory to read %zu bytes of JSON", n);
    /* The parser quotes what it choked on, and that may be anything: only its own words are passed
     * on. */
    char *near = strstr(err.text, " near '");
    if (near) *near = 0;
    return sk_fail(e, SK_E_INVALID, "JSON line %d column %d: %s", err.line > 0 ? err.line : 1,
                   err.column > 0 ? err.column : 1, err.text);
}

/* jansson hands out its text piece by piece. */
static int add_text(const char *p, size_t n, void *to)
{
    sk_buf_add(to, p, n);
    return 0;
}

bool sk_json_dump(const json_t *v, size_t flags, sk_buf *to)
{
    unsigned long before = atomic_load(&missed);
    int bad = json_dump_callback(v, add_text, to, flags);
    return !bad && atomic_load(&missed) == before && sk_buf_ok(to);
}

static bool is_blank(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] != ' ' && s[i] != '\t' && s[i] != '\r') return false;
    return true;
}

sk_status sk_json_lines(const char *name, const char *text, size_t n, int max_depth,
                        sk_json_line_fn fn, void *arg, sk_err *e)
{
    size_t number = 1;
    for (size_t at = 0, len; at < n; at += len + 1, number++) {
        const char *line = text + at, *nl = memchr(line, '\n', n - at);
        json_t *value;
        len = nl ? (size_t)(nl - line) : n - at;
        if (is_blank(line, len)) continue;
        sk_status st = sk_json_parse(line, len, max_depth, &value, e);
        if (!st) {
            st = fn(arg, value, number, e);
            json_decref(value);
        }
        if (st) return sk_while(e, "%s:%zu", name, number);
    }
    return SK_OK;
}

/* The member of obj, NULL when absent or null.  Anything else than an object has no members. */
static json_t *member(json_t *obj, const char *key)
{
    assert(obj && key);
    json_t *v = json_object_get(obj, key);
    return json_is_null(v) ? NULL : v;
}

/* Integer member within [min, max]; 3.0 counts as 3, as some clients send it. */
sk_status sk_json_get_int(json_t *obj, const char *key, int64_t min, int64_t max, int64_t *out,
                          sk_err *e)
{
    json_t *v = member(obj, key);
    if (!v) return SK_OK;
    double d = json_is_real(v) ? json_real_value(v) : 0.5;
    bool whole = d == floor(d) && fabs(d) <= 0x1p53;
    if (!json_is_integer(v) && !whole)
        return sk_fail(e, SK_E_INVALID, "'%s' must be a whole number", key);
    int64_t i = json_is_integer(v) ? (int64_t)json_integer_value(v) : (int64_t)d;
    if (i < min || i > max)
        return sk_fail(e, SK_E_INVALID, "'%s' must be from %lld to %lld, it is %lld", key,
                       (long long)min, (long long)max, (long long)i);
    *out = i;
    return SK_OK;
}

/* Number member within [min, max]. */
sk_status sk_json_get_num(json_t *obj, const char *key, double min, double max, double *out,
                          sk_err *e)
{
    json_t *v = member(obj, key);
    if (!v) return SK_OK;
    if (!json_is_number(v)) return sk_fail(e, SK_E_INVALID, "'%s' must be a number", key);
    double d = json_number_value(v);
    if (!(d >= min && d <= max))
        return sk_fail(e, SK_E_INVALID, "'%s' must be from %g to %g, it is %g", key, min, max, d);
    *out = d;
    return SK_OK;
}

/* Boolean member. */
sk_status sk_json_get_bool(json_t *obj, const char *key, bool *out, sk_err *e)
{
    json_t *v = member(obj, key);
    if (!v) return SK_OK;
    if (!json_is_boolean(v)) return sk_fail(e, SK_E_INVALID, "'%s' must be true or false", key);
    *out = json_is_true(v);
    return SK_OK;
}

/* String member, borrowed; one with a NUL inside is refused, since it would end there. */
sk_status sk_json_get_str(json_t *obj, const char *key, const char **out, sk_err *e)
{
    json_t *v = member(obj, key);
    if (!v) return SK_OK;
    if (!json_is_string(v)) return sk_fail(e, SK_E_INVALID, "'%s' must be a string", key);
    const char *s = json_string_value(v);
    if (strlen(s) != json_string_length(v))
        return sk_fail(e, SK_E_INVALID, "'%s' must not contain \\u0000", key);
    *out = s;
    return SK_OK;
}
