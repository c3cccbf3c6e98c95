/* opt_man.c - a manual page from the option table, in the man macros (groff_man(7)). */
#include "base/opt_doc.h"

#include <assert.h>
#include <string.h>

/* Appends the character at s, len bytes of UTF-8, as groff's \[uXXXX]. */
static size_t add_unicode(const char *s, sk_buf *out)
{
    const unsigned char *u = (const unsigned char *)s;
    assert(u[0] >= 0x80);
    size_t len = u[0] >= 0xF0 ? 4 : u[0] >= 0xE0 ? 3 : 2;
    unsigned long c = u[0] & (0xFFu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((u[i] & 0xC0) != 0x80) return i;
        c = c << 6 | (u[i] & 0x3F);
    }
    sk_buf_addf(out, "\\[u%04lX]", c);
    return len;
}

/* Characters that groff would take for something else, or print as something else: dashes and
 * quotes must stay ASCII, so that they can be copied from the page. */
static const char *const escapes[128] = {
    ['\\'] = "\\e",  ['-'] = "\\-",   ['\''] = "\\(aq", ['"'] = "\\(dq",
    ['`'] = "\\(ga", ['^'] = "\\(ha", ['~'] = "\\(ti",
};

/* Appends s[0..n) so that groff prints it as it is, also at the start of a line. */
static void text(const char *s, size_t n, sk_buf *out)
{
    bool line_start = out->len == 0 || out->p[out->len - 1] == '\n';
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (line_start && (c == '.' || c == '\'')) sk_buf_adds(out, "\\&");
        line_start = c == '\n';
        if (c >= 0x80)
            i += add_unicode(s + i, out) - 1;
        else if (escapes[c])
            sk_buf_adds(out, escapes[c]);
        else
            sk_buf_addc(out, s[i]);
    }
}

/* Appends a C string by text(). */
static void string(const char *s, sk_buf *out)
{
    text(s, strlen(s), out);
}

/* Appends one line of running text. */
static void line(const char *s, size_t n, sk_buf *out)
{
    text(s, n, out);
    sk_buf_addc(out, '\n');
}

/* Appends paragraphs; lines that start with a space are set as they are. */
static void paragraphs(const char *s, sk_buf *out)
{
    bool literal = false;
    while (*s) {
        size_t n = strcspn(s, "\n");
        bool want = *s == ' ';
        if (want != literal && n) {
            sk_buf_adds(out, want ? ".nf\n" : ".fi\n");
            literal = want;
        }
        if (n)
            line(s, n, out);
        else if (s[1])
            sk_buf_adds(out, literal ? ".sp\n" : ".PP\n");
        s += n + (s[n] == '\n');
    }
    if (literal) sk_buf_adds(out, ".fi\n");
}

/* Appends one flag as a tagged paragraph. */
static void flag(const sk_opt *row, sk_buf *out)
{
    sk_buf value = SK_BUF_INIT, help = SK_BUF_INIT;
    sk_opt_doc_value(row, &value);
    sk_buf_adds(&help, row->help);
    sk_opt_doc_notes(row, &help);
    sk_buf_adds(out, ".TP\n");
    if (row->letter) {
        const char letter[] = {'-', row->letter};
        sk_buf_adds(out, "\\fB");
        text(letter, sizeof letter, out);
        sk_buf_adds(out, "\\fR, ");
    }
    sk_buf_adds(out, "\\fB\\-\\-");
    string(row->name, out);
    sk_buf_adds(out, "\\fR");
    if (value.len) {
        assert(value.p[0] == ' ');
        sk_buf_adds(out, " \\fI");
        string(value.p + 1, out);
        sk_buf_adds(out, "\\fR");
    }
    sk_buf_addc(out, '\n');
    if (help.len) line(help.p, help.len, out);
    out->oom |= !sk_buf_ok(&value) || !sk_buf_ok(&help);
    sk_buf_fini(&value);
    sk_buf_fini(&help);
}

/* Appends a title in capitals, as sections of manual pages have. */
static void title(const char *s, sk_buf *out)
{
    for (; *s; s++)
        sk_buf_addc(out, *s >= 'a' && *s <= 'z' ? (char)(*s - 'a' + 'A') : *s);
}

/* Appends the section of flags. */
static void flags(const sk_opt_verb *verb, sk_buf *out)
{
    if (!verb->opts->name) return;
    sk_buf_adds(out, ".SH OPTIONS\n");
    for (const sk_opt *row = verb->opts; row->name; row++) {
        if (sk_opt_is_flag(row)) {
            flag(row, out);
            continue;
        }
        sk_buf_adds(out, ".SS \"");
        string(row->help, out);
        sk_buf_adds(out, "\"\n");
    }
}

/* Appends the examples: commands, and under each what it does. */
static void examples(const char *s, sk_buf *out)
{
    if (!s || !*s) return;
    sk_buf_adds(out, ".SH EXAMPLES\n.nf\n");
    while (*s) {
        size_t n = strcspn(s, "\n");
        if (n)
            line(s, n, out);
        else
            sk_buf_adds(out, ".sp\n");
        s += n + (s[n] == '\n');
    }
    sk_buf_adds(out, ".fi\n");
}

/* Appends the manual page PROGRAM-VERB(1).  It has no date, so that the same source makes the same
 * page. */
void sk_opt_man(const sk_opt_verb *verb, const char *program, const char *version, sk_buf *out)
{
    sk_buf synopsis = SK_BUF_INIT;
    sk_buf_adds(out, ".TH \"");
    title(program, out);
    sk_buf_adds(out, "\\-");
    title(verb->name, out);
    sk_buf_adds(out, "\" 1 \"\" \"");
    string(program, out);
    sk_buf_addc(out, ' ');
    string(version, out);
    sk_buf_adds(out, "\" \"User Commands\"\n.SH NAME\n");
    string(program, out);
    sk_buf_adds(out, "\\-");
    string(verb->name, out);
    sk_buf_adds(out, " \\- ");
    string(verb->summary, out);
    sk_buf_adds(out, "\n.SH SYNOPSIS\n.B ");
    sk_opt_doc_synopsis(verb, program, &synopsis);
    if (synopsis.len) string(synopsis.p, out);
    sk_buf_addc(out, '\n');
    if (verb->describe && verb->describe[0]) {
        sk_buf_adds(out, ".SH DESCRIPTION\n");
        paragraphs(verb->describe, out);
    }
    flags(verb, out);
    examples(verb->examples, out);
    out->oom |= !sk_buf_ok(&synopsis);
    sk_buf_fini(&synopsis);
}
