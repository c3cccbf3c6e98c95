/* enc_wpm.c - text to ids by WordPiece: cut into words and signs, normalised as BERT does, each
 * word covered by the longest tokens from the left, or unknown as a whole.
 *
 * In a vocabulary of this kind a token that begins a word begins with a space, one that goes on has
 * none.  Of a decomposed character only the first part is kept, which drops accents and, of a
 * Hangul syllable, all but its first letter: so do the programs these vocabularies are used with,
 * and ids must agree.
 */
#include "engine/token/vocab_core.h"

#include "engine/token/unidata.h"

/* Characters that are words of their own in BERT's tokenizer; its third range but one begins where
 * the published code has it. */
static bool is_ideograph(uint32_t c)
{
    static const uint32_t range[][2] = {{0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xf900, 0xfaff},
                                        {0x20000, 0x2a6df}, {0x2a700, 0x2b73f}, {0x2b740, 0x2b81f},
                                        {0x2b920, 0x2ceaf}, {0x2f800, 0x2fa1f}};
    for (size_t i = 0; i < sizeof range / sizeof range[0]; i++)
        if (c >= range[i][0] && c <= range[i][1]) return true;
    return false;
}

/* Appends the tokens of the word in c->text, which begins with a space, and empties it.  A word
 * with one piece that has no token is the unknown token as a whole, not in part: what was pushed
 * is taken back. */
static sk_status put_word(eng_encoder *c)
{
    const eng_vocab *v = c->v;
    const size_t before = c->out->n;
    if (c->text.len <= 1) return SK_OK;
    uint32_t whole = eng_strindex_find(&v->normal, c->text.p, c->text.len); /* most are */
    if (whole != ENG_NO_TOKEN) {
        c->text.p[c->text.len = 1] = 0;
        return eng_ids_push(c->out, (int32_t)whole) ? SK_OK : eng_encoder_no_memory(c);
    }
    for (size_t i = 0; i < c->text.len;) {
        uint32_t id = eng_prefix_longest(&v->tokens, c->text.p + i, c->text.len - i);
        if (id == ENG_PREFIX_NONE) {
            c->out->n = before;
            break;
        }
        if (!eng_ids_push(c->out, (int32_t)id)) return eng_encoder_no_memory(c);
        i += v->text[id].n;
    }
    c->text.p[c->text.len = 1] = 0;
    int32_t unknown = v->role[ENG_ROLE_UNKNOWN];
    if (c->out->n > before || unknown < 0) return SK_OK;
    return eng_ids_push(c->out, unknown) ? SK_OK : eng_encoder_no_memory(c);
}

/* Takes an ASCII letter or digit, which has no base but itself. */
static sk_status take_plain(eng_encoder *c, char ch)
{
    if (c->v->lower && ch >= 'A' && ch <= 'Z') ch = (char)(ch | 0x20);
    sk_buf_addc(&c->text, ch);
    return sk_buf_ok(&c->text) ? SK_OK : eng_encoder_no_memory(c);
}

/* Characters that BERT's cleaning drops: NUL, U+FFFD, controls, and accents once they stand apart
 * from their letters. */
static bool is_dropped(const eng_vocab *v, uint32_t ch, eng_uniclass is)
{
    enum { REPLACEMENT = 0xfffd };
    if (!ch || ch == REPLACEMENT || is == ENG_UNI_CONTROL) return true;
    return v->strip_accents && is == ENG_UNI_MARK;
}

/* Takes one character of the text.  Punctuation and ideographs are words of their own; U+2581
 * counts as the space it stands for in token texts. */
static sk_status take(eng_encoder *c, uint32_t ch)
{
    const eng_vocab *v = c->v;
    enum { SPACE_MARK = 0x2581 };
    if (v->strip_accents) ch = eng_uni_base(ch);
    eng_uniclass is = eng_uni_class(ch);
    if (is == ENG_UNI_SPACE) return put_word(c);
    if (is_dropped(v, ch, is)) return SK_OK;
    bool alone = is == ENG_UNI_PUNCT || is_ideograph(ch);
    sk_status st = alone ? put_word(c) : SK_OK;
    if (st) return st;
    char b[4] = " ";
    if (v->lower) ch = eng_uni_lower(ch);
    sk_buf_add(&c->text, b, ch == SPACE_MARK ? 1 : eng_utf8_put(ch, b));
    if (!sk_buf_ok(&c->text)) return eng_encoder_no_memory(c);
    return alone ? put_word(c) : SK_OK;
}

/* Appends the ids of a text without special tokens.  ASCII letters and digits need none of the
 * tables and go the short way. */
sk_status eng_encode_wpm(eng_encoder *c, const char *p, size_t n)
{
    sk_status st = SK_OK;
    sk_buf_reset(&c->text);
    sk_buf_addc(&c->text, ' ');
    if (!sk_buf_ok(&c->text)) return eng_encoder_no_memory(c);
    for (size_t i = 0, len; i < n && !st; i += len) {
        char ch = p[i];
        if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9')) {
            len = 1;
            st = take_plain(c, ch);
            continue;
        }
        len = eng_utf8_sequence((const uint8_t *)p + i, n - i);
        if (len) st = take(c, eng_utf8_char((const uint8_t *)p + i, len));
        if (!len) len = 1; /* U+FFFD, which is left out */
    }
    return st ? st : put_word(c);
}
