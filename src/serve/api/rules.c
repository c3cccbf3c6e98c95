/* rules.c - keeps compiled grammars; guides answers by them. */
#include "serve/api/rules.h"

#include "base/mem.h"
#include "base/sha256.h"

#include <assert.h>
#include <string.h>

/* Grammars kept when nobody uses them. */
#define KEEP 32u

/* ... and their bytes, states and masks that were learnt included. */
#define KEEP_BYTES ((size_t)256 << 20)

/* Bytes a schema, grammar or pattern may have. */
#define MAX_TEXT ((size_t)256 << 10)

struct srv_rule_ref {
    uint8_t hash[SK_SHA256_BYTES];
    srv_rule kind;
    eng_grammar *g;
    size_t users;
    uint64_t used; /* counts uses */
};

struct srv_rules {
    const srv_engine *eng;
    srv_rule_ref *ref[2 * KEEP];
    size_t n;
    uint64_t uses;
};

srv_rules *srv_rules_new(const srv_engine *eng)
{
    srv_rules *r = sk_calloc(SK_MEM_REQUEST, 1, sizeof *r);
    if (r) r->eng = eng;
    return r;
}

static void ref_free(srv_rule_ref *ref)
{
    assert(!ref->users);
    eng_grammar_close(ref->g);
    sk_free(ref);
}

void srv_rules_free(srv_rules *r)
{
    if (!r) return;
    for (size_t i = 0; i < r->n; i++)
        ref_free(r->ref[i]);
    sk_free(r);
}

/* Bytes of those that nobody uses. */
static size_t unused_bytes(const srv_rules *r)
{
    size_t sum = 0;
    for (size_t i = 0; i < r->n; i++)
        if (!r->ref[i]->users) sum += eng_grammar_bytes(r->ref[i]->g);
    return sum;
}

/* Drops the one unused for longest while there are more than `most`, or too many bytes. */
static void shrink(srv_rules *r, size_t most)
{
    while (r->n > most || unused_bytes(r) > KEEP_BYTES) {
        size_t at = r->n;
        for (size_t i = 0; i < r->n; i++)
            if (!r->ref[i]->users && (at == r->n || r->ref[i]->used < r->ref[at]->used)) at = i;
        if (at == r->n) return;
        ref_free(r->ref[at]);
        r->ref[at] = r->ref[--r->n];
    }
}

/* Compiles; the sentence of a refusal is the grammar's. */
static sk_status compile(srv_rules *r, srv_rule kind, const char *text, size_t n, const char *field,
                         eng_grammar **out, srv_fault *f)
{
    sk_err e = SK_ERR_INIT;
    if (n > MAX_TEXT)
        return srv_fail(f, SRV_BAD_VALUE, field, "'%s' has %zu bytes; at most %zu are read", field,
                        n, MAX_TEXT);
    sk_status st = r->eng->rule(r->eng->self, kind, text, n, out, &e);
    if (!st) return SK_OK;
    (void)srv_fail_err(f, &e);
    if (f->code == SRV_BAD_VALUE || f->code == SRV_UNSUPPORTED)
        return srv_fail(f, f->code, field, "'%s': %s", field, e.text);
    return st;
}

sk_status srv_rules_get(srv_rules *r, srv_rule kind, const char *text, size_t n, const char *field,
                        srv_rule_ref **out, srv_fault *f)
{
    uint8_t hash[SK_SHA256_BYTES];
    sk_sha256_of(text, n, hash);
    srv_rule_ref *ref = NULL;
    for (size_t i = 0; i < r->n && !ref; i++)
        if (r->ref[i]->kind == kind && memcmp(r->ref[i]->hash, hash, sizeof hash) == 0)
            ref = r->ref[i];
    if (!ref) {
        eng_grammar *g = NULL;
        shrink(r, KEEP - 1);
        if (r->n == sizeof r->ref / sizeof *r->ref) {
            f->retry_s = 1;
            return srv_fail(f, SRV_OVERLOADED, field, "too many grammars are in use; try again");
        }
        sk_status st = compile(r, kind, text, n, field, &g, f);
        if (st) return st;
        ref = sk_calloc(SK_MEM_REQUEST, 1, sizeof *ref);
        if (!ref) {
            eng_grammar_close(g);
            return srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for a grammar");
        }
        memcpy(ref->hash, hash, sizeof hash);
        ref->kind = kind;
        ref->g = g;
        r->ref[r->n++] = ref;
    }
    ref->users++;
    ref->used = ++r->uses;
    *out = ref;
    return SK_OK;
}

void srv_rules_put(srv_rules *r, srv_rule_ref *ref)
{
    (void)r;
    if (!ref) return;
    assert(ref->users);
    ref->users--;
}

/* ---- guides ---- */

/* One answer's.  While it is off anything may be said, and `tail` has the last bytes of that; but
 * an answer that has to come to its rule may not end before: then `mask` has all but the ends. */
typedef struct guide {
    const srv_engine *eng;
    eng_matcher *m;
    srv_rule_when when;
    bool on;
    size_t n_tail;
    char tail[64];
    uint64_t mask[];
} guide;

static void guide_free(void *self)
{
    guide *g = self;
    eng_matcher_free(g->m);
    sk_free(g);
}

/* NULL without an error: anything. */
static const uint64_t *guide_mask(void *self, sk_err *e)
{
    guide *g = self;
    if (g->on) return eng_matcher_mask(g->m, g->mask, e) ? NULL : g->mask;
    return g->when.after && !g->when.again && !g->when.first ? g->mask : NULL;
}

/* The mark was said: turns the guide on.  What the token that ended the mark says beyond it belongs
 * to the grammar; where that does not fit, this is no mark. */
static void turn_on(guide *g, const char *p, size_t n)
{
    sk_err e = SK_ERR_INIT;
    const char *mark = g->when.after;
    eng_matcher_reset(g->m);
    g->n_tail = 0;
    g->on = !g->when.first || eng_matcher_accept_bytes(g->m, mark, strlen(mark), &e) == SK_OK;
    if (g->on) g->on = eng_matcher_accept_bytes(g->m, p, n, &e) == SK_OK;
    if (!g->on && g->when.first) g->when.after = NULL;
}

/* The beginning of an answer was said, n bytes more of it: blanks, then the mark, or never. */
static void listen_first(guide *g, const char *p, size_t n)
{
    const char *mark = g->when.after;
    for (size_t i = 0; i < n; i++) {
        if (!g->n_tail && strchr(" \n\r\t", p[i])) continue;
        if (p[i] != mark[g->n_tail++]) {
            g->when.after = NULL;
            return;
        }
        if (mark[g->n_tail]) continue;
        turn_on(g, p + i + 1, n - i - 1);
        return;
    }
}

/* Bytes were said while it was off: turns it on behind the mark. */
static void listen(guide *g, const char *p, size_t n)
{
    size_t len = strlen(g->when.after);
    if (g->when.first) {
        listen_first(g, p, n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (g->n_tail == sizeof g->tail) memmove(g->tail, g->tail + 1, --g->n_tail);
        g->tail[g->n_tail++] = p[i];
        if (g->n_tail < len || memcmp(g->tail + g->n_tail - len, g->when.after, len) != 0) continue;
        turn_on(g, p + i + 1, n - i - 1);
        return;
    }
}

static sk_status guide_take(void *self, int32_t id, sk_err *e)
{
    guide *g = self;
    size_t n = 0;
    if (!g->on && !g->when.after) return SK_OK;
    if (!g->on) {
        const char *p = g->eng->piece_all(g->eng->self, id, &n);
        listen(g, p, n);
        return SK_OK;
    }
    sk_status st = eng_matcher_accept(g->m, id, e);
    if (!st && g->when.again && eng_matcher_complete(g->m)) g->on = false;
    return st;
}

/* All tokens but those that end an answer. */
static void allow_all(guide *g)
{
    for (size_t i = 0; i < g->eng->n_vocab; i++)
        if (!g->eng->is_end(g->eng->self, (int32_t)i)) g->mask[i / 64] |= UINT64_C(1) << i % 64;
}

sk_status srv_rules_guide(srv_rule_ref *ref, const srv_engine *eng, const srv_rule_when *when,
                          srv_job *j, srv_fault *f)
{
    sk_err e = SK_ERR_INIT;
    size_t words = (eng->n_vocab + 63) / 64;
    assert(!when->after || strlen(when->after) < sizeof((guide *)NULL)->tail);
    guide *g = sk_calloc(SK_MEM_REQUEST, 1, sizeof *g + words * sizeof *g->mask);
    if (!g) return srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the request");
    g->eng = eng;
    g->when = *when;
    g->on = !when->after;
    if (eng_matcher_new(ref->g, &g->m, &e)) {
        sk_free(g);
        return srv_fail_err(f, &e);
    }
    if (when->after && !when->again && !when->first) allow_all(g);
    j->guide = (srv_guide){.self = g, .mask = guide_mask, .take = guide_take, .free = guide_free};
    return SK_OK;
}

sk_status srv_rules_said(srv_job *j, const char *p, size_t n, const char *field, srv_fault *f)
{
    guide *g = j->guide.self;
    sk_err e = SK_ERR_INIT;
    if (!g) return SK_OK;
    if (!g->on) {
        if (g->when.after) listen(g, p, n);
        return SK_OK;
    }
    if (!eng_matcher_accept_bytes(g->m, p, n, &e)) return SK_OK;
    (void)srv_fail_err(f, &e);
    return f->code == SRV_BAD_VALUE
               ? srv_fail(f, f->code, field, "'%s' does not allow what the answer begins with: %s",
                          field, e.text)
               : srv_fail_err(f, &e);
}
