/* stops.c - finds stop sequences byte by byte, holds back what may become one. */
#include "base/stops.h"

#include "base/json.h"

#include <assert.h>
#include <string.h>

static size_t stop_len(const sk_stops *s, size_t i)
{
    return (size_t)s->len[i] + 1;
}

/* Adds a sequence. */
bool sk_stops_add(sk_stops *s, const char *text, size_t n)
{
    if (n == 0 || n > SK_MAX_STOP_BYTES || s->n == SK_MAX_STOPS) return false;
    memcpy(s->text[s->n], text, n);
    s->len[s->n++] = (unsigned char)(n - 1);
    return true;
}

/* Frees what is held. */
void sk_tail_fini(sk_tail *t)
{
    sk_buf_fini(&t->held);
}

/* Length of the longest sequence that the n bytes at p end in; 0 if none. */
static size_t match_at_end(const sk_stops *s, const char *p, size_t n)
{
    size_t best = 0;
    for (size_t i = 0; i < s->n; i++) {
        size_t len = stop_len(s, i);
        if (len > best && len <= n && memcmp(p + n - len, s->text[i], len) == 0) best = len;
    }
    return best;
}

/* Length of the longest end of p[0..n) that a sequence may begin with. */
static size_t match_begun(const sk_stops *s, const char *p, size_t n)
{
    size_t best = 0;
    for (size_t i = 0; i < s->n; i++) {
        size_t len = stop_len(s, i) - 1;
        assert(len < SK_MAX_STOP_BYTES);
        if (len > n) len = n;
        while (len > best && memcmp(p + n - len, s->text[i], len) != 0)
            len--;
        if (len > best) best = len;
    }
    return best;
}

/* Takes n bytes. */
bool sk_tail_feed(sk_tail *t, const sk_stops *s, const char *p, size_t n, sk_buf *out)
{
    assert(!t->stopped);
    sk_buf *held = &t->held;
    for (size_t i = 0; i < n; i++) {
        sk_buf_addc(held, p[i]);
        size_t len = s->n && held->len ? match_at_end(s, held->p, held->len) : 0;
        if (!len) continue;
        sk_buf_add(out, held->p, held->len - len);
        t->stopped = true;
        sk_buf_reset(held);
        return true;
    }
    if (!held->len) return false;
    size_t keep = s->n ? match_begun(s, held->p, held->len) : 0;
    size_t send = sk_utf8_complete(held->p, held->len - keep);
    assert(keep <= held->len && send <= held->len - keep);
    sk_buf_add(out, held->p, send);
    memmove(held->p, held->p + send, held->len - send);
    held->len -= send;
    held->p[held->len] = 0;
    return false;
}

/* Appends what was held. */
void sk_tail_flush(sk_tail *t, sk_buf *out)
{
    if (!t->stopped && t->held.len) sk_buf_add(out, t->held.p, t->held.len);
    sk_buf_reset(&t->held);
}
