/* schema_doc.c - reading a schema's JSON, and finding what a reference means. */
#include "engine/grammar/schema_doc.h"
#include "base/json.h"
#include "engine/grammar/bytes.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A document being read. */
typedef struct reading {
    eng_sdoc *d;
    eng_jscan s;
} reading;

static bool no_memory(reading *r)
{
    if (!r->s.st) r->s.st = sk_fail(r->s.e, SK_E_NOMEM, "no memory for the schema");
    return false;
}

static bool copy_str(reading *r, const sk_buf *b, eng_str *out)
{
    const char *p = sk_buf_ok(b) ? sk_arena_strndup(r->d->mem, b->len ? b->p : "", b->len) : NULL;
    if (!p) return no_memory(r);
    *out = (eng_str){p, b->len};
    return true;
}

static bool read_value(reading *r, int depth, eng_sval **out);

/* Members or elements up to the closing bracket. */
static bool read_children(reading *r, int depth, eng_sval *o)
{
    bool first = true, object = o->kind == '{';
    eng_sval **tail = &o->child;
    sk_buf key = SK_BUF_INIT;
    (void)eng_jscan_open(&r->s, o->kind);
    while (!r->s.st &&
           (object ? eng_jscan_member(&r->s, &first, &key) : eng_jscan_element(&r->s, &first))) {
        if (!read_value(r, depth + 1, tail)) break;
        if (object && !copy_str(r, &key, &(*tail)->key)) break;
        tail = &(*tail)->next;
    }
    sk_buf_fini(&key);
    return !r->s.st;
}

/* A string without its escapes, or a number with the text it was written by. */
static bool read_text(reading *r, eng_sval *o)
{
    sk_buf b = SK_BUF_INIT;
    eng_str raw;
    bool ok = true;
    if (o->kind == '"') {
        ok = eng_jscan_string(&r->s, &b);
    } else {
        const char *from = (eng_jscan_peek(&r->s), r->s.p);
        ok = eng_jscan_num(&r->s, &o->num);
        raw = (eng_str){from, (size_t)(r->s.p - from)};
        /* "0.10000000000000001" is what some writers make of 0.1: a number is taken as the double
         * that it is, and that has a shortest form. */
        if (ok && raw.n > 15 && raw.n < 40 && memchr(raw.p, '.', raw.n))
            sk_json_add_num(&b, o->num);
        else if (ok)
            sk_buf_add(&b, raw.p, raw.n);
    }
    ok = ok && copy_str(r, &b, &o->str);
    sk_buf_fini(&b);
    return ok;
}

/* One of the three words. */
static bool read_word(reading *r, char kind)
{
    const char *word = kind == 't' ? "true" : kind == 'f' ? "false" : "null";
    size_t n = strlen(word);
    if ((size_t)(r->s.end - r->s.p) < n || memcmp(r->s.p, word, n) != 0)
        return eng_jscan_fail(&r->s, "a value expected");
    r->s.p += n;
    return true;
}

/* One value by its first byte. */
static bool read_value(reading *r, int depth, eng_sval **out)
{
    if (depth > ENG_SCHEMA_DEPTH || r->d->n >= ENG_SCHEMA_NODES)
        return eng_jscan_fail(&r->s, "a value that is too deep or too large");
    eng_sval *o = eng_sval_new(r->d, 0, NULL, NULL);
    if (!o) return no_memory(r);
    *out = o;
    o->kind = eng_jscan_peek(&r->s);
    switch (o->kind) {
    case '{':
    case '[':
        return read_children(r, depth, o);
    case 't':
    case 'f':
    case 'n':
        return read_word(r, o->kind);
    default:
        if (o->kind != '"') o->kind = '0';
        return read_text(r, o);
    }
}

/* The draft by "$schema"; the newest without one. */
static int draft_of(const eng_sval *root)
{
    static const struct {
        const char *text;
        int draft;
    } known[] = {{"draft-03", 4}, {"draft-04", 4},   {"draft-06", 6},
                 {"draft-07", 7}, {"2019-09", 2019}, {"2020-12", 2020}};
    const eng_sval *v = eng_sval_get(root, "$schema");
    if (v && v->kind == '"')
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            if (strstr(v->str.p, known[i].text)) return known[i].draft;
    return 2020;
}

sk_status eng_sdoc_read(eng_sdoc *d, const char *text, size_t n, sk_err *e)
{
    reading r = {.d = d};
    eng_jscan_init(&r.s, text, n, "the schema", e);
    bool ok = read_value(&r, 0, &d->root);
    if (ok && !eng_jscan_end(&r.s)) (void)eng_jscan_fail(&r.s, "something behind the schema");
    if (r.s.st == SK_E_FORMAT) r.s.st = e ? (e->status = SK_E_INVALID) : SK_E_INVALID;
    if (!r.s.st) d->draft = draft_of(d->root);
    return r.s.st;
}

const eng_sval *eng_sval_get(const eng_sval *o, const char *key)
{
    if (!o || o->kind != '{') return NULL;
    size_t n = strlen(key);
    for (const eng_sval *c = o->child; c; c = c->next)
        if (c->key.n == n && !memcmp(c->key.p, key, n)) return c;
    return NULL;
}

size_t eng_sval_size(const eng_sval *o)
{
    size_t n = 0;
    for (const eng_sval *c = o ? o->child : NULL; c; c = c->next)
        n++;
    return n;
}

static bool equal_members(const eng_sval *a, const eng_sval *b)
{
    for (const eng_sval *x = a->child; x; x = x->next) {
        const eng_sval *y = b->child;
        while (y && (y->key.n != x->key.n || memcmp(x->key.p, y->key.p, x->key.n) != 0))
            y = y->next;
        if (!y || !eng_sval_equal(x, y)) return false;
    }
    return eng_sval_size(a) == eng_sval_size(b);
}

bool eng_sval_equal(const eng_sval *a, const eng_sval *b)
{
    if (a->kind != b->kind) return false;
    if (a->kind == '0') return a->num == b->num;
    if (a->kind == '"') return a->str.n == b->str.n && !memcmp(a->str.p, b->str.p, a->str.n);
    if (a->kind == '{') return equal_members(a, b);
    if (a->kind != '[') return true;
    const eng_sval *x = a->child, *y = b->child;
    for (; x && y; x = x->next, y = y->next)
        if (!eng_sval_equal(x, y)) return false;
    return !x && !y;
}

/* ---- references ---- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The next byte of a pointer's token: %XX and ~0, ~1 undone; -1 at the token's end. */
static int next_byte(const char **p, const char *end)
{
    if (*p == end || **p == '/') return -1;
    char c = *(*p)++;
    if (c == '%' && end - *p >= 2 && hex_value((*p)[0]) >= 0 && hex_value((*p)[1]) >= 0) {
        c = (char)(hex_value((*p)[0]) * 16 + hex_value((*p)[1]));
        *p += 2;
    }
    if (c == '~' && *p < end && (**p == '0' || **p == '1')) c = *(*p)++ == '0' ? '~' : '/';
    return (uint8_t)c;
}

static bool key_is(const char *p, const char *end, const eng_str *key)
{
    size_t i = 0;
    for (int c; (c = next_byte(&p, end)) >= 0; i++)
        if (i >= key->n || (uint8_t)key->p[i] != c) return false;
    return i == key->n;
}

/* The child that the token at p names. */
static const eng_sval *child_of(const eng_sval *v, const char *p, const char *end)
{
    const eng_sval *c = v->child;
    size_t i = 0;
    if (v->kind == '[') {
        for (; p < end && *p >= '0' && *p <= '9' && i < ENG_SCHEMA_NODES; p++)
            i = i * 10 + (size_t)(*p - '0');
        while (c && i--)
            c = c->next;
        return c;
    }
    while (c && !key_is(p, end, &c->key))
        c = c->next;
    return v->kind == '{' ? c : NULL;
}

/* "/a/b" from v on. */
static const eng_sval *by_pointer(const eng_sval *v, const char *p, const char *end)
{
    while (v && p < end) {
        if (*p++ != '/') return NULL;
        v = child_of(v, p, end);
        while (next_byte(&p, end) >= 0) {
        }
    }
    return v;
}

static bool text_is(const eng_sval *v, const char *p, size_t n)
{
    return v && v->kind == '"' && v->str.n == n && !memcmp(v->str.p, p, n);
}

/* The object that calls itself `name`: by "$anchor", or by an "$id" (or "id") of "#name". */
static const eng_sval *by_anchor(const eng_sval *v, const char *name, size_t n)
{
    if (v->kind == '{') {
        if (text_is(eng_sval_get(v, "$anchor"), name, n)) return v;
        static const char *const key[] = {"$id", "id"};
        for (int i = 0; i < 2; i++) {
            const eng_sval *id = eng_sval_get(v, key[i]);
            bool hash = id && id->kind == '"' && id->str.n == n + 1 && id->str.p[0] == '#';
            if (hash && !memcmp(id->str.p + 1, name, n)) return v;
        }
    }
    for (const eng_sval *c = v->child; c; c = c->next) {
        if (c->kind != '{' && c->kind != '[') continue;
        const eng_sval *found = by_anchor(c, name, n);
        if (found) return found;
    }
    return NULL;
}

/* The object whose "$id" is the text p[0..n) or ends in "/" and it. */
static const eng_sval *by_id(const eng_sval *v, const char *p, size_t n)
{
    static const char *const key[] = {"$id", "id"};
    for (int i = 0; v->kind == '{' && i < 2; i++) {
        const eng_sval *id = eng_sval_get(v, key[i]);
        if (!id || id->kind != '"') continue;
        size_t k = id->str.n;
        if (k && id->str.p[k - 1] == '#') k--;
        bool whole = k == n && !memcmp(id->str.p, p, n);
        bool end = k > n && id->str.p[k - n - 1] == '/' && !memcmp(id->str.p + k - n, p, n);
        if (whole || end) return v;
    }
    for (const eng_sval *c = v->child; c; c = c->next) {
        if (c->kind != '{' && c->kind != '[') continue;
        const eng_sval *found = by_id(c, p, n);
        if (found) return found;
    }
    return NULL;
}

const eng_sval *eng_sdoc_ref(const eng_sdoc *d, const eng_str *ref)
{
    const char *hash = memchr(ref->p, '#', ref->n);
    size_t n = hash ? (size_t)(hash - ref->p) : ref->n;
    const eng_sval *v = n ? by_id(d->root, ref->p, n) : d->root;
    if (!v || !hash) return v;
    const char *p = hash + 1, *end = ref->p + ref->n;
    if (p == end || *p == '/') return by_pointer(v, p, end);
    return by_anchor(v, p, (size_t)(end - p));
}

/* ---- places ---- */

/* Appends the way from v to `to`; false, and out as it was, if it isn't below. */
static bool find(const eng_sval *v, const eng_sval *to, sk_buf *out)
{
    if (v == to) return true;
    size_t len = out->len, i = 0;
    for (const eng_sval *c = v->child; c; c = c->next, i++) {
        if (v->kind == '{')
            sk_buf_addf(out, "/%s", c->key.p);
        else
            sk_buf_addf(out, "/%zu", i);
        if (find(c, to, out)) return true;
        if (out->p) out->p[len] = 0;
        out->len = len;
    }
    return false;
}

void eng_sdoc_path(const eng_sdoc *d, const eng_sval *v, char *out, size_t n)
{
    sk_buf b = SK_BUF_INIT;
    while (v && v->origin)
        v = v->origin;
    bool found = v && find(d->root, v, &b);
    (void)snprintf(out, n, "#%s", found && b.p ? b.p : "");
    sk_buf_fini(&b);
}

/* ---- making values ---- */

eng_sval *eng_sval_new(eng_sdoc *d, char kind, const char *key, const eng_sval *origin)
{
    eng_sval *v = d->n < 8 * ENG_SCHEMA_NODES ? sk_new(d->mem, eng_sval) : NULL;
    if (!v) return NULL;
    v->kind = kind;
    v->id = d->n++;
    v->key = (eng_str){key ? key : "", key ? strlen(key) : 0};
    v->str = (eng_str){"", 0};
    v->origin = origin;
    return v;
}

static eng_sval *hang(eng_sval *o, eng_sval *v)
{
    eng_sval **tail = &o->child;
    while (*tail)
        tail = &(*tail)->next;
    *tail = v;
    return v;
}

eng_sval *eng_sval_put(eng_sdoc *d, eng_sval *o, const char *key, const eng_sval *v)
{
    eng_sval *c = o && v ? eng_sval_new(d, v->kind, key, v->origin ? v->origin : v) : NULL;
    if (!c) return NULL;
    c->str = v->str;
    c->num = v->num;
    c->child = v->child;
    return hang(o, c);
}

eng_sval *eng_sval_put_str(eng_sdoc *d, eng_sval *o, const char *key, const eng_str *s)
{
    eng_sval *c = o ? eng_sval_new(d, '"', key, o->origin) : NULL;
    if (!c) return NULL;
    c->str = *s;
    return hang(o, c);
}
