/* regex_class.c - characters, classes and repetitions of a pattern (ECMA-262, 22.2.1). */
#include "engine/grammar/regex_class.h"
#include "engine/grammar/regex.h"
#include "engine/token/unidata.h"

bool eng_rescan_bad(eng_rescan *s, const char *what)
{
    if (!s->st)
        s->st = sk_fail(s->e, SK_E_INVALID, "the pattern is malformed at byte %zu: %s", s->i, what);
    return false;
}

bool eng_rescan_refuse(eng_rescan *s, const char *what)
{
    if (!s->st)
        s->st = sk_fail(s->e, SK_E_UNSUPPORTED, "%s cannot be enforced (byte %zu of the pattern)",
                        what, s->i);
    return false;
}

bool eng_rescan_take(eng_rescan *s, const char *word)
{
    size_t n = strlen(word);
    if (s->n - s->i < n || memcmp(s->text + s->i, word, n) != 0) return false;
    s->i += n;
    return true;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* n hexadecimal digits; UINT32_MAX, and nothing passed, if they aren't there. */
static uint32_t take_hex(eng_rescan *s, size_t n)
{
    uint32_t v = 0;
    if (s->n - s->i < n) return UINT32_MAX;
    for (size_t k = 0; k < n; k++) {
        int d = hex_value(s->text[s->i + k]);
        if (d < 0) return UINT32_MAX;
        v = v * 16 + (uint32_t)d;
    }
    s->i += n;
    return v;
}

/* Behind \u: {X...}, XXXX, or a pair of surrogates. */
static uint32_t take_unicode(eng_rescan *s)
{
    if (eng_rescan_take(s, "{")) {
        uint32_t v = 0;
        while (s->i < s->n && hex_value(s->text[s->i]) >= 0 && v <= 0x10ffff)
            v = v * 16 + (uint32_t)hex_value(s->text[s->i++]);
        if (!eng_rescan_take(s, "}") || v > 0x10ffff) (void)eng_rescan_bad(s, "\\u{...}");
        return v;
    }
    uint32_t v = take_hex(s, 4);
    if (v == UINT32_MAX) {
        (void)eng_rescan_bad(s, "\\u without four digits");
        return 0;
    }
    if (v >= 0xd800 && v < 0xdc00 && eng_rescan_take(s, "\\u")) {
        uint32_t low = take_hex(s, 4);
        if (low < 0xdc00 || low > 0xdfff)
            (void)eng_rescan_bad(s, "half of a pair of surrogates");
        else
            v = 0x10000 + ((v - 0xd800) << 10) + (low - 0xdc00);
    }
    return v;
}

static void add_digits(eng_chars *c)
{
    eng_chars_add(c, '0', '9');
}

static void add_word(eng_chars *c)
{
    add_digits(c);
    eng_chars_add(c, 'A', 'Z');
    eng_chars_add(c, '_', '_');
    eng_chars_add(c, 'a', 'z');
}

/* WhiteSpace and LineTerminator of ECMA-262. */
static void add_space(eng_chars *c)
{
    static const uint16_t r[][2] = {
        {9, 13},          {32, 32},         {0xa0, 0xa0},     {0x1680, 0x1680}, {0x2000, 0x200a},
        {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}, {0xfeff, 0xfeff}};
    for (size_t i = 0; i < sizeof r / sizeof *r; i++)
        eng_chars_add(c, r[i][0], r[i][1]);
}

/* \d, \w, \s and their opposites; false if k is none of these letters. */
static bool add_named(eng_chars *c, char k)
{
    eng_chars set = ENG_CHARS_INIT;
    switch (k) {
    case 'd':
    case 'D':
        add_digits(&set);
        break;
    case 'w':
    case 'W':
        add_word(&set);
        break;
    case 's':
    case 'S':
        add_space(&set);
        break;
    default:
        return false;
    }
    if (k < 'a') eng_chars_invert(&set);
    eng_chars_join(c, &set);
    eng_chars_fini(&set);
    return true;
}

/* A character by an escape of one letter, 0 if k is none. */
static uint32_t control(char k)
{
    switch (k) {
    case 't':
        return '\t';
    case 'n':
        return '\n';
    case 'v':
        return '\v';
    case 'f':
        return '\f';
    case 'r':
        return '\r';
    default:
        return 0;
    }
}

/* What an escape asks for that can't be had; NULL for one that can. */
static const char *refusal(char k, bool in_class)
{
    if (k == 'B' || (k == 'b' && !in_class)) return "a word boundary";
    if (k == 'p' || k == 'P') return "\\p";
    return k == 'k' || (k >= '1' && k <= '9') ? "a back reference" : NULL;
}

/* An escape that says a character by its number: x, u or c, which k is, just taken. */
static bool take_numbered(eng_rescan *s, char k, uint32_t *ch)
{
    if (k == 'x') {
        *ch = take_hex(s, 2);
        return *ch != UINT32_MAX || eng_rescan_bad(s, "\\x without two digits");
    }
    if (k == 'u') return *ch = take_unicode(s), !s->st;
    char letter = s->i < s->n ? s->text[s->i++] : 0;
    if (!((letter | 32) >= 'a' && (letter | 32) <= 'z')) return eng_rescan_bad(s, "\\c");
    return *ch = (uint8_t)letter & 31, true;
}

/* Behind a backslash: one character into *ch, or a class added to c (then *ch is UINT32_MAX). */
static bool take_escape(eng_rescan *s, bool in_class, eng_chars *c, uint32_t *ch)
{
    if (s->i >= s->n) return eng_rescan_bad(s, "a backslash at the end");
    char k = s->text[s->i++];
    *ch = UINT32_MAX;
    if (add_named(c, k)) return true;
    if (refusal(k, in_class)) return eng_rescan_refuse(s, refusal(k, in_class));
    if (k == 'b') return *ch = '\b', true; /* in a class */
    if (k == '0') return *ch = 0, true;
    if (k == 'x' || k == 'u' || k == 'c') return take_numbered(s, k, ch);
    if (control(k)) return *ch = control(k), true;
    if ((k >= 'a' && k <= 'z') || (k >= 'A' && k <= 'Z'))
        return eng_rescan_refuse(s, "an escape of that letter");
    s->i--;
    size_t len = eng_utf8_sequence((const uint8_t *)s->text + s->i, s->n - s->i);
    if (!len) return eng_rescan_bad(s, "no UTF-8");
    *ch = eng_utf8_char((const uint8_t *)s->text + s->i, len);
    s->i += len;
    return true;
}

/* One character as it is, or an escape. */
static bool take_one(eng_rescan *s, bool in_class, eng_chars *c, uint32_t *ch)
{
    if (eng_rescan_take(s, "\\")) return take_escape(s, in_class, c, ch);
    size_t len = eng_utf8_sequence((const uint8_t *)s->text + s->i, s->n - s->i);
    if (!len) return eng_rescan_bad(s, "no UTF-8");
    *ch = eng_utf8_char((const uint8_t *)s->text + s->i, len);
    s->i += len;
    return true;
}

/* Behind '['. */
static bool take_class(eng_rescan *s, eng_chars *c)
{
    bool inverted = eng_rescan_take(s, "^");
    while (!eng_rescan_take(s, "]")) {
        uint32_t lo, hi;
        if (s->i >= s->n) return eng_rescan_bad(s, "a class without its end");
        if (!take_one(s, true, c, &lo)) return false;
        bool range = s->n - s->i >= 2 && s->text[s->i] == '-' && s->text[s->i + 1] != ']';
        if (lo == UINT32_MAX) continue; /* a '-' behind a class is a character */
        if (!range) {
            eng_chars_add(c, lo, lo);
            continue;
        }
        s->i++;
        if (!take_one(s, true, c, &hi)) return false;
        if (hi == UINT32_MAX) {
            eng_chars_add(c, lo, lo);
            eng_chars_add(c, '-', '-');
        } else if (lo > hi) {
            return eng_rescan_bad(s, "a range whose ends are the wrong way round");
        } else {
            eng_chars_add(c, lo, hi);
        }
    }
    if (inverted) eng_chars_invert(c);
    return true;
}

bool eng_rescan_chars(eng_rescan *s, eng_chars *c)
{
    uint32_t ch;
    if (eng_rescan_take(s, "[")) return take_class(s, c);
    if (eng_rescan_take(s, ".")) {
        eng_chars_add(c, '\n', '\n');
        eng_chars_add(c, '\r', '\r');
        eng_chars_add(c, 0x2028, 0x2029);
        eng_chars_invert(c);
        return true;
    }
    if (strchr("*+?", s->text[s->i])) return eng_rescan_bad(s, "nothing to repeat");
    if (!take_one(s, false, c, &ch)) return false;
    if (ch != UINT32_MAX) eng_chars_add(c, ch, ch);
    return true;
}

/* A number without sign, bounded; false if there is none. */
static bool take_number(eng_rescan *s, uint32_t *out)
{
    size_t from = s->i;
    uint32_t v = 0;
    while (s->i < s->n && s->text[s->i] >= '0' && s->text[s->i] <= '9') {
        v = v * 10 + (uint32_t)(s->text[s->i++] - '0');
        if (v > ENG_REGEX_REPEAT) v = ENG_REGEX_REPEAT + 1;
    }
    *out = v;
    return s->i > from;
}

/* {n}, {n,}, {n,m}; anything else in braces is text, and nothing is passed. */
static bool take_braces(eng_rescan *s, uint32_t *lo, uint32_t *hi)
{
    size_t from = s->i;
    if (!eng_rescan_take(s, "{") || !take_number(s, lo)) return s->i = from, false;
    *hi = *lo;
    if (eng_rescan_take(s, ",") && !take_number(s, hi)) *hi = ENG_RX_INF;
    if (!eng_rescan_take(s, "}")) return s->i = from, false;
    if (*lo > *hi) return eng_rescan_bad(s, "bounds the wrong way round");
    if (*lo > ENG_REGEX_REPEAT || (*hi != ENG_RX_INF && *hi > ENG_REGEX_REPEAT))
        return eng_rescan_refuse(s, "so many repetitions");
    return true;
}

bool eng_rescan_repeat(eng_rescan *s, uint32_t *lo, uint32_t *hi)
{
    *lo = 0;
    *hi = ENG_RX_INF;
    if (eng_rescan_take(s, "+"))
        *lo = 1;
    else if (eng_rescan_take(s, "?"))
        *hi = 1;
    else if (!eng_rescan_take(s, "*") && !take_braces(s, lo, hi))
        return false;
    (void)eng_rescan_take(s, "?");
    return true;
}
