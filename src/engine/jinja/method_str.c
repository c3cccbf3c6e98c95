/* method_str.c - methods of strings. */
#include "engine/jinja/call.h"
#include "engine/jinja/method.h"
#include "engine/jinja/obj.h"
#include "engine/jinja/ops.h"
#include "engine/jinja/pyfmt.h"
#include "engine/jinja/seq.h"
#include "engine/jinja/strfn.h"
#include "engine/jinja/uni.h"

/* ---- cases ---- */

#define CASE_METHOD(name, how)                                                                     \
    static sk_status name(jn_run *r, jn_val v, const jn_args *a, jn_val *out)                      \
    {                                                                                              \
        (void)a;                                                                                   \
        return eng_jn_case(r, v.u.s, how, out);                                                    \
    }

CASE_METHOD(upper, JN_UPPER)
CASE_METHOD(lower, JN_LOWER)
CASE_METHOD(capitalize, JN_CAPITALIZE)
CASE_METHOD(title, JN_TITLE)
CASE_METHOD(swapcase, JN_SWAPCASE)
CASE_METHOD(casefold, JN_CASEFOLD)

/* ---- stripping ---- */

static sk_status strip_ends(jn_run *r, jn_val v, const jn_args *a, bool left, bool right,
                            jn_val *out)
{
    jn_str *chars = NULL;
    sk_status st = eng_jn_arg_str(r, a->v[0], "strip arg", &chars);
    return st ? st : eng_jn_strip(r, v.u.s, chars, left, right, out);
}

/* Both ends. */
static sk_status strip(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return strip_ends(r, v, a, true, true, out);
}

static sk_status lstrip(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return strip_ends(r, v, a, true, false, out);
}

static sk_status rstrip(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return strip_ends(r, v, a, false, true, out);
}

/* A string argument that must be there. */
static sk_status need_str(jn_run *r, jn_val v, const char *what, jn_str **out)
{
    sk_status st = eng_jn_arg_str(r, v, what, out);
    if (!st && !*out)
        return eng_jn_fail(r, SK_E_INVALID, "%s must be str, not %s", what, eng_jn_type_name(v));
    return st;
}

/* Without a prefix or suffix, if it is there. */
static sk_status remove_end(jn_run *r, jn_val v, const jn_args *a, bool front, jn_val *out)
{
    jn_str *end = NULL, *s = v.u.s;
    sk_status st = need_str(r, a->v[0], "argument", &end);
    if (st) return st;
    size_t at = front ? 0 : s->n - end->n;
    bool there = end->n <= s->n && eng_jn_str_find(s, at, at + end->n, end) == at;
    size_t n = there ? end->n : 0;
    return eng_jn_str_sub(r, s, front ? n : 0, s->n - n, out);
}

static sk_status removeprefix(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return remove_end(r, v, a, true, out);
}

static sk_status removesuffix(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return remove_end(r, v, a, false, out);
}

/* ---- splitting and joining ---- */

static sk_status split_by(jn_run *r, jn_val v, const jn_args *a, bool right, jn_val *out)
{
    jn_str *sep = NULL;
    int64_t max = -1;
    sk_status st = eng_jn_arg_str(r, a->v[0], "separator", &sep);
    if (!st) st = eng_jn_arg_int(r, a->v[1], "maxsplit", -1, &max);
    return st ? st : eng_jn_split(r, v.u.s, sep, max, right, out);
}

static sk_status split(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return split_by(r, v, a, false, out);
}

static sk_status rsplit(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return split_by(r, v, a, true, out);
}

static sk_status splitlines(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return eng_jn_split_lines(r, v.u.s, eng_jn_truth(a->v[0]), out);
}

/* (before, separator, behind), or the string with two empty ones. */
static sk_status partition_at(jn_run *r, jn_val v, const jn_args *a, bool right, jn_val *out)
{
    jn_str *sep = NULL, *s = v.u.s;
    sk_status st = need_str(r, a->v[0], "separator", &sep);
    if (st) return st;
    if (!sep->n) return eng_jn_fail(r, SK_E_INVALID, "empty separator");
    size_t at = right ? eng_jn_str_rfind(s, 0, s->n, sep) : eng_jn_str_find(s, 0, s->n, sep);
    bool found = at != SIZE_MAX;
    size_t end[4] = {0, s->n, s->n, s->n};
    if (found) {
        end[1] = at;
        end[2] = at + sep->n;
    } else if (right) {
        end[1] = end[2] = 0;
    }
    st = eng_jn_step_bytes(r, s->n);
    if (!st) st = eng_jn_seq_new(r, JN_TUPLE, 3, out);
    for (size_t i = 0; i < 3 && !st; i++)
        st = eng_jn_str_sub(r, s, end[i], end[i + 1] - end[i], &out->u.seq->v[i]);
    return st;
}

/* At the first separator. */
static sk_status partition(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return partition_at(r, v, a, false, out);
}

/* At the last one. */
static sk_status rpartition(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return partition_at(r, v, a, true, out);
}

/* Of strings only, unlike the filter. */
static sk_status join(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    jn_seq s;
    if (!eng_jn_iterable(a->v[0])) return eng_jn_fail(r, SK_E_INVALID, "can only join an iterable");
    sk_status st = eng_jn_items(r, a->v[0], &s);
    return st ? st : eng_jn_join(r, v.u.s, &s, true, out);
}

/* Of strings only, unlike the filter. */
static sk_status replace(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    jn_str *old = NULL, *by = NULL;
    int64_t count = -1;
    sk_status st = need_str(r, a->v[0], "replace() argument 1", &old);
    if (!st) st = need_str(r, a->v[1], "replace() argument 2", &by);
    if (!st) st = eng_jn_arg_int(r, a->v[2], "count", -1, &count);
    return st ? st : eng_jn_replace(r, v.u.s, old, by, count, out);
}

static sk_status format(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return eng_jn_format(r, v, a, out);
}

/* ---- searching ---- */

/* The bytes [from, to) that the arguments start and end (from a->v[i] on) stand for; false when
 * start is past the end, where nothing is found, not even an empty text.  Positions of templates
 * count characters, those of the engine bytes; this is where they meet. */
static sk_status part(jn_run *r, jn_str *s, const jn_args *a, size_t i, size_t *from, size_t *to,
                      bool *inside)
{
    int64_t n = (int64_t)eng_jn_str_chars(s), start = 0, end = n;
    sk_status st = SK_OK;
    if (a->v[i].type != JN_NONE) st = eng_jn_arg_int(r, a->v[i], "start", 0, &start);
    if (!st && a->v[i + 1].type != JN_NONE) st = eng_jn_arg_int(r, a->v[i + 1], "end", n, &end);
    if (st) return st;
    if (start < 0) start = start + n < 0 ? 0 : start + n;
    if (end < 0) end = end + n < 0 ? 0 : end + n;
    if (end > n) end = n;
    *inside = start <= end && start <= n;
    *from = eng_jn_str_offset(s, (size_t)(*inside ? start : 0));
    *to = eng_jn_str_offset(s, (size_t)(*inside ? end : 0));
    return eng_jn_step_bytes(r, s->n);
}

/* The place of a text in code points, -1 if it is not there.  The bytes found are turned into
 * characters by counting those before. */
static sk_status find_at(jn_run *r, jn_val v, const jn_args *a, bool right, int64_t *out)
{
    jn_str *what = NULL, *s = v.u.s;
    size_t from = 0, to = 0;
    bool inside = false;
    jn_val before = jn_none();
    *out = -1;
    sk_status st = need_str(r, a->v[0], "argument", &what);
    if (!st) st = part(r, s, a, 1, &from, &to, &inside);
    if (st || !inside) return st;
    size_t at = right ? eng_jn_str_rfind(s, from, to, what) : eng_jn_str_find(s, from, to, what);
    if (at == SIZE_MAX) return SK_OK;
    st = eng_jn_str_sub(r, s, 0, at, &before);
    if (!st) *out = (int64_t)eng_jn_str_chars(before.u.s);
    return st;
}

/* index() fails where find() gives -1. */
static sk_status find_or_fail(jn_run *r, jn_val v, const jn_args *a, bool right, bool must,
                              jn_val *out)
{
    int64_t at = -1;
    sk_status st = find_at(r, v, a, right, &at);
    if (!st && must && at < 0) return eng_jn_fail(r, SK_E_INVALID, "substring not found");
    *out = jn_int(at);
    return st;
}

static sk_status find(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return find_or_fail(r, v, a, false, false, out);
}

static sk_status rfind(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return find_or_fail(r, v, a, true, false, out);
}

static sk_status index_of(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return find_or_fail(r, v, a, false, true, out);
}

static sk_status rindex_of(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return find_or_fail(r, v, a, true, true, out);
}

/* Places that don't overlap. */
static sk_status count(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    jn_str *what = NULL;
    jn_val s = jn_none();
    size_t from = 0, to = 0;
    bool inside = false;
    sk_status st = need_str(r, a->v[0], "argument", &what);
    if (!st) st = part(r, v.u.s, a, 1, &from, &to, &inside);
    if (!st) st = eng_jn_str_sub(r, v.u.s, from, to - from, &s);
    if (!st) *out = jn_int(inside ? (int64_t)eng_jn_count(s.u.s, what) : 0);
    return st;
}

/* Whether s[from..to) begins (ends) with that text. */
static bool has_end(const jn_str *s, size_t from, size_t to, const jn_str *end, bool front)
{
    if (end->n > to - from) return false;
    size_t at = front ? from : to - end->n;
    return eng_jn_str_find(s, at, at + end->n, end) == at;
}

/* One text or a tuple of them. */
static sk_status with_end(jn_run *r, jn_val v, const jn_args *a, bool front, jn_val *out)
{
    size_t from = 0, to = 0;
    bool inside = false, yes = false;
    jn_seq one = {&a->v[0], 1, 1, false};
    const jn_seq *all = a->v[0].type == JN_TUPLE ? a->v[0].u.seq : &one;
    sk_status st = part(r, v.u.s, a, 1, &from, &to, &inside);
    for (size_t i = 0; i < all->n && !st; i++) {
        if (all->v[i].type == JN_UNDEF) return eng_jn_undef_fail(r, all->v[i]);
        if (all->v[i].type != JN_STR)
            return eng_jn_fail(r, SK_E_INVALID,
                               "%s first arg must be str or a tuple of str, not %s",
                               front ? "startswith" : "endswith", eng_jn_type_name(all->v[i]));
        yes |= inside && has_end(v.u.s, from, to, all->v[i].u.s, front);
    }
    *out = jn_bool(yes);
    return st;
}

static sk_status startswith(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return with_end(r, v, a, true, out);
}

static sk_status endswith(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return with_end(r, v, a, false, out);
}

/* ---- kinds of characters ---- */

static bool is_alnum(uint32_t c)
{
    return eng_jn_is_alpha(c) || eng_jn_is_numeric(c);
}

/* True when there are characters and all are of that kind. */
static sk_status all_are(jn_run *r, jn_val v, bool (*kind)(uint32_t), jn_val *out)
{
    bool yes = v.u.s->n > 0;
    for (size_t i = 0, len; i < v.u.s->n && yes; i += len)
        yes = kind(eng_jn_utf8_get(v.u.s->p + i, &len));
    *out = jn_bool(yes);
    return eng_jn_step_bytes(r, v.u.s->n * 4);
}

#define KIND_METHOD(name, kind)                                                                    \
    static sk_status name(jn_run *r, jn_val v, const jn_args *a, jn_val *out)                      \
    {                                                                                              \
        (void)a;                                                                                   \
        return all_are(r, v, kind, out);                                                           \
    }

KIND_METHOD(isalpha_, eng_jn_is_alpha)
KIND_METHOD(isalnum_, is_alnum)
KIND_METHOD(isdigit_, eng_jn_is_digit)
KIND_METHOD(isdecimal_, eng_jn_is_decimal)
KIND_METHOD(isnumeric_, eng_jn_is_numeric)
KIND_METHOD(isspace_, eng_jn_is_space)

/* The empty string is. */
static sk_status isascii_(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    (void)a;
    *out = jn_bool(eng_jn_str_chars(v.u.s) == v.u.s->n);
    return eng_jn_step_bytes(r, v.u.s->n);
}

/* Some letter has the case, and none the other one. */
static sk_status of_case(jn_run *r, jn_val v, bool (*kind)(uint32_t), jn_val *out)
{
    bool some = false, other = false;
    for (size_t i = 0, len; i < v.u.s->n && !other; i += len) {
        uint32_t c = eng_jn_utf8_get(v.u.s->p + i, &len);
        some |= kind(c);
        other = !kind(c) && eng_jn_is_cased(c);
    }
    *out = jn_bool(some && !other);
    return eng_jn_step_bytes(r, v.u.s->n * 4);
}

static sk_status isupper_(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    (void)a;
    return of_case(r, v, eng_jn_is_upper, out);
}

static sk_status islower_(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    (void)a;
    return of_case(r, v, eng_jn_is_lower, out);
}

/* ---- filling up ---- */

/* `left` fill characters before the string and `right` behind it.  Refused by the output's limit
 * before a blank is written. */
static sk_status filled(jn_run *r, jn_str *s, jn_str *fill, int64_t left, int64_t right,
                        jn_val *out)
{
    jn_str blank = {.p = " ", .n = 1, .chars = 1};
    jn_sb b;
    if (fill && eng_jn_str_chars(fill) != 1)
        return eng_jn_fail(r, SK_E_INVALID,
                           "The fill character must be exactly one character long");
    if (left + right > (int64_t)r->max_output)
        return eng_jn_fail(r, SK_E_TOOBIG, "a text of more than %llu bytes",
                           (unsigned long long)r->max_output);
    eng_jn_sb_init(&b, r);
    for (int64_t i = 0; i < left; i++)
        eng_jn_sb_str(&b, fill ? fill : &blank);
    eng_jn_sb_str(&b, s);
    for (int64_t i = 0; i < right; i++)
        eng_jn_sb_str(&b, fill ? fill : &blank);
    sk_status st = eng_jn_step(r, (uint64_t)(left + right) / 8);
    return st ? st : eng_jn_sb_done(&b, out);
}

/* Characters missing up to the width in a->v[0]. */
static sk_status missing(jn_run *r, jn_val v, const jn_args *a, int64_t *width, int64_t *out)
{
    sk_status st = eng_jn_arg_int(r, a->v[0], "width", 0, width);
    if (st) return st;
    int64_t n = (int64_t)eng_jn_str_chars(v.u.s);
    *out = *width > n ? *width - n : 0;
    return SK_OK;
}

/* where: '<' to the left, '>' to the right, '^' in the middle.  In the middle an odd blank goes
 * left if the width is odd, too: CPython's formula. */
static sk_status justify(jn_run *r, jn_val v, const jn_args *a, char where, jn_val *out)
{
    int64_t width = 0, need = 0;
    jn_str *fill = NULL;
    sk_status st = missing(r, v, a, &width, &need);
    if (!st) st = eng_jn_arg_str(r, a->v[1], "fill character", &fill);
    if (st) return st;
    int64_t left = where == '<' ? 0 : where == '>' ? need : need / 2 + (need & width & 1);
    return filled(r, v.u.s, fill, left, need - left, out);
}

static sk_status ljust(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return justify(r, v, a, '<', out);
}

static sk_status rjust(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return justify(r, v, a, '>', out);
}

static sk_status center(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    return justify(r, v, a, '^', out);
}

/* Zeros behind the sign. */
static sk_status zfill(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    jn_str zero = {.p = "0", .n = 1, .chars = 1}, *s = v.u.s;
    jn_val sign = jn_none(), rest = jn_none();
    int64_t width = 0, need = 0;
    sk_status st = missing(r, v, a, &width, &need);
    size_t n_sign = s->n && (s->p[0] == '-' || s->p[0] == '+');
    if (!st) st = eng_jn_str_sub(r, s, 0, n_sign, &sign);
    if (!st) st = eng_jn_str_sub(r, s, n_sign, s->n - n_sign, &rest);
    if (!st) st = filled(r, rest.u.s, &zero, need, 0, &rest);
    return st ? st : eng_jn_str_cat(r, sign.u.s, rest.u.s, out);
}

const jn_fn eng_jn_methods_str[] = {
    {"upper", "", 0, upper},
    {"lower", "", 0, lower},
    {"capitalize", "", 0, capitalize},
    {"title", "", 0, title},
    {"swapcase", "", 0, swapcase},
    {"casefold", "", 0, casefold},
    {"strip", "chars", 0, strip},
    {"lstrip", "chars", 0, lstrip},
    {"rstrip", "chars", 0, rstrip},
    {"removeprefix", "prefix", 1, removeprefix},
    {"removesuffix", "suffix", 1, removesuffix},
    {"split", "sep maxsplit", 0, split},
    {"rsplit", "sep maxsplit", 0, rsplit},
    {"splitlines", "keepends", 0, splitlines},
    {"partition", "sep", 1, partition},
    {"rpartition", "sep", 1, rpartition},
    {"join", "iterable", 1, join},
    {"replace", "old new count", 2, replace},
    {"format", NULL, 0, format},
    {"find", "sub start end", 1, find},
    {"rfind", "sub start end", 1, rfind},
    {"index", "sub start end", 1, index_of},
    {"rindex", "sub start end", 1, rindex_of},
    {"count", "sub start end", 1, count},
    {"startswith", "prefix start end", 1, startswith},
    {"endswith", "suffix start end", 1, endswith},
    {"isalpha", "", 0, isalpha_},
    {"isalnum", "", 0, isalnum_},
    {"isdigit", "", 0, isdigit_},
    {"isdecimal", "", 0, isdecimal_},
    {"isnumeric", "", 0, isnumeric_},
    {"isspace", "", 0, isspace_},
    {"isascii", "", 0, isascii_},
    {"isupper", "", 0, isupper_},
    {"islower", "", 0, islower_},
    {"ljust", "width fillchar", 1, ljust},
    {"rjust", "width fillchar", 1, rjust},
    {"center", "width fillchar", 1, center},
    {"zfill", "width", 1, zfill},
    {"encode", "", 0, NULL},
    {"expandtabs", "", 0, NULL},
    {"format_map", "", 0, NULL},
    {"isidentifier", "", 0, NULL},
    {"isprintable", "", 0, NULL},
    {"istitle", "", 0, NULL},
    {"maketrans", "", 0, NULL},
    {"translate", "", 0, NULL},
    {NULL, NULL, 0, NULL},
};
