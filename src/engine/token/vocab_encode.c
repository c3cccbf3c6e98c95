/* vocab_encode.c - encoding: what is added at the ends, special tokens, and the texts between them
 * handed to the encoder of the vocabulary's kind; what the encoders share. */
#include "engine/token/vocab_core.h"

#include <assert.h>
#include <string.h>

sk_status eng_encoder_no_memory(const eng_encoder *c)
{
    return sk_fail(c->e, SK_E_NOMEM, "no memory to encode the text");
}

/* The scratch with room for n bytes. */
void *eng_encoder_scratch(eng_encoder *c, size_t n)
{
    if (n <= c->scratch_cap) return c->scratch;
    sk_free(c->scratch);
    c->scratch = sk_alloc(SK_MEM_TOKEN, n);
    c->scratch_cap = c->scratch ? n : 0;
    return c->scratch;
}

/* p[0..n) with U+2581 as a space. */
bool eng_encoder_spaces(eng_encoder *c, const char **p, size_t *n)
{
    static const char mark[] = "\342\226\201";
    const char *from = *p, *end = from + *n, *hit = memmem(from, *n, mark, 3);
    if (!hit) return true;
    sk_buf b = SK_BUF_INIT; /* a new one: *p may lie in c->text */
    for (; hit; hit = memmem(from, (size_t)(end - from), mark, 3)) {
        sk_buf_add(&b, from, (size_t)(hit - from));
        sk_buf_addc(&b, ' ');
        from = hit + 3;
    }
    sk_buf_add(&b, from, (size_t)(end - from));
    sk_buf_fini(&c->text);
    c->text = b;
    *p = b.p;
    *n = b.len;
    return sk_buf_ok(&b);
}

/* Appends the tokens of the bytes p[0..n).  A run of bytes without tokens is one unknown token. */
sk_status eng_encoder_bytes(eng_encoder *c, const char *p, size_t n)
{
    const int32_t unknown = c->v->role[ENG_ROLE_UNKNOWN];
    bool was_unknown = false;
    for (size_t i = 0; i < n; i++) {
        uint32_t id = c->v->byte_id[(unsigned char)p[i]];
        bool is_unknown = id == ENG_NO_TOKEN;
        if (is_unknown && (was_unknown || unknown < 0)) continue;
        was_unknown = is_unknown;
        if (!eng_ids_push(c->out, is_unknown ? unknown : (int32_t)id))
            return eng_encoder_no_memory(c);
    }
    return SK_OK;
}

/* Up to a space behind another character. */
size_t eng_encoder_part(const char *p, size_t n)
{
    size_t i = 1;
    while (i < n && (p[i] != ' ' || p[i - 1] == ' '))
        i++;
    return i;
}

/* A text without special tokens. */
static sk_status encode_plain(eng_encoder *c, const char *p, size_t n, bool first)
{
    switch (c->v->kind) {
    case ENG_VOCAB_SPM:
        return eng_encode_spm(c, p, n, first);
    case ENG_VOCAB_UGM:
        return eng_encode_ugm(c, p, n);
    case ENG_VOCAB_WPM:
        return eng_encode_wpm(c, p, n);
    default:
        return eng_encode_bpe(c, p, n);
    }
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Tokens to be taken as they are, in order. */
typedef struct finder {
    const eng_vocab *v;
    const char *text;
    size_t n;
    const eng_special *marks;  /* looked for everywhere, where there are no parts */
    const eng_text_part *part; /* else: control tokens in parts that are not plain */
    size_t n_parts, at, start; /* the part being searched and where it starts */
    size_t mark_at, user_at;   /* the next ones; SIZE_MAX: not searched for yet */
    uint32_t mark, user;
} finder;

/* Finds the next control token that lies within one part that is not plain, at or behind `from`. */
static void next_mark(finder *f, size_t from)
{
    f->mark = ENG_NO_TOKEN;
    f->mark_at = f->n;
    while (f->at < f->n_parts) {
        assert(f->start <= f->n && f->part[f->at].n <= f->n - f->start);
        size_t end = f->start + f->part[f->at].n, begin = from > f->start ? from : f->start, at;
        if (begin < end && !f->part[f->at].plain) {
            f->mark = eng_special_next(&f->v->marks, f->text + begin, end - begin, &at);
            f->mark_at = f->mark == ENG_NO_TOKEN ? f->n : begin + at;
            if (f->mark != ENG_NO_TOKEN) return;
        }
        f->start = end;
        f->at++;
    }
}

/* The next token at or behind `from`, of those that begin there the longest; its place in *at.
 * Marks count in parts that are not plain, users' tokens everywhere; the places last found are
 * kept until the walk has passed them. */
static uint32_t find_next(finder *f, size_t from, size_t *at)
{
    size_t k;
    uint32_t id;
    if (!f->part) {
        id = eng_special_next(f->marks, f->text + from, f->n - from, &k);
        *at = from + k;
        return id;
    }
    if (f->mark_at == SIZE_MAX || f->mark_at < from) next_mark(f, from);
    if (f->user_at == SIZE_MAX || f->user_at < from) {
        f->user = eng_special_next(&f->v->users, f->text + from, f->n - from, &k);
        f->user_at = from + k;
    }
    bool user = f->user != ENG_NO_TOKEN &&
                (f->mark == ENG_NO_TOKEN || f->user_at < f->mark_at ||
                 (f->user_at == f->mark_at && f->v->text[f->user].n > f->v->text[f->mark].n));
    *at = user ? f->user_at : f->mark_at;
    return user ? f->user : f->mark;
}

/* The text with the tokens that are found in it taken as they are, with the white space that
 * belongs to them.  White space that a token takes is gone: it is part of no piece. */
static sk_status encode_text(eng_encoder *c, finder *f)
{
    const eng_vocab *v = c->v;
    size_t from = 0;
    while (from < f->n) {
        size_t at;
        uint32_t id = find_next(f, from, &at);
        unsigned strip = id != ENG_NO_TOKEN && v->strip ? v->strip[id] : 0;
        assert(at >= from && at <= f->n);
        size_t end = at;
        while (strip & ENG_STRIP_LEFT && end > from && is_space(f->text[end - 1]))
            end--;
        sk_status st = end > from ? encode_plain(c, f->text + from, end - from, true) : SK_OK;
        if (st) return st;
        if (id == ENG_NO_TOKEN) break;
        if (!eng_ids_push(c->out, (int32_t)id)) return eng_encoder_no_memory(c);
        from = at + v->text[id].n;
        while (strip & ENG_STRIP_RIGHT && from < f->n && is_space(f->text[from]))
            from++;
    }
    return SK_OK;
}

/* Appends the token of a role if there is one. */
static sk_status add_role(eng_encoder *c, eng_token_role role)
{
    int32_t id = c->v->role[role];
    return id < 0 || eng_ids_push(c->out, id) ? SK_OK : eng_encoder_no_memory(c);
}

/* Frees what the encoder holds; on failure out is as it was. */
static sk_status finish(eng_encoder *c, size_t before, sk_status st)
{
    eng_bpe_work_fini(&c->work);
    sk_buf_fini(&c->text);
    sk_free(c->sym);
    sk_free(c->scratch);
    assert(c->out->n >= before);
    if (st) c->out->n = before;
    return st;
}

/* Appends the ids of text[0..n); on failure out is as it was. */
sk_status eng_vocab_encode(const eng_vocab *v, const char *text, size_t n, unsigned flags,
                           eng_ids *out, sk_err *e)
{
    eng_encoder c = {.v = v, .out = out, .text = SK_BUF_INIT, .e = e};
    finder f = {
        .v = v, .text = text, .n = n, .marks = flags & ENG_TOK_SPECIAL ? &v->marks : &v->users};
    const size_t before = out->n;
    const bool add = flags & ENG_TOK_ADD;
    sk_status st = SK_OK;
    if (add && v->add_bos) st = add_role(&c, ENG_ROLE_BOS);
    if (!st) st = encode_text(&c, &f);
    if (!st && add && v->add_eos) st = add_role(&c, ENG_ROLE_EOS);
    if (!st && add && v->add_sep) st = add_role(&c, ENG_ROLE_SEPARATOR);
    return finish(&c, before, st);
}

/* Appends the ids of a text of parts; BOS first, unless the text brings it.  The parts' text is
 * one text to the pre-tokenizer: a word that begins in the template and ends in a message is one
 * word. */
sk_status eng_vocab_encode_parts(const eng_vocab *v, const char *text, const eng_text_part *part,
                                 size_t n_parts, unsigned flags, eng_ids *out, sk_err *e)
{
    eng_encoder c = {.v = v, .out = out, .text = SK_BUF_INIT, .e = e};
    finder f = {.v = v,
                .text = text,
                .part = part,
                .n_parts = n_parts,
                .mark_at = SIZE_MAX,
                .user_at = SIZE_MAX};
    const size_t before = out->n;
    size_t at = 0;
    for (size_t i = 0; i < n_parts; i++)
        f.n += part[i].n;
    int32_t bos = flags & ENG_TOK_ADD && v->add_bos ? v->role[ENG_ROLE_BOS] : -1;
    bool own = bos >= 0 && f.n && find_next(&f, 0, &at) == (uint32_t)bos && at == 0;
    sk_status st = bos >= 0 && !own ? add_role(&c, ENG_ROLE_BOS) : SK_OK;
    if (!st) st = encode_text(&c, &f);
    return finish(&c, before, st);
}

/* ---- decoding ---- */

bool eng_vocab_adds_space(const eng_vocab *v)
{
    return v->space_prefix;
}

/* Appends the bytes of ids[0..n): what the encoder put in front of a text is taken out again.
 * Behind a marker a text begins anew, and with it the space in front. */
sk_status eng_vocab_decode(const eng_vocab *v, const int32_t *id, size_t n, bool special,
                           sk_buf *out, sk_err *e)
{
    bool first = true;
    for (size_t i = 0; i < n; i++) {
        size_t len;
        const char *p = eng_vocab_piece(v, id[i], special, &len);
        uint8_t t = id[i] >= 0 && (size_t)id[i] < v->n ? v->type[id[i]] : ENG_TOKEN_CONTROL;
        bool mark = t >= ENG_TOKEN_UNKNOWN && t <= ENG_TOKEN_USER;
        if (!mark && first && v->space_prefix && len && *p == ' ') {
            p++;
            len--;
        }
        first = mark;
        sk_buf_add(out, p, len);
    }
    return sk_buf_ok(out) ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for the text of %zu ids", n);
}
