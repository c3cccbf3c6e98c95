/* strfn.c - operations on strings. */
#include "engine/jinja/strfn.h"

#include "engine/jinja/ops.h"
#include "engine/jinja/seq.h"
#include "engine/jinja/uni.h"

/* Start of the character that ends before byte `to`. */
static size_t char_before(const jn_str *s, size_t to)
{
    do {
        to--;
    } while (to > 0 && ((unsigned char)s->p[to] & 0xC0) == 0x80);
    return to;
}

/* True when the character at byte i is one of those to take off. */
static bool taken(const jn_str *s, size_t i, size_t len, const jn_str *chars)
{
    if (!chars) return eng_jn_is_space(eng_jn_utf8_get(s->p + i, &len));
    jn_str c = {.p = s->p + i, .n = len};
    return eng_jn_str_find(chars, 0, chars->n, &c) != SIZE_MAX;
}

/* A slice. */
sk_status eng_jn_strip(jn_run *r, const jn_str *s, jn_str *chars, bool left, bool right,
                       jn_val *out)
{
    size_t from = 0, to = s->n, len;
    while (left && from < to) {
        (void)eng_jn_utf8_get(s->p + from, &len);
        if (!taken(s, from, len, chars)) break;
        from += len;
    }
    while (right && to > from) {
        size_t i = char_before(s, to);
        if (!taken(s, i, to - i, chars)) break;
        to = i;
    }
    size_t work = (from + s->n - to) * (chars ? 1 + chars->n / 16 : 1);
    sk_status st = eng_jn_step_bytes(r, work);
    return st ? st : eng_jn_str_sub(r, s, from, to - from, out);
}

/* ---- splitting ---- */

/* A step a part: splitting at every character makes as many strings as bytes. */
static sk_status push_part(jn_run *r, jn_seq *l, const jn_str *s, size_t from, size_t to)
{
    jn_val v = jn_none();
    sk_status st = eng_jn_step(r, 1);
    if (!st) st = eng_jn_str_sub(r, s, from, to - from, &v);
    return st ? st : eng_jn_seq_push(r, l, v);
}

/* Splitting from the right finds the last part first. */
static void reverse(jn_seq *l)
{
    for (size_t i = 0; i + 1 < l->n - i; i++) {
        jn_val v = l->v[i];
        l->v[i] = l->v[l->n - 1 - i];
        l->v[l->n - 1 - i] = v;
    }
}

/* At blanks: empty parts are none.  With max = 0 all of it, its front blanks gone, is one part. */
static sk_status split_blanks(jn_run *r, const jn_str *s, int64_t max, jn_seq *l)
{
    size_t i = 0, len;
    for (;;) {
        while (i < s->n && eng_jn_is_space(eng_jn_utf8_get(s->p + i, &len)))
            i += len;
        if (i >= s->n) return SK_OK;
        size_t from = i;
        if (max >= 0 && l->n == (size_t)max) return push_part(r, l, s, from, s->n);
        while (i < s->n && !eng_jn_is_space(eng_jn_utf8_get(s->p + i, &len)))
            i += len;
        sk_status st = push_part(r, l, s, from, i);
        if (st) return st;
    }
}

/* The first part has blanks at its front when the number of splits is used up. */
static sk_status rsplit_blanks(jn_run *r, const jn_str *s, int64_t max, jn_seq *l)
{
    size_t to = s->n, len;
    for (;;) {
        while (to && eng_jn_is_space(eng_jn_utf8_get(s->p + char_before(s, to), &len)))
            to = char_before(s, to);
        if (!to) break;
        size_t from = to;
        if (max >= 0 && l->n == (size_t)max) from = 0;
        while (from && !eng_jn_is_space(eng_jn_utf8_get(s->p + char_before(s, from), &len)))
            from = char_before(s, from);
        sk_status st = push_part(r, l, s, from, to);
        if (st) return st;
        to = from;
    }
    if (l->n) reverse(l);
    return SK_OK;
}

/* Empty parts count. */
static sk_status split_at(jn_run *r, const jn_str *s, const jn_str *sep, int64_t max, jn_seq *l)
{
    size_t from = 0;
    while (max < 0 || l->n < (size_t)max) {
        size_t at = eng_jn_str_find(s, from, s->n, sep);
        if (at == SIZE_MAX) break;
        sk_status st = push_part(r, l, s, from, at);
        if (st) return st;
        from = at + sep->n;
    }
    return push_part(r, l, s, from, s->n);
}

/* Empty parts count. */
static sk_status rsplit_at(jn_run *r, const jn_str *s, const jn_str *sep, int64_t max, jn_seq *l)
{
    size_t to = s->n;
    while (max < 0 || l->n < (size_t)max) {
        size_t at = eng_jn_str_rfind(s, 0, to, sep);
        if (at == SIZE_MAX) break;
        sk_status st = push_part(r, l, s, at + sep->n, to);
        if (st) return st;
        to = at;
    }
    sk_status st = push_part(r, l, s, 0, to);
    reverse(l);
    return st;
}

/* Parts are slices. */
sk_status eng_jn_split(jn_run *r, jn_str *s, const jn_str *sep, int64_t max, bool right,
                       jn_val *out)
{
    sk_status st = eng_jn_step_bytes(r, s->n);
    if (!st) st = eng_jn_seq_new(r, JN_LIST, 0, out);
    if (st) return st;
    jn_seq *l = out->u.seq;
    if (sep && !sep->n) return eng_jn_fail(r, SK_E_INVALID, "empty separator");
    if (sep) return right ? rsplit_at(r, s, sep, max, l) : split_at(r, s, sep, max, l);
    return right ? rsplit_blanks(r, s, max, l) : split_blanks(r, s, max, l);
}

/* No empty line behind a newline at the end. */
sk_status eng_jn_split_lines(jn_run *r, const jn_str *s, bool keep, jn_val *out)
{
    sk_status st = eng_jn_step_bytes(r, s->n);
    if (!st) st = eng_jn_seq_new(r, JN_LIST, 0, out);
    size_t from = 0, len;
    for (size_t i = 0; i < s->n && !st;) {
        uint32_t c = eng_jn_utf8_get(s->p + i, &len);
        size_t end = i;
        i += len;
        if (!eng_jn_is_newline(c)) continue;
        if (c == '\r' && i < s->n && s->p[i] == '\n') i++;
        st = push_part(r, out->u.seq, s, from, keep ? i : end);
        from = i;
    }
    if (!st && from < s->n) st = push_part(r, out->u.seq, s, from, s->n);
    return st;
}

/* ---- replacing, joining, counting ---- */

/* Marks: what is put in keeps its own, so a message's text that replaces a placeholder is still
 * the message's. */
sk_status eng_jn_replace(jn_run *r, jn_str *s, const jn_str *old, const jn_str *by, int64_t max,
                         jn_val *out)
{
    jn_sb b;
    size_t from = 0, at = 0;
    eng_jn_sb_init(&b, r);
    sk_status st = eng_jn_step_bytes(r, s->n);
    for (int64_t k = 0; !st && !b.st && (max < 0 || k < max); k++) {
        at = eng_jn_str_find(s, at, s->n, old);
        if (at == SIZE_MAX) break;
        eng_jn_sb_part(&b, s, from, at - from);
        eng_jn_sb_str(&b, by);
        st = eng_jn_step(r, 1);
        from = at + old->n;
        at = from;
        if (old->n) continue;
        /* An empty text stands before each character and at the end. */
        if (at >= s->n) break;
        size_t len;
        (void)eng_jn_utf8_get(s->p + at, &len);
        at += len;
    }
    if (st) return st;
    eng_jn_sb_part(&b, s, from, s->n - from);
    st = eng_jn_sb_done(&b, out);
    if (!st) out->u.s->safe = s->safe;
    return st;
}

/* The separator keeps its own marks. */
sk_status eng_jn_join(jn_run *r, const jn_str *sep, const jn_seq *items, bool strict, jn_val *out)
{
    jn_sb b;
    eng_jn_sb_init(&b, r);
    for (size_t i = 0; i < items->n && !b.st; i++) {
        jn_val v = items->v[i];
        if (strict && v.type != JN_STR)
            return eng_jn_fail(r, SK_E_INVALID,
                               "sequence item %zu: expected str instance, %s found", i,
                               eng_jn_type_name(v));
        if (i) eng_jn_sb_str(&b, sep);
        sk_status st = eng_jn_step(r, 1);
        if (!st) st = eng_jn_put_str(r, &b, v);
        if (st) return st;
    }
    return eng_jn_sb_done(&b, out);
}

/* An empty text stands before each character and at the end. */
size_t eng_jn_count(jn_str *s, const jn_str *what)
{
    size_t n = 0;
    if (!what->n) return eng_jn_str_chars(s) + 1;
    for (size_t at = 0; (at = eng_jn_str_find(s, at, s->n, what)) != SIZE_MAX; at += what->n)
        n++;
    return n;
}

/* ---- cases ---- */

/* True when the sigma at byte i ends a word: a cased letter before it and none behind it, with
 * characters that cases ignore between (Unicode, Final_Sigma).  Greek writes sigma otherwise at
 * a word's end; str.lower of Python 3 does this, so a template's |lower must. */
static bool final_sigma(const jn_str *s, size_t i)
{
    size_t len, k = i;
    bool before = false;
    while (k > 0) {
        k = char_before(s, k);
        uint32_t c = eng_jn_utf8_get(s->p + k, &len);
        if (eng_jn_case_ignorable(c)) continue;
        before = eng_jn_is_cased(c);
        break;
    }
    if (!before) return false;
    for (k = i + 2; k < s->n; k += len) {
        uint32_t c = eng_jn_utf8_get(s->p + k, &len);
        if (!eng_jn_case_ignorable(c)) return !eng_jn_is_cased(c);
    }
    return true;
}

/* Appends the character at byte i in the case asked for.  CAPITALIZE and SWAPCASE have become
 * one of the others by now. */
static void put_case(jn_sb *b, const jn_str *s, size_t i, uint32_t c, jn_case how)
{
    uint32_t to[3];
    size_t n;
    if (how == JN_LOWER && c == 0x3A3) {
        to[0] = final_sigma(s, i) ? 0x3C2 : 0x3C3;
        n = 1;
    } else if (how == JN_LOWER) {
        n = eng_jn_to_lower(c, to);
    } else {
        n = how == JN_UPPER   ? eng_jn_to_upper(c, to)
            : how == JN_TITLE ? eng_jn_to_title(c, to)
                              : eng_jn_to_folded(c, to);
    }
    for (size_t k = 0; k < n; k++)
        eng_jn_sb_char(b, to[k], jn_mark_at(s, i));
}

/* Character by character: the result may be longer. */
sk_status eng_jn_case(jn_run *r, const jn_str *s, jn_case how, jn_val *out)
{
    jn_sb b;
    bool in_word = false;
    eng_jn_sb_init(&b, r);
    for (size_t i = 0; i < s->n && !b.st;) {
        size_t len;
        uint32_t c = eng_jn_utf8_get(s->p + i, &len);
        jn_case one = how;
        if (how == JN_CAPITALIZE) one = i ? JN_LOWER : JN_TITLE;
        if (how == JN_TITLE) one = in_word ? JN_LOWER : JN_TITLE;
        if (how == JN_SWAPCASE) one = eng_jn_is_upper(c) ? JN_LOWER : JN_UPPER;
        if (how == JN_SWAPCASE && !eng_jn_is_upper(c) && !eng_jn_is_lower(c))
            eng_jn_sb_part(&b, s, i, len);
        else
            put_case(&b, s, i, c, one);
        in_word = eng_jn_is_cased(c);
        i += len;
    }
    sk_status st = eng_jn_sb_done(&b, out);
    if (!st) st = eng_jn_step_bytes(r, s->n * 4);
    if (!st) out->u.s->safe = s->safe;
    return st;
}
