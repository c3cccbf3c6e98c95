/* rules.c - keeps compiled grammars; guides answers by them. */
#include "serve/api/rules.h"

#include "base/mem.h"
#include "base/sha256.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

/* Grammars kept when nobody uses them. */
#define KEEP 32u

/* ... and their bytes, states and masks that were learnt included. */
#define KEEP_BYTES ((size_t)256 << 20)

/* Bytes that a matcher is given at a time of what an answer begins with. */
#define PIECE 64u

/* Work that the taking of a token may do at once; most do none, since the mask has done it. */
#define TAKE_WORK 20000u

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
    pthread_mutex_t lock; /* of what follows, the users of each included */
    srv_rule_ref *ref[2 * KEEP];
    size_t n;
    uint64_t uses;
};

srv_rules *srv_rules_new(const srv_engine *eng)
{
    srv_rules *r = sk_calloc(SK_MEM_REQUEST, 1, sizeof *r);
    if (!r) return NULL;
    r->eng = eng;
    (void)pthread_mutex_init(&r->lock, NULL);
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
    (void)pthread_mutex_destroy(&r->lock);
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

/* Takes the one unused for longest out while there are more than `most`, or too many bytes: to be
 * freed without the lock.  NULL if there is none to go. */
static srv_rule_ref *shrink(srv_rules *r, size_t most)
{
    if (r->n <= most && unused_bytes(r) <= KEEP_BYTES) return NULL;
    size_t at = r->n;
    for (size_t i = 0; i < r->n; i++)
        if (!r->ref[i]->users && (at == r->n || r->ref[i]->used < r->ref[at]->used)) at = i;
    if (at == r->n) return NULL;
    srv_rule_ref *out = r->ref[at];
    r->ref[at] = r->ref[--r->n];
    return out;
}

/* The grammar of a hash if it is there, with one more user. */
static srv_rule_ref *find(srv_rules *r, srv_rule kind, const uint8_t hash[SK_SHA256_BYTES])
{
    for (size_t i = 0; i < r->n; i++) {
        srv_rule_ref *ref = r->ref[i];
        if (ref->kind != kind || memcmp(ref->hash, hash, sizeof ref->hash) != 0) continue;
        ref->users++;
        ref->used = ++r->uses;
        return ref;
    }
    return NULL;
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

/* Puts a new grammar in, with one user; the one that another thread has put in meanwhile, if there
 * is such.  NULL where there is no place. */
static srv_rule_ref *put_in(srv_rules *r, srv_rule_ref *mine)
{
    srv_rule_ref *old, *same;
    (void)pthread_mutex_lock(&r->lock);
    while (old = shrink(r, KEEP - 1), old) {
        (void)pthread_mutex_unlock(&r->lock);
        ref_free(old);
        (void)pthread_mutex_lock(&r->lock);
    }
    same = find(r, mine->kind, mine->hash);
    if (!same && r->n < sizeof r->ref / sizeof *r->ref) {
        mine->users = 1;
        mine->used = ++r->uses;
        r->ref[r->n++] = same = mine;
    }
    (void)pthread_mutex_unlock(&r->lock);
    if (same != mine) ref_free(mine);
    return same;
}

/* Compiled without the lock, which may take long; where another thread was faster with the same
 * text, put_in() gives that one and drops ours. */
sk_status srv_rules_get(srv_rules *r, srv_rule kind, const char *text, size_t n, const char *field,
                        srv_rule_ref **out, srv_fault *f)
{
    uint8_t hash[SK_SHA256_BYTES];
    eng_grammar *g = NULL;
    sk_sha256_of(text, n, hash);
    (void)pthread_mutex_lock(&r->lock);
    srv_rule_ref *ref = find(r, kind, hash);
    (void)pthread_mutex_unlock(&r->lock);
    if (!ref) {
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
        ref = put_in(r, ref);
    }
    if (!ref) {
        f->retry_s = 1;
        return srv_fail(f, SRV_OVERLOADED, field, "too many grammars are in use; try again");
    }
    *out = ref;
    return SK_OK;
}

void srv_rules_put(srv_rules *r, srv_rule_ref *ref)
{
    if (!ref) return;
    (void)pthread_mutex_lock(&r->lock);
    assert(ref->users);
    ref->users--;
    (void)pthread_mutex_unlock(&r->lock);
}

/* ---- guides ---- */

/* One answer's.  While it is off anything may be said, and `tail` has the last bytes of that; but
 * an answer that has to come to its rule may not end before: then `mask` has all but the ends. */
typedef struct guide {
    const srv_engine *eng;
    eng_matcher *m;
    srv_rule_when when;
    bool on;
    bool made;  /* `mask` is that of the matcher's place, or st says why there is none */
    bool taken; /* all that was chosen; else `last` is still to be */
    int32_t last;
    sk_status st;
    sk_err err;
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

/* Has the matcher take the last token by at most so much work (0: any).  True when that is done, or
 * st says why it can't be. */
static bool take_last(guide *g, uint64_t work)
{
    g->err = (sk_err)SK_ERR_INIT;
    g->st = work ? eng_matcher_accept_some(g->m, work, g->last, &g->err)
                 : eng_matcher_accept(g->m, g->last, &g->err);
    g->taken = g->st != SK_E_AGAIN;
    if (!g->st && g->when.again && eng_matcher_complete(g->m)) g->on = false;
    return g->taken;
}

static bool guide_ready(void *self, uint64_t work)
{
    guide *g = self;
    if (g->on && !g->taken && !take_last(g, work)) return false;
    if (!g->on || g->made || g->st) return true;
    g->err = (sk_err)SK_ERR_INIT;
    g->st = eng_matcher_mask_some(g->m, work, g->mask, &g->err);
    g->made = g->st != SK_E_AGAIN;
    if (!g->made) g->st = SK_OK;
    return g->made;
}

/* NULL without an error: anything. */
static const uint64_t *guide_mask(void *self, sk_err *e)
{
    guide *g = self;
    if (g->on && !g->taken) (void)take_last(g, 0);
    if (g->on && !g->made && !g->st) return eng_matcher_mask(g->m, g->mask, e) ? NULL : g->mask;
    if (g->on && g->st) *e = g->err;
    if (g->on) return g->st ? NULL : g->mask;
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
    g->made = false;
    if (!g->on && !g->when.after) return SK_OK;
    if (!g->on) {
        const char *p = g->eng->piece_all(g->eng->self, id, &n);
        listen(g, p, n);
        return SK_OK;
    }
    g->last = id;
    if (!take_last(g, TAKE_WORK)) return SK_OK;
    if (g->st) *e = g->err;
    return g->st;
}

/* All tokens but those that end an answer. */
static void allow_all(guide *g)
{
    for (size_t i = 0; i < g->eng->n_vocab; i++)
        if (!g->eng->is_end(g->eng->self, (int32_t)i)) g->mask[i / 64] |= UINT64_C(1) << i % 64;
}

/* The guide belongs to the job, whose engine thread asks it; it goes with the job (guide_free). */
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
    g->taken = true;
    if (eng_matcher_new(ref->g, &g->m, &e)) {
        sk_free(g);
        return srv_fail_err(f, &e);
    }
    if (when->after && !when->again && !when->first) allow_all(g);
    j->guide = (srv_guide){.self = g,
                           .mask = guide_mask,
                           .take = guide_take,
                           .ready = guide_ready,
                           .free = guide_free};
    return SK_OK;
}

/* Piece by piece, since the grammar may guide other answers meanwhile, which wait for each. */
static sk_status accept_all(guide *g, const char *p, size_t n, sk_err *e)
{
    sk_status st = SK_OK;
    for (size_t i = 0; i < n && !st; i += PIECE)
        st = eng_matcher_accept_bytes(g->m, p + i, n - i < PIECE ? n - i : PIECE, e);
    return st;
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
    if (!accept_all(g, p, n, &e)) return SK_OK;
    (void)srv_fail_err(f, &e);
    return f->code == SRV_BAD_VALUE
               ? srv_fail(f, f->code, field, "'%s' does not allow what the answer begins with: %s",
                          field, e.text)
               : srv_fail_err(f, &e);
}
