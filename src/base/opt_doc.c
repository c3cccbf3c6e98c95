/* opt_doc.c - --help and markdown from the option table. */
#include "base/opt_doc.h"

#include <assert.h>
#include <string.h>

enum { FLAG_COLUMN = 30, LEAST_COLUMNS = 40, USUAL_COLUMNS = 80, INDENT = 2 };

/* True for a row that is a flag and no group title. */
bool sk_opt_is_flag(const sk_opt *row)
{
    return row->name[0] != 0;
}

/* Appends what follows the flag's name. */
void sk_opt_doc_value(const sk_opt *row, sk_buf *out)
{
    if (row->type == SK_OPT_BOOL) return;
    const char *value = row->value ? row->value : "VALUE";
    size_t n = strlen(value);
    bool dots = n >= 3 && strcmp(value + n - 3, "...") == 0;
    sk_buf_addf(out, " %s%s", value, row->type == SK_OPT_LIST && !dots ? "..." : "");
}

void sk_opt_typed(const sk_opt_verb *verb, sk_buf *out)
{
    for (const char *s = verb->name; *s; s++)
        sk_buf_addc(out, *s == '-' ? ' ' : *s);
}

/* Appends "PROGRAM VERB". */
static void command(const sk_opt_verb *verb, const char *program, sk_buf *out)
{
    sk_buf_addf(out, "%s ", program);
    sk_opt_typed(verb, out);
}

/* Appends the line of the synopsis: required flags by name, the others as [flags]. */
void sk_opt_doc_synopsis(const sk_opt_verb *verb, const char *program, sk_buf *out)
{
    bool optional = false;
    command(verb, program, out);
    for (const sk_opt *row = verb->opts; row->name; row++) {
        if (!sk_opt_is_flag(row)) continue;
        optional |= !row->required;
        if (!row->required) continue;
        sk_buf_addf(out, " --%s", row->name);
        sk_opt_doc_value(row, out);
    }
    if (optional) sk_buf_adds(out, " [flags]");
    if (verb->args && verb->args[0]) sk_buf_addf(out, " %s", verb->args);
}

/* Appends the bounds of a number, as far as they say anything. */
static void add_bounds(const sk_opt *row, const char **between, sk_buf *out)
{
    if (row->type != SK_OPT_INT && row->type != SK_OPT_FLOAT) return;
    if (row->min == 0 && row->max == 0) return;
    sk_buf_adds(out, *between);
    *between = "; ";
    if (row->max >= 1e15)
        sk_buf_addf(out, "at least %.15g", row->min);
    else if (row->min <= -1e15)
        sk_buf_addf(out, "at most %.15g", row->max);
    else
        sk_buf_addf(out, "from %.15g to %.15g", row->min, row->max);
}

/* Appends the row's notes. */
void sk_opt_doc_notes(const sk_opt *row, sk_buf *out)
{
    const char *between = " (";
    if (row->required) {
        sk_buf_addf(out, "%srequired", between);
        between = "; ";
    }
    bool plain_switch = row->type == SK_OPT_BOOL && row->deflt && !strcmp(row->deflt, "false");
    if (row->deflt && row->deflt[0] && !plain_switch) {
        sk_buf_addf(out, "%sdefault %s", between, row->deflt);
        between = "; ";
    }
    if (row->type == SK_OPT_BOOL && row->deflt && !plain_switch) {
        sk_buf_addf(out, "%soff with --no-%s", between, row->name);
        between = "; ";
    }
    add_bounds(row, &between, out);
    if (row->complete == SK_COMPLETE_WORDS) {
        sk_buf_addf(out, "%sone of: ", between);
        for (const char *w = row->words; *w;) {
            size_t n = strcspn(w, " ");
            sk_buf_add(out, w, n);
            w += n + strspn(w + n, " ");
            if (*w) sk_buf_adds(out, ", ");
        }
        between = "; ";
    }
    if (between[0] == ';') sk_buf_addc(out, ')');
}

/* Columns that s[0..n) takes: bytes that start a character. */
static size_t text_width(const char *s, size_t n)
{
    size_t width = 0;
    for (size_t i = 0; i < n; i++)
        width += ((unsigned char)s[i] & 0xC0) != 0x80;
    return width;
}

/* Appends n spaces. */
static void spaces(sk_buf *out, size_t n)
{
    while (n--)
        sk_buf_addc(out, ' ');
}

/* Appends the words of s[0..n) in lines of at most `columns`, the first at column `at`, the others
 * at column `indent`; ends with a newline.  A word that is too long has a line of its own. */
static void wrap(const char *s, size_t n, size_t at, size_t indent, size_t columns, sk_buf *out)
{
    assert(indent < columns);
    size_t column = at;
    bool first = true;
    for (size_t i = 0; i < n;) {
        size_t len = 0;
        while (i + len < n && s[i + len] != ' ' && s[i + len] != '\n')
            len++;
        if (len) {
            size_t width = text_width(s + i, len);
            if (!first && column + 1 + width > columns) {
                sk_buf_addc(out, '\n');
                spaces(out, indent);
                column = indent;
            } else if (!first) {
                sk_buf_addc(out, ' ');
                column++;
            }
            sk_buf_add(out, s + i, len);
            column += width;
            first = false;
        }
        i += len + 1;
    }
    sk_buf_addc(out, '\n');
}

/* Appends paragraphs: a line that starts with a space stays as it is, others run together. */
static void paragraphs(const char *s, size_t columns, sk_buf *out)
{
    while (*s) {
        size_t n = strcspn(s, "\n");
        if (n == 0 || *s == ' ') {
            sk_buf_add(out, s, n);
            sk_buf_addc(out, '\n');
        } else {
            while (s[n] == '\n' && s[n + 1] && s[n + 1] != '\n' && s[n + 1] != ' ')
                n += 1 + strcspn(s + n + 1, "\n");
            wrap(s, n, 0, 0, columns, out);
        }
        s += n + (s[n] == '\n');
    }
}

/* Appends one flag: names on the left, help on the right or, where the names are long, below. */
static void help_row(const sk_opt *row, size_t column, size_t columns, sk_buf *out)
{
    sk_buf left = SK_BUF_INIT, right = SK_BUF_INIT;
    if (row->letter)
        sk_buf_addf(&left, "  -%c, --%s", row->letter, row->name);
    else
        sk_buf_addf(&left, "      --%s", row->name);
    sk_opt_doc_value(row, &left);
    sk_buf_adds(&right, row->help);
    sk_opt_doc_notes(row, &right);
    if (sk_buf_ok(&left) && sk_buf_ok(&right)) {
        size_t width = text_width(left.p, left.len);
        sk_buf_add(out, left.p, left.len);
        if (width + 2 > column) {
            sk_buf_addc(out, '\n');
            width = 0;
        }
        spaces(out, column - width);
        wrap(right.p, right.len, column, column, columns, out);
    } else {
        out->oom = true;
    }
    sk_buf_fini(&left);
    sk_buf_fini(&right);
}

/* Appends the text of --help. */
void sk_opt_help(const sk_opt_verb *verb, const char *program, int columns, sk_buf *out)
{
    size_t wide = columns <= 0              ? USUAL_COLUMNS
                  : columns < LEAST_COLUMNS ? LEAST_COLUMNS
                                            : (size_t)columns;
    size_t column = wide < 2 * FLAG_COLUMN ? 8 : FLAG_COLUMN;
    sk_buf line = SK_BUF_INIT;
    command(verb, program, out);
    sk_buf_addf(out, " - %s\n\n", verb->summary);
    sk_buf_adds(&line, "usage: ");
    sk_opt_doc_synopsis(verb, program, &line);
    if (sk_buf_ok(&line)) wrap(line.p, line.len, 0, 4, wide, out);
    if (verb->describe && verb->describe[0]) {
        sk_buf_addc(out, '\n');
        paragraphs(verb->describe, wide, out);
    }
    bool title = false;
    for (const sk_opt *row = verb->opts; row->name; row++) {
        if (!sk_opt_is_flag(row)) {
            sk_buf_addf(out, "\n%s:\n", row->help);
        } else {
            if (!title) sk_buf_adds(out, "\nflags:\n");
            help_row(row, column, wide, out);
        }
        title = true;
    }
    if (verb->examples && verb->examples[0]) {
        sk_buf_adds(out, "\nexamples:\n");
        for (const char *s = verb->examples; *s;) {
            size_t n = strcspn(s, "\n");
            if (n) spaces(out, INDENT);
            sk_buf_add(out, s, n);
            sk_buf_addc(out, '\n');
            s += n + (s[n] == '\n');
        }
    }
    out->oom |= !sk_buf_ok(&line);
    sk_buf_fini(&line);
}

/* Appends text for a cell of a markdown table. */
static void cell(const char *s, sk_buf *out)
{
    for (; *s; s++) {
        if (strchr("|<>*_[]`\\", *s)) sk_buf_addc(out, '\\');
        sk_buf_addc(out, *s);
    }
}

/* Appends one flag as a row of a markdown table. */
static void markdown_row(const sk_opt *row, sk_buf *out)
{
    sk_buf notes = SK_BUF_INIT;
    sk_buf_adds(out, "| `");
    if (row->letter) sk_buf_addf(out, "-%c`, `", row->letter);
    sk_buf_addf(out, "--%s", row->name);
    sk_opt_doc_value(row, out);
    sk_buf_adds(out, "` | ");
    cell(row->help, out);
    sk_opt_doc_notes(row, &notes);
    if (notes.len) cell(notes.p, out);
    sk_buf_adds(out, " |\n");
    out->oom |= !sk_buf_ok(&notes);
    sk_buf_fini(&notes);
}

/* Appends the page of docs/cli for a verb. */
void sk_opt_markdown(const sk_opt_verb *verb, const char *program, sk_buf *out)
{
    sk_buf_adds(out, "# ");
    command(verb, program, out);
    sk_buf_addf(out, "\n\n%s.\n\n```\n", verb->summary);
    sk_opt_doc_synopsis(verb, program, out);
    sk_buf_adds(out, "\n```\n");
    if (verb->describe && verb->describe[0]) sk_buf_addf(out, "\n%s", verb->describe);
    if (out->len && out->p[out->len - 1] != '\n') sk_buf_addc(out, '\n');
    bool table = false;
    for (const sk_opt *row = verb->opts; row->name; row++) {
        if (!sk_opt_is_flag(row)) sk_buf_addf(out, "\n## %s\n", row->help);
        if (!sk_opt_is_flag(row) || !table) sk_buf_adds(out, "\n| flag | what |\n| --- | --- |\n");
        table = true;
        if (sk_opt_is_flag(row)) markdown_row(row, out);
    }
    if (verb->examples && verb->examples[0])
        sk_buf_addf(out, "\n## Examples\n\n```\n%s```\n", verb->examples);
}
