/* json.c - strict parsing over jansson; writing is json_text.c. */
#include "base/json.h"

#include "base/mem.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Memory set aside while a text is parsed.  jansson 2.14 looks for the end of a string in a buffer
 * that it may have failed to grow, and so runs past it; what fails while it parses is therefore
 * taken from here, and the text is then cut off (read_some), so that little more is needed. */
static _Thread_local struct {
    char *begin, *at, *end;
} spare;

/* Blocks for jansson, so that its memory is counted and can be made to fail like all other. */
static void *json_block(size_t n)
{
    void *p = sk_alloc_small(SK_MEM_REQUEST, n);
    assert(spare.at <= spare.end);
    size_t whole = (n + 15) / 16 * 16;
    if (p || whole < n || whole > (size_t)(spare.end - spare.at)) return p;
    p = spare.at;
    spare.at += whole;
    return p;
}

static void json_give(void *p)
{
    bool spared = spare.begin && (uintptr_t)p >= (uintptr_t)spare.begin &&
                  (uintptr_t)p < (uintptr_t)spare.end;
    if (!spared) sk_free(p);
}

/* Runs before main, hence before jansson has made any block. */
__attribute__((constructor)) void sk_json_memory(void)
{
    json_set_alloc_funcs(json_block, json_give);
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

/* A text under way. */
typedef struct reader {
    const char *p;
    size_t n;
    unsigned long missed; /* sk_mem_missed before it */
} reader;

/* jansson's next bytes; none after it had no memory for something. */
static size_t read_some(void *to, size_t room, void *arg)
{
    reader *r = arg;
    size_t n = r->n < room ? r->n : room;
    if (!n || r->missed != sk_mem_missed()) return 0;
    memcpy(to, r->p, n);
    r->p += n;
    r->n -= n;
    return n;
}

/* What may be needed once something has failed: the values of the 1024 bytes that jansson has read
 * already, and a buffer for the longest string. */
#define SPARE_BYTES ((size_t)96 << 10)

/* Parses by jansson; false without memory, else *out is NULL where err says why. */
static bool load(const char *p, size_t n, json_t **out, json_error_t *err)
{
    reader r = {p, n, sk_mem_missed()};
    assert(!spare.begin && "a text is parsed inside another");
    spare.begin = spare.at = sk_alloc(SK_MEM_REQUEST, SPARE_BYTES + 2 * n);
    if (!spare.begin) return false;
    spare.end = spare.begin + SPARE_BYTES + 2 * n;
    json_t *v = json_load_callback(read_some, &r,
                                   JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, err);
    bool ok = r.missed == sk_mem_missed();
    if (!ok) json_decref(v);
    sk_free(spare.begin);
    memset(&spare, 0, sizeof spare);
    *out = ok ? v : NULL;
    return ok;
}

/* Parses n bytes as one JSON value. */
sk_status sk_json_parse(const char *p, size_t n, int max_depth, json_t **out, sk_err *e)
{
    sk_status st = check_nul(p, n, e);
    if (!st) st = check_depth(p, n, max_depth, e);
    if (st) return st;
    json_error_t err;
    json_t *v = NULL;
    /* The parser takes a token it had no memory for as one that is wrong. */
    if (!load(p, n, &v, &err))
        return sk_fail(e, SK_E_NOMEM, "no memory to read %zu bytes of JSON", n);
    if (v) {
        *out = v;
        return SK_OK;
    }
    /* The parser quotes what it choked on, and that may be anything: only its own words are passed
     * on. */
    char *near = strstr(err.text, " near '");
    if (near) *near = 0;
    return sk_fail(e, SK_E_INVALID, "JSON line %d column %d: %s", err.line > 0 ? err.line : 1,
                   err.column > 0 ? err.column : 1, err.text);
}

json_t *sk_json_str(const char *s, size_t n)
{
    json_t *v = NULL;
    sk_buf text = SK_BUF_INIT;
    sk_json_add_str(&text, s, n);
    if (!sk_buf_ok(&text) || sk_json_parse(text.p, text.len, 1, &v, NULL)) v = NULL;
    sk_buf_fini(&text);
    return v;
}

/* jansson hands out its text piece by piece. */
static int add_text(const char *p, size_t n, void *to)
{
    sk_buf_add(to, p, n);
    return 0;
}

bool sk_json_dump(const json_t *v, size_t flags, sk_buf *to)
{
    unsigned long before = sk_mem_missed();
    int bad = json_dump_callback(v, add_text, to, flags);
    return !bad && sk_mem_missed() == before && sk_buf_ok(to);
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
