/* enc_ugm.c - text to ids by the unigram model: of all ways to cut the text into tokens, the one
 * with the greatest sum of scores (Viterbi, forwards).
 *
 * Source: Kudo, "Subword regularization", ACL 2018, and the rules of SentencePiece: a character
 * that is no token by itself may be the unknown token, at the least score less 10; the first of
 * equals wins; a run of unknown tokens is one.
 */
#include "engine/token/vocab_core.h"

#include "engine/token/unidata.h"

#include <assert.h>
#include <float.h>
#include <string.h>

/* The best way to a place of the text: its last token and where that begins. */
typedef struct way {
    double score;
    uint32_t id;
    uint32_t from;
} way;

/* Appends a byte of the normalised text by the rules for spaces; *word says that the last one was
 * no space, *begun that a space was put in front. */
static void put_normal(eng_encoder *c, char b, bool space, bool *word, bool *begun)
{
    const eng_vocab *v = c->v;
    if (space) {
        *word = false;
        if (!v->merge_spaces) sk_buf_addc(&c->text, ' ');
        return;
    }
    if (!*word && ((v->space_prefix && !*begun) || v->merge_spaces)) {
        sk_buf_addc(&c->text, ' ');
        *begun = true;
    }
    *word = true;
    sk_buf_addc(&c->text, b);
}

/* The text with the character map applied and its spaces put right, in c->text.  Bytes that are
 * no UTF-8 become U+FFFD.  U+2581 means a space to the tokens but is none to the rules.  The map
 * wins over UTF-8: a sequence it names is replaced even if it is none. */
static bool normalise(eng_encoder *c, const char *p, size_t n)
{
    static const char space_mark[] = "\342\226\201";
    bool word = false, begun = false;
    sk_buf_reset(&c->text);
    for (size_t i = 0, len; i < n; i += len) {
        eng_str to;
        len = eng_charsmap_find(&c->v->charsmap, p + i, n - i, &to);
        if (!len) {
            len = eng_utf8_sequence((const uint8_t *)p + i, n - i);
            to = len ? (eng_str){p + i, len} : (eng_str){"\357\277\275", 3};
            if (!len) len = 1;
        }
        for (size_t k = 0; k < to.n; k++) {
            bool mark = to.n - k >= 3 && memcmp(to.p + k, space_mark, 3) == 0;
            put_normal(c, mark ? ' ' : to.p[k], !mark && to.p[k] == ' ', &word, &begun);
            if (mark) k += 2;
        }
    }
    return sk_buf_ok(&c->text);
}

/* Keeps the way over a token if it is better than the best so far. */
static void offer(way *to, double score, uint32_t id, size_t from)
{
    if (score > to->score) *to = (way){score, id, (uint32_t)from};
}

/* All tokens that begin at place i, and the unknown token if no token is the character there;
 * returns the character's bytes. */
static size_t extend(const eng_vocab *v, way *w, const char *p, size_t n, size_t i)
{
    size_t len = eng_utf8_sequence((const uint8_t *)p + i, n - i);
    bool whole_char = false;
    eng_prefix_walk k;
    if (!len) len = 1;
    bool on = eng_prefix_start(&v->tokens, &k, p[i]);
    for (size_t at = i + 1; on; at++) {
        uint32_t id = eng_prefix_here(&v->tokens, &k);
        if (id != ENG_PREFIX_NONE) {
            if (at == i + len) whole_char = true;
            /* what a user defined is taken rather than made of parts */
            double score = v->type[id] == ENG_TOKEN_USER ? 0 : (double)v->score[id];
            offer(&w[at], w[i].score + score, id, i);
        }
        on = at < n && eng_prefix_step(&v->tokens, &k, p[at]);
    }
    if (!whole_char) offer(&w[i + len], w[i].score + v->unknown_score, ENG_NO_TOKEN, i);
    return len;
}

/* Walks the best way back from its end, which gives the ids in reverse, and turns them round. */
static sk_status put_way(eng_encoder *c, const way *w, size_t n)
{
    int32_t unknown = c->v->role[ENG_ROLE_UNKNOWN];
    size_t before = c->out->n;
    bool was_unknown = false;
    for (size_t i = n; i; i = w[i].from) {
        assert(w[i].from < i);
        bool is_unknown = w[i].id == ENG_NO_TOKEN;
        int32_t id = is_unknown ? unknown : (int32_t)w[i].id;
        if (id >= 0 && !(is_unknown && was_unknown) && !eng_ids_push(c->out, id))
            return eng_encoder_no_memory(c);
        was_unknown = is_unknown;
    }
    for (size_t a = before, b = c->out->n; a + 1 < b; a++) {
        int32_t t = c->out->id[a];
        c->out->id[a] = c->out->id[--b];
        c->out->id[b] = t;
    }
    return SK_OK;
}

/* Appends the ids of a text without special tokens. */
sk_status eng_encode_ugm(eng_encoder *c, const char *p, size_t n)
{
    if (!normalise(c, p, n)) return eng_encoder_no_memory(c);
    n = c->text.len;
    if (!n) return SK_OK;
    if (n >= (size_t)1 << 31)
        return sk_fail(c->e, SK_E_TOOBIG, "a text of %zu bytes is too long", n);
    way *w = eng_encoder_scratch(c, (n + 1) * sizeof *w);
    if (!w) return eng_encoder_no_memory(c);
    for (size_t i = 0; i <= n; i++)
        w[i] = (way){-DBL_MAX, ENG_NO_TOKEN, 0};
    w[0].score = 0;
    for (size_t i = 0; i < n;)
        i += extend(c->v, w, c->text.p, n, i);
    return put_way(c, w, n);
}
