/* lp.c - writes log-probabilities as JSON. */
#include "serve/api/lp.h"

#include "base/json.h"

#include <inttypes.h>
#include <math.h>

/* As OpenAI writes what can't be. */
#define NEVER (-9999.0)

static void add_logprob(double v, sk_buf *out)
{
    if (isnan(v))
        sk_buf_adds(out, "null");
    else
        sk_json_add_num(out, isfinite(v) ? v : NEVER);
}

/* A token as the older form has it: one that is a part of a character is spelled by its bytes, so
 * that no two alternatives have one name. */
static void add_token(const srv_engine *eng, int32_t id, sk_buf *out)
{
    size_t n = 0;
    const char *p = eng->piece_all(eng->self, id, &n);
    if (sk_utf8_valid(p, n)) {
        sk_json_add_str(out, p, n);
        return;
    }
    sk_buf_adds(out, "\"bytes:");
    for (size_t i = 0; i < n; i++)
        sk_buf_addf(out, "\\\\x%02x", (unsigned char)p[i]);
    sk_buf_addc(out, '"');
}

/* "token", "logprob" and "bytes" of one token, its object left open. */
static void add_item(const srv_engine *eng, int32_t id, double logprob, sk_buf *out)
{
    size_t n = 0;
    const char *p = eng->piece_all(eng->self, id, &n);
    sk_buf_adds(out, "{\"token\":");
    sk_json_add_str(out, p, n);
    sk_buf_adds(out, ",\"logprob\":");
    add_logprob(logprob, out);
    sk_buf_adds(out, ",\"bytes\":[");
    for (size_t i = 0; i < n; i++)
        sk_buf_addf(out, "%s%d", i ? "," : "", (unsigned char)p[i]);
    sk_buf_addc(out, ']');
}

void srv_lp_chat(const srv_engine *eng, const sk_buf *log, size_t from, size_t to, sk_buf *out)
{
    srv_tok t;
    sk_buf_adds(out, "{\"content\":[");
    for (size_t at = from; at < to && srv_toklog_next(log, &at, &t);) {
        if (out->len && out->p[out->len - 1] == '}') sk_buf_addc(out, ',');
        add_item(eng, t.id, t.logprob, out);
        sk_buf_adds(out, ",\"top_logprobs\":[");
        for (size_t i = 0; i < t.n_top; i++) {
            if (i) sk_buf_addc(out, ',');
            add_item(eng, t.top[i].id, t.top[i].logprob, out);
            sk_buf_addc(out, '}');
        }
        sk_buf_adds(out, "]}");
    }
    sk_buf_adds(out, "],\"refusal\":null}");
}

/* Characters that begin in n bytes. */
static size_t chars(const char *p, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)p[i] & 0xc0) != 0x80;
    return count;
}

/* What to write of each token, one list after another. */
typedef enum list { TOKENS, LOGPROBS, TOPS, OFFSETS } list;

/* {"a": -1, ..}: the alternatives. */
static void add_top(const srv_engine *eng, const srv_tok *t, sk_buf *out)
{
    if (isnan(t->logprob)) {
        sk_buf_adds(out, "null");
        return;
    }
    sk_buf_addc(out, '{');
    for (size_t i = 0; i < t->n_top; i++) {
        if (i) sk_buf_addc(out, ',');
        add_token(eng, t->top[i].id, out);
        sk_buf_addc(out, ':');
        add_logprob(t->top[i].logprob, out);
    }
    sk_buf_addc(out, '}');
}

static void add_list(const srv_engine *eng, const sk_buf *log, size_t from, size_t to, list what,
                     int64_t *offset, sk_buf *out)
{
    srv_tok t;
    bool more = false;
    for (size_t at = from; at < to && srv_toklog_next(log, &at, &t); more = true) {
        if (more) sk_buf_addc(out, ',');
        if (what == TOKENS) add_token(eng, t.id, out);
        if (what == LOGPROBS) add_logprob(t.logprob, out);
        if (what == TOPS) add_top(eng, &t, out);
        if (what != OFFSETS) continue;
        size_t n = 0;
        const char *p = eng->piece(eng->self, t.id, &n);
        sk_buf_addf(out, "%" PRId64, *offset > 0 ? *offset : 0);
        *offset += (int64_t)chars(p, n);
    }
}

void srv_lp_text(const srv_engine *eng, const sk_buf *log, size_t from, size_t to, int64_t *at,
                 sk_buf *out)
{
    static const char *const name[] = {"{\"tokens\":[", "],\"token_logprobs\":[",
                                       "],\"top_logprobs\":[", "],\"text_offset\":["};
    for (int what = TOKENS; what <= OFFSETS; what++) {
        sk_buf_adds(out, name[what]);
        add_list(eng, log, from, to, (list)what, at, out);
    }
    sk_buf_adds(out, "]}");
}
