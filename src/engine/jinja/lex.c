/* lex.c - template text to tokens.
 *
 * The rules are those of jinja2's lexer.py with trim_blocks and lstrip_blocks on,
 * keep_trailing_newline off.  They are written out here instead of as its regular expressions,
 * so that the time is linear in the text and nothing recurses.  Each of the three kinds of tags
 * has rules of its own for the white space around it:
 *     {{ }}   takes none but with '-'; '+' means nothing special
 *     {% %}   takes the blanks before it, if it is first on its line, and one newline behind it
 *     {# #}   as {% %}
 */
#include "engine/jinja/lex.h"

#include "engine/jinja/str.h"
#include "engine/jinja/uni.h"

#include <assert.h>
#include <string.h>

/* Brackets open at once within one tag; a fixed stack, as the parser would refuse deeper nesting
 * anyway. */
enum { MAX_BRACKETS = 1000 };

typedef struct lexer {
    jn_run *r;
    const char *p; /* the text, newlines made one kind */
    size_t n, at;
    int line;
    bool line_start; /* the last tag ended with a newline */
    jn_tok *tok;
    size_t n_tok, cap;
    char open[MAX_BRACKETS]; /* brackets that wait for their end */
    size_t n_open;
} lexer;

/* A syntax error at the present line.  The run's line is set here and not as the lexer goes:
 * only errors need it. */
static sk_status bad(lexer *x, const char *what)
{
    x->r->line = x->line;
    return eng_jn_fail(x->r, SK_E_FORMAT, "%s", what);
}

/* Appends a token; the line is that of its beginning. */
static sk_status push(lexer *x, jn_tok_type type, const char *p, size_t n)
{
    if (x->n_tok == x->cap) {
        size_t cap = x->cap ? x->cap * 2 : 256;
        jn_tok *tok = jn_new_n(&x->r->mem, jn_tok, cap);
        if (!tok) return eng_jn_oom(x->r);
        if (x->n_tok) memcpy(tok, x->tok, x->n_tok * sizeof *tok);
        x->tok = tok;
        x->cap = cap;
    }
    x->tok[x->n_tok++] = (jn_tok){type, x->line, p, n};
    return SK_OK;
}

/* Moves to `to`, counting lines. */
static void advance(lexer *x, size_t to)
{
    assert(to <= x->n);
    for (; x->at < to; x->at++)
        x->line += x->p[x->at] == '\n';
}

/* First place at or behind i that is no blank. */
static size_t skip_blanks(const lexer *x, size_t i)
{
    while (i < x->n) {
        size_t len;
        if (!eng_jn_is_space(eng_jn_utf8_get(x->p + i, &len))) break;
        i += len;
    }
    return i;
}

/* True when `what` stands at i <= x->n. */
static bool starts(const lexer *x, size_t i, const char *what)
{
    size_t n = strlen(what);
    assert(i <= x->n);
    return n <= x->n - i && memcmp(x->p + i, what, n) == 0;
}

/* Where what is ends that begins with the sign and `close` at i: behind the blanks a '-' takes, and
 * behind one newline if `newline`; 0 if no end is there.  '+' keeps the newline. */
static size_t tag_end(const lexer *x, size_t i, const char *close, bool plus, bool newline)
{
    if (i >= x->n) return 0;
    size_t n = strlen(close);
    char sign = x->p[i];
    if (sign == '-' && starts(x, i + 1, close)) return skip_blanks(x, i + 1 + n);
    if (sign == '+' && plus && starts(x, i + 1, close)) return i + 1 + n;
    if (!starts(x, i, close)) return 0;
    i += n;
    return newline && i < x->n && x->p[i] == '\n' ? i + 1 : i;
}

/* If "{%" at i begins a raw block: behind its tag; else 0. */
static size_t word_tag(const lexer *x, size_t i, const char *word, bool plus, bool newline)
{
    i += 2;
    if (i < x->n && (x->p[i] == '-' || x->p[i] == '+')) i++;
    i = skip_blanks(x, i);
    if (!starts(x, i, word)) return 0;
    return tag_end(x, skip_blanks(x, i + strlen(word)), "%}", plus, newline);
}

/* ---- text between tags ---- */

/* Where text[from..to) ends without the white space at its end. */
static size_t strip_all(const lexer *x, size_t from, size_t to)
{
    while (to > from) {
        size_t i = to - 1, len;
        while (i > from && ((unsigned char)x->p[i] & 0xC0) == 0x80)
            i--;
        if (!eng_jn_is_space(eng_jn_utf8_get(x->p + i, &len))) break;
        to = i;
    }
    return to;
}

/* The end of text[from..to) once the blanks that the tag behind it takes are gone.  lstrip_blocks:
 * the blanks go only if nothing but blanks stands between the beginning of the line and the tag.
 * Where the text begins behind a tag, "the beginning of the line" is there only if that tag took a
 * newline (line_start). */
static size_t strip_before(const lexer *x, size_t from, size_t to, bool variable)
{
    assert(from <= to && to <= x->n);
    char sign = to + 2 < x->n ? x->p[to + 2] : 0;
    if (sign == '-') return strip_all(x, from, to);
    if (sign == '+' || variable) return to;
    size_t line = to;
    while (line > from && x->p[line - 1] != '\n')
        line--;
    if (line == from && !x->line_start) return to;
    return skip_blanks(x, line) >= to ? line : to;
}

/* Pushes the text [at, to) without its last to - end bytes. */
static sk_status push_data(lexer *x, size_t end, size_t to)
{
    sk_status st = end > x->at ? push(x, JT_DATA, x->p + x->at, end - x->at) : SK_OK;
    advance(x, to);
    return st;
}

/* "{#" at x->at: over the comment. */
static sk_status skip_comment(lexer *x)
{
    size_t i = x->at + 2;
    if (i < x->n && (x->p[i] == '-' || x->p[i] == '+')) i++;
    for (; i < x->n; i++) {
        size_t end = tag_end(x, i, "#}", true, true);
        if (!end) continue;
        advance(x, end);
        x->line_start = x->p[end - 1] == '\n';
        return SK_OK;
    }
    return bad(x, "a comment \"{#\" is not closed");
}

/* Behind the tag of a raw block: its text up to endraw.  What looks like tags in it is text;
 * only "{% endraw %}" with its own signs ends it. */
static sk_status lex_raw(lexer *x)
{
    for (size_t i = x->at; i + 1 < x->n; i++) {
        if (x->p[i] != '{' || x->p[i + 1] != '%') continue;
        size_t end = word_tag(x, i, "endraw", true, true);
        if (!end) continue;
        sk_status st = push_data(x, strip_before(x, x->at, i, false), end);
        x->line_start = x->p[end - 1] == '\n';
        return st;
    }
    return bad(x, "a block \"raw\" is not closed");
}

/* ---- inside tags ---- */

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* End of digits of the base from i on, with single underscores between; i if there are none.  An
 * underscore that is not between two digits ends the number before it, and the parser then
 * stumbles over a name, as jinja2's does. */
static size_t digits(const lexer *x, size_t i, int base)
{
    size_t end = i;
    for (size_t k = i; k < x->n; k++) {
        char c = x->p[k];
        if (c == '_' && k > i && x->p[k - 1] != '_') continue;
        int d = digit(c) ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : 99;
        if (d >= base) break;
        end = k + 1;
    }
    return end;
}

/* Behind an exponent at k ("e-3", in either case), or k if none is there: an e that no digit
 * follows begins a name. */
static size_t exponent_end(const lexer *x, size_t k)
{
    size_t i = k;
    if (i == x->n || (x->p[i] | 32) != 'e') return k;
    i++;
    if (i < x->n && (x->p[i] == '+' || x->p[i] == '-')) i++;
    return i < x->n && digit(x->p[i]) ? digits(x, i, 10) : k;
}

/* End of a number with a fraction or an exponent at i, 0 if there is none.  Behind a point there
 * is none: x.1.2 is two subscripts, not the item 1.2. */
static size_t float_end(const lexer *x, size_t i)
{
    if (i > 0 && x->p[i - 1] == '.') return 0;
    size_t whole = digits(x, i, 10), end = whole;
    if (whole == i) return 0;
    if (whole + 1 < x->n && x->p[whole] == '.' && digit(x->p[whole + 1]))
        end = digits(x, whole + 1, 10);
    end = exponent_end(x, end);
    return end > whole ? end : 0;
}

/* End of a whole number at i; the first digit is one.  A leading zero stands alone (00 is 0, 01
 * is 0 and 1), as in jinja2's pattern. */
static size_t int_end(const lexer *x, size_t i)
{
    char kind = x->p[i] == '0' && i + 1 < x->n ? x->p[i + 1] | 32 : 0;
    int base = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 0;
    if (base) {
        size_t from = i + 2 + (i + 2 < x->n && x->p[i + 2] == '_'), end = digits(x, from, base);
        return end > from ? end : i + 1;
    }
    if (x->p[i] != '0') return digits(x, i, 10);
    return digits(x, i, 1);
}

/* Any character beyond ASCII counts as a letter, which is more than Python takes. */
static bool name_char(char c)
{
    return digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_' || (unsigned char)c >= 0x80;
}

/* Value of n hexadecimal digits at p, -1 if they aren't. */
static int64_t hex(const char *p, size_t n, const char *end)
{
    int64_t v = 0;
    if ((size_t)(end - p) < n) return -1;
    for (size_t i = 0; i < n; i++) {
        char c = p[i] | 32;
        int d = digit(p[i]) ? p[i] - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (d < 0) return -1;
        v = v << 4 | d;
    }
    return v;
}

/* Up to three octal digits at *p, the first of which is one. */
static int64_t octal(const char **p, const char *end)
{
    int64_t v = 0;
    for (int i = 0; i < 3 && *p < end && **p >= '0' && **p <= '7'; i++)
        v = v * 8 + (*(*p)++ - '0');
    return v;
}

/* The character an escape stands for; *p is at the letter behind the backslash and moves behind
 * the escape.  -1: the backslash and the letter stay; -2: nothing; -3: an error.  \N{name} would
 * need Unicode's list of names: an error, rather than a prompt that differs.  A surrogate is
 * refused, since no UTF-8 can say it. */
static int64_t escape(const char **p, const char *end)
{
    static const char from[] = "abfnrtv\\'\"", to[] = "\a\b\f\n\r\t\v\\'\"";
    char c = **p;
    if (c >= '0' && c <= '7') return octal(p, end);
    ++*p;
    if (c == '\n') return -2;
    if (c == 'N') return -3;
    const char *k = memchr(from, c, sizeof from - 1);
    if (k) return (unsigned char)to[k - from];
    size_t n = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (!n) return -1;
    int64_t v = hex(*p, n, end);
    if (v < 0 || v > 0x10FFFF || (v >= 0xD800 && v < 0xE000)) return -3;
    *p += n;
    return v;
}

/* A string token of the characters between the quotes. */
static sk_status push_string(lexer *x, const char *p, const char *end)
{
    char *out = eng_jn_alloc(&x->r->mem, (size_t)(end - p) + 1);
    if (!out) return eng_jn_oom(x->r);
    size_t n = 0;
    while (p < end) {
        if (*p != '\\') {
            out[n++] = *p++;
            continue;
        }
        p++;
        assert(p < end); /* lex_string took the letter along */
        const char *letter = p;
        int64_t c = escape(&p, end);
        if (c == -3) return bad(x, "a string has an escape that this engine does not know");
        if (c == -2) continue;
        if (c == -1) {
            out[n++] = '\\';
            out[n++] = *letter;
            continue;
        }
        n += eng_jn_utf8_put((uint32_t)c, out + n);
    }
    return push(x, JT_STRING, out, n);
}

/* The string that begins at x->at. */
static sk_status lex_string(lexer *x)
{
    char quote = x->p[x->at];
    size_t i = x->at + 1;
    while (i < x->n && x->p[i] != quote)
        i += x->p[i] == '\\' ? 2 : 1;
    if (i >= x->n) return bad(x, "a string is not closed");
    sk_status st = push_string(x, x->p + x->at + 1, x->p + i);
    advance(x, i + 1);
    return st;
}

/* Keeps the brackets balanced: an opening one waits for its end, a closing one must be what is
 * waited for. */
static sk_status check_bracket(lexer *x, char c)
{
    static const char pairs[] = "()[]{}";
    const char *k = strchr(pairs, c);
    if (!k) return SK_OK;
    if ((k - pairs) % 2 == 0) {
        if (x->n_open == MAX_BRACKETS) return bad(x, "too many brackets are open");
        x->open[x->n_open++] = k[1];
        return SK_OK;
    }
    if (x->n_open && x->open[--x->n_open] == c) return SK_OK;
    x->r->line = x->line;
    return eng_jn_fail(x->r, SK_E_FORMAT, "unexpected '%c'", c);
}

/* The operator that begins at x->at.  A closing "}}" inside brackets is two closing braces; so the
 * end of a tag is only looked for where none is open (lex_tag). */
static sk_status lex_operator(lexer *x)
{
    static const char two[][3] = {"//", "**", "==", "!=", ">=", "<="};
    static const char one[] = "+-/*%~[](){}><=.:|,;";
    size_t n = 0;
    for (size_t i = 0; i < sizeof two / sizeof two[0]; i++)
        if (starts(x, x->at, two[i])) n = 2;
    char c = x->p[x->at];
    if (!n && c && strchr(one, c)) n = 1;
    if (!n) {
        x->r->line = x->line;
        return eng_jn_fail(x->r, SK_E_FORMAT, "unexpected character '%c'",
                           c > ' ' && c < 127 ? c : '?');
    }
    sk_status st = n == 1 ? check_bracket(x, c) : SK_OK;
    if (!st) st = push(x, JT_OP, x->p + x->at, n);
    if (!st) advance(x, x->at + n);
    return st;
}

/* One token inside a tag. */
static sk_status lex_token(lexer *x)
{
    char c = x->p[x->at];
    size_t end;
    if (digit(c)) {
        jn_tok_type type = JT_FLOAT;
        end = float_end(x, x->at);
        if (!end) {
            end = int_end(x, x->at);
            type = JT_INT;
        }
        sk_status st = push(x, type, x->p + x->at, end - x->at);
        advance(x, end);
        return st;
    }
    if (name_char(c)) {
        for (end = x->at; end < x->n && name_char(x->p[end]);)
            end++;
        sk_status st = push(x, JT_NAME, x->p + x->at, end - x->at);
        advance(x, end);
        return st;
    }
    return c == '\'' || c == '"' ? lex_string(x) : lex_operator(x);
}

/* Behind "{{" or "{%": tokens up to the end of the tag. */
static sk_status lex_tag(lexer *x, bool variable)
{
    int line = x->line;
    const char *close = variable ? "}}" : "%}";
    x->n_open = 0;
    for (;;) {
        advance(x, skip_blanks(x, x->at));
        if (x->at >= x->n) {
            x->line = line;
            return bad(x, variable ? "\"{{\" is not closed" : "\"{%\" is not closed");
        }
        size_t end = x->n_open ? 0 : tag_end(x, x->at, close, !variable, !variable);
        sk_status st = end ? push(x, variable ? JT_VAR_END : JT_BLOCK_END, close, 2) : lex_token(x);
        if (st) return st;
        if (!end) continue;
        advance(x, end);
        x->line_start = x->p[end - 1] == '\n';
        return SK_OK;
    }
}

/* The tag at x->at, the text before it having been pushed.  A raw block is told apart before its
 * "{%" becomes a token: its tag has no end token either. */
static sk_status lex_one(lexer *x, char kind)
{
    size_t raw = kind == '%' ? word_tag(x, x->at, "raw", false, false) : 0;
    if (raw) {
        advance(x, raw);
        x->line_start = x->p[raw - 1] == '\n';
        return lex_raw(x);
    }
    if (kind == '#') return skip_comment(x);
    sk_status st = push(x, kind == '{' ? JT_VAR_BEGIN : JT_BLOCK_BEGIN, x->p + x->at, 2);
    size_t begin = x->at + 2;
    if (begin < x->n && (x->p[begin] == '-' || x->p[begin] == '+')) begin++;
    advance(x, begin);
    return st ? st : lex_tag(x, kind == '{');
}

/* Text and tags in turn. */
static sk_status lex_all(lexer *x)
{
    while (x->at < x->n) {
        size_t i = x->at;
        while (i + 1 < x->n && !(x->p[i] == '{' && x->p[i + 1] && strchr("{%#", x->p[i + 1])))
            i++;
        if (i + 1 >= x->n) break;
        char kind = x->p[i + 1];
        sk_status st = push_data(x, strip_before(x, x->at, i, kind == '{'), i);
        if (!st) st = lex_one(x, kind);
        if (st) return st;
    }
    sk_status st = push_data(x, x->n, x->n);
    return st ? st : push(x, JT_EOF, "", 0);
}

/* "\r\n" and "\r" become "\n", and one newline at the very end is dropped. */
static sk_status normalise(jn_run *r, const char *text, size_t n, lexer *x)
{
    char *p = eng_jn_alloc(&r->mem, n + 1);
    if (!p) return eng_jn_oom(r);
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\r' && i + 1 < n && text[i + 1] == '\n') continue;
        p[k++] = text[i] == '\r' ? '\n' : text[i];
    }
    if (k && p[k - 1] == '\n') k--;
    p[k] = 0;
    *x = (lexer){.r = r, .p = p, .n = k, .line = 1, .line_start = true};
    return SK_OK;
}

/* In one go: templates are small, and the parser looks ahead. */
sk_status eng_jn_lex(jn_run *r, const char *text, size_t n, jn_tok **out)
{
    lexer x = {.r = r};
    sk_status st = normalise(r, text, n, &x);
    if (!st) st = lex_all(&x);
    if (!st) *out = x.tok;
    return st;
}
