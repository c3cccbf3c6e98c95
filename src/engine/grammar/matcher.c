/* matcher.c - how far an answer is: taking tokens, and asking what may come. */
#include "engine/grammar/grammar_core.h"

#include <assert.h>

sk_status eng_matcher_new(eng_grammar *g, eng_matcher **out, sk_err *e)
{
    eng_matcher *m = sk_calloc(SK_MEM_REQUEST, 1, sizeof *m);
    if (!m) return sk_fail(e, SK_E_NOMEM, "no memory for a grammar's matcher");
    m->g = g;
    eng_matcher_reset(m);
    *out = m;
    return SK_OK;
}

void eng_matcher_free(eng_matcher *m)
{
    if (!m) return;
    sk_buf_fini(&m->text);
    sk_free(m);
}

sk_status eng_matcher_clone(const eng_matcher *m, eng_matcher **out, sk_err *e)
{
    eng_matcher *c = NULL;
    sk_status st = eng_matcher_new(m->g, &c, e);
    if (st) return st;
    *c = *m;
    c->text = (sk_buf)SK_BUF_INIT;
    sk_buf_add(&c->text, m->text.p, m->text.len);
    if (!sk_buf_ok(&c->text)) {
        eng_matcher_free(c);
        return sk_fail(e, SK_E_NOMEM, "no memory for a grammar's matcher");
    }
    *out = c;
    return SK_OK;
}

void eng_matcher_reset(eng_matcher *m)
{
    sk_buf_reset(&m->text);
    m->generation = UINT64_MAX;
    m->at.n = 1;
    m->at.complete = m->g->may_be_empty;
    m->blank = 0;
    m->ended = false;
}

/* What an operation works with: the matcher, and its arguments. */
typedef struct op {
    eng_matcher *m;
    const char *p; /* bytes to be taken */
    size_t n;
    uint64_t *mask;    /* to be filled */
    const int32_t *id; /* tokens to be tried */
    size_t *taken;
    sk_buf *out; /* takes forced bytes */
    size_t most;
    bool refused;  /* the bytes can't come */
    uint64_t work; /* that may be done, 0: any */
    sk_err *e;
} op;

/* Steps `at` over n bytes; *blank counts white space between values.  False where a byte can't
 * come, or after a failure of the book. */
static bool run_bytes(eng_book *b, eng_place *at, unsigned *blank, const char *p, size_t n)
{
    eng_place other;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = (uint8_t)p[i];
        if (!eng_book_step(b, at, c, &other)) return false;
        bool stays = eng_is_blank(c) && at->n == 1 && b->lex[at->lex[0]].blank;
        *blank = stays ? *blank + 1 : 0;
        *at = other;
    }
    return true;
}

/* Where only white space was taken for so long, nothing that begins with it may come. */
static bool no_blank(const eng_matcher *m)
{
    return m->g->json && m->blank >= ENG_BLANK_MOST;
}

/* Brings the matcher's place up to date with the book.  The lock is held. */
static void refresh(eng_matcher *m)
{
    eng_book *b = &m->g->book;
    if (m->generation == b->generation) return;
    unsigned blank = 0;
    eng_place at;
    eng_book_begin(b, &at);
    if (m->text.len) (void)run_bytes(b, &at, &blank, m->text.p, m->text.len);
    if (b->st) return;
    m->at = at;
    m->generation = b->generation;
}

/* Takes the grammar's lock; an operation of bounded work does not wait for it. */
static bool lock(const op *o)
{
    if (o->work) return pthread_mutex_trylock(&o->m->g->lock) == 0;
    pthread_mutex_lock(&o->m->g->lock);
    return true;
}

/* Runs fn with the lock held.  When the book is full it is emptied, and fn has another try; a
 * second failure, or one of memory, leaves an empty book for others.  SK_E_AGAIN leaves the book as
 * far as it came. */
static sk_status locked(op *o, void (*fn)(op *))
{
    eng_grammar *g = o->m->g;
    sk_status st = SK_OK;
    if (!lock(o)) return sk_fail(o->e, SK_E_AGAIN, "the grammar is in use");
    g->rx.work = g->rx.made = 0;
    g->rx.most_work = o->work;
    for (bool again = true; again;) {
        st = g->book.st || g->rx.st ? eng_book_empty(&g->book, o->e) : SK_OK;
        if (st) break;
        refresh(o->m);
        if (!g->book.st) fn(o);
        st = eng_book_check(&g->book, o->e);
        again = st == SK_E_TOOBIG && !o->m->emptied;
        if (again) o->m->emptied = true;
    }
    if (st == SK_E_AGAIN)
        g->book.st = g->rx.st = SK_OK;
    else
        o->m->emptied = false;
    g->rx.most_work = 0;
    pthread_mutex_unlock(&g->lock);
    return st;
}

static void do_mask(op *o)
{
    (void)eng_grammar_mask(o->m->g, &o->m->at, no_blank(o->m), o->mask);
}

static sk_status mask(eng_matcher *m, uint64_t work, uint64_t *allowed, sk_err *e)
{
    op o = {.m = m, .mask = allowed, .work = work, .e = e};
    if (m->ended) {
        memset(allowed, 0, m->g->trie->words * 8);
        return SK_OK;
    }
    return locked(&o, do_mask);
}

sk_status eng_matcher_mask(eng_matcher *m, uint64_t *allowed, sk_err *e)
{
    return mask(m, 0, allowed, e);
}

sk_status eng_matcher_mask_some(eng_matcher *m, uint64_t work, uint64_t *allowed, sk_err *e)
{
    assert(work);
    return mask(m, work, allowed, e);
}

static void do_accept(op *o)
{
    eng_matcher *m = o->m;
    eng_place at = m->at;
    unsigned blank = m->blank;
    o->refused = o->n && no_blank(m) && eng_is_blank((uint8_t)o->p[0]);
    if (o->refused) return;
    if (!run_bytes(&m->g->book, &at, &blank, o->p, o->n)) {
        o->refused = true;
        return;
    }
    sk_buf_add(&m->text, o->p, o->n);
    if (!sk_buf_ok(&m->text)) {
        m->text.oom = false;
        eng_book_fail(&m->g->book, SK_E_NOMEM);
        return;
    }
    m->at = at;
    m->blank = blank;
}

static sk_status accept(eng_matcher *m, uint64_t work, const char *p, size_t n, sk_err *e)
{
    op o = {.m = m, .p = p, .n = n, .work = work, .e = e};
    if (m->ended) return sk_fail(e, SK_E_INVALID, "the answer has ended");
    sk_status st = locked(&o, do_accept);
    if (st) return st;
    return o.refused ? sk_fail(e, SK_E_INVALID, "the grammar does not allow this text here")
                     : SK_OK;
}

sk_status eng_matcher_accept_bytes(eng_matcher *m, const char *p, size_t n, sk_err *e)
{
    return accept(m, 0, p, n, e);
}

/* The bytes of a token; n = 0 for one that no answer takes. */
static const char *piece(const eng_matcher *m, int32_t id, size_t *n)
{
    const char *p = eng_vocab_piece(m->g->trie->vocab, id, false, n);
    if (*n > ENG_TRIE_DEPTH) *n = 0;
    return p;
}

static sk_status accept_token(eng_matcher *m, uint64_t work, int32_t id, sk_err *e)
{
    size_t n;
    const char *p = piece(m, id, &n);
    bool end = eng_vocab_is_end(m->g->trie->vocab, id);
    if (end && !m->ended && eng_matcher_complete(m)) {
        m->ended = true;
        return SK_OK;
    }
    if (end || !n)
        return sk_fail(e, SK_E_INVALID, "the grammar does not allow token %d here", (int)id);
    return accept(m, work, p, n, e);
}

sk_status eng_matcher_accept(eng_matcher *m, int32_t id, sk_err *e)
{
    return accept_token(m, 0, id, e);
}

sk_status eng_matcher_accept_some(eng_matcher *m, uint64_t work, int32_t id, sk_err *e)
{
    assert(work);
    return accept_token(m, work, id, e);
}

static void do_check(op *o)
{
    eng_place at = o->m->at;
    unsigned blank = o->m->blank;
    for (*o->taken = 0; *o->taken < o->n; ++*o->taken) {
        size_t n;
        int32_t id = o->id[*o->taken];
        const char *p = piece(o->m, id, &n);
        if (eng_vocab_is_end(o->m->g->trie->vocab, id)) {
            *o->taken += at.complete;
            return;
        }
        bool stop = !n || (o->m->g->json && blank >= ENG_BLANK_MOST && eng_is_blank((uint8_t)*p));
        if (stop || !run_bytes(&o->m->g->book, &at, &blank, p, n)) return;
    }
}

sk_status eng_matcher_check(eng_matcher *m, const int32_t *id, size_t n, size_t *taken, sk_err *e)
{
    op o = {.m = m, .id = id, .n = n, .taken = taken, .e = e};
    *taken = 0;
    return m->ended ? SK_OK : locked(&o, do_check);
}

/* What a place says of the answer's end holds whatever book its numbers are of. */
bool eng_matcher_complete(const eng_matcher *m)
{
    return m->at.complete;
}

bool eng_matcher_ended(const eng_matcher *m)
{
    return m->ended || (m->at.complete && !m->at.n);
}

/* The only byte that may come at `at`, -1 if there are several or none. */
static int only_byte(eng_book *b, const eng_place *at)
{
    int found = -1;
    if (at->n != 1 || at->complete) return -1;
    if (!b->lex[at->lex[0]].row && !eng_book_row(b, at->lex[0])) return -1;
    const uint16_t *row = b->lex[at->lex[0]].row;
    for (int c = 0; c < 256; c++) {
        if (!row[c]) continue;
        if (found >= 0) return -1;
        found = c;
    }
    return found;
}

static void do_forced(op *o)
{
    eng_place at = o->m->at;
    unsigned blank = 0;
    o->out->len = o->n; /* a second try begins again */
    for (size_t k = 0; k < o->most; k++) {
        int c = only_byte(&o->m->g->book, &at);
        char one = (char)c;
        if (c < 0 || !run_bytes(&o->m->g->book, &at, &blank, &one, 1)) return;
        sk_buf_addc(o->out, one);
    }
}

sk_status eng_matcher_forced(eng_matcher *m, size_t most, sk_buf *out, sk_err *e)
{
    op o = {.m = m, .most = most, .out = out, .n = out->len, .e = e};
    if (m->ended) return SK_OK;
    sk_status st = locked(&o, do_forced);
    if (!st && !sk_buf_ok(out)) return sk_fail(e, SK_E_NOMEM, "no memory for a text");
    return st;
}
