/* csv.c - rows out of a window that slides over the bytes, and rows into a buffer.
 *
 * A row without quotes, nearly every one, is found by memchr and its fields point into the window.
 * One with quotes goes through a small machine, which takes the quotes off into a second buffer.
 * The window always holds the whole row it is at, so that a row that turns out to be broken can be
 * told as it was, and reading can go on behind its first line.
 */
#include "base/csv.h"

#include "base/mem.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { WINDOW = 256 << 10 };

struct sk_csv {
    const char *name;  /* for messages; behind the struct */
    sk_instream *file; /* NULL for another source */
    sk_csv_source source;
    void *arg;
    char *window; /* [at, have) is not used yet */
    size_t cap, at, have;
    bool ended;    /* the source has no more */
    uint64_t line; /* of window[at] */
    uint64_t row_line;
    size_t row, row_n; /* the last row's text in the window */
    sk_buf bare;       /* its fields without quotes */
    sk_csv_field *field;
    size_t columns; /* of the header, 0 before it was read */
    sk_buf head, names;
    const char **column;
};

static sk_status no_memory(const sk_csv *c, sk_err *e)
{
    return sk_fail(e, SK_E_NOMEM, "no memory to read %s", c->name);
}

static sk_status broken(const sk_csv *c, sk_err *e, const char *what)
{
    return sk_fail(e, SK_E_FORMAT, "%s:%llu: %s", c->name, (unsigned long long)c->row_line, what);
}

sk_status sk_csv_fail(const sk_csv *c, const char *column, sk_err *e, const char *fmt, ...)
{
    char what[384];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    return sk_fail(e, SK_E_FORMAT, "%s:%llu: %s: %s", c->name, (unsigned long long)c->row_line,
                   column, what);
}

/* ---- the window --------------------------------------------------------------------------------
 */

/* Gets more bytes behind [at, have), which move to the front first; the window grows only when it
 * is one row all through.  *grew is false at the end of the source. */
static sk_status more(sk_csv *c, bool *grew, sk_err *e)
{
    size_t n;
    *grew = false;
    assert(c->at <= c->have && c->have <= c->cap);
    if (c->ended) return SK_OK;
    if (c->at) memmove(c->window, c->window + c->at, c->have - c->at);
    c->have -= c->at;
    c->at = 0;
    if (c->have >= c->cap / 2) {
        char *p = sk_realloc(SK_MEM_MISC, c->window, c->cap * 2);
        if (!p) return no_memory(c, e);
        c->window = p;
        c->cap *= 2;
    }
    sk_status st = c->source(c->arg, c->window + c->have, c->cap - c->have, &n, e);
    if (st) return st;
    assert(n <= c->cap - c->have);
    c->ended = n == 0;
    c->have += n;
    *grew = n > 0;
    return SK_OK;
}

/* Ends the row at window[at..at+n), which holds `lines` line ends. */
static void pass(sk_csv *c, size_t n, uint64_t lines)
{
    assert(n <= c->have - c->at);
    c->row = c->at;
    c->row_n = n;
    c->at += n;
    c->line += lines;
}

/* Passes over the first line of what is left, as a broken row; of a line that is longer than a row
 * may be, all of it, however long. */
static sk_status pass_line(sk_csv *c, sk_err *e)
{
    for (;;) {
        const char *p = c->window + c->at, *end = memchr(p, '\n', c->have - c->at);
        bool grew;
        if (end) {
            pass(c, (size_t)(end - p) + 1, 1);
            return SK_OK;
        }
        if (c->have - c->at > SK_CSV_MAX_ROW) c->at = c->have; /* not kept: it may be the file */
        sk_status st = more(c, &grew, e);
        if (st) return st;
        if (!grew) break;
    }
    pass(c, c->have - c->at, 1);
    return SK_OK;
}

/* A broken row that ends with its first line. */
static sk_status broken_line(sk_csv *c, sk_err *e, const char *what)
{
    sk_status st = pass_line(c, e);
    return st ? st : broken(c, e, what);
}

/* ---- a row -------------------------------------------------------------------------------------
 */

/* How many fields a row may have: one more than there are columns, to see that it has too many. */
static size_t most_fields(const sk_csv *c)
{
    return (c->columns ? c->columns : (size_t)SK_CSV_MAX_COLUMNS) + 1;
}

/* Cuts text[0..n) at its commas.  Returns the number of fields, at most `most`, where the last
 * takes what is left. */
static size_t cut(const char *text, size_t n, sk_csv_field *f, size_t most)
{
    const char *p = text, *end = text + n;
    size_t k = 0;
    assert(most);
    for (;;) {
        const char *comma = k + 1 < most ? memchr(p, ',', (size_t)(end - p)) : NULL;
        f[k].p = p;
        f[k++].n = (size_t)((comma ? comma : end) - p);
        if (!comma) return k;
        p = comma + 1;
    }
}

/* Where the machine for rows with quotes stopped. */
typedef enum stop { WHOLE, SHORT, BAD } stop;

/* One field in quotes, text[*i] being the first of them, into c->bare; *i is then behind the last.
 * SHORT: the text ends inside, or just behind a quote that the next byte might double. */
static stop take_quoted(sk_csv *c, const char *text, size_t n, size_t *i, uint64_t *lines)
{
    size_t at = *i + 1;
    assert(*i < n && text[*i] == '"');
    for (;;) {
        const char *q = memchr(text + at, '"', n - at);
        size_t to = q ? (size_t)(q - text) : n;
        for (const char *p = text + at; (p = memchr(p, '\n', to - (size_t)(p - text))); p++)
            ++*lines;
        if (!q || (to + 1 == n && !c->ended)) return SHORT;
        bool twice = to + 1 < n && text[to + 1] == '"';
        sk_buf_add(&c->bare, text + at, to - at + twice);
        at = to + 1 + twice;
        if (!twice) break;
    }
    *i = at;
    return WHOLE;
}

/* One field without quotes likewise; a quote inside it is BAD. */
static stop take_plain(sk_csv *c, const char *text, size_t n, size_t *i)
{
    size_t at = *i;
    while (at < n && text[at] != ',' && text[at] != '\n' && text[at] != '"')
        at++;
    if (at < n && text[at] == '"') return BAD;
    if (at == n && !c->ended) return SHORT;
    bool cr = at > *i && text[at - 1] == '\r' && (at == n || text[at] == '\n');
    sk_buf_add(&c->bare, text + *i, at - *i - cr);
    *i = at;
    return WHOLE;
}

/* Reads a row with quotes.  Fields are kept as lengths until c->bare no longer moves. */
static stop take_row(sk_csv *c, size_t *k, size_t *used, uint64_t *lines)
{
    const char *text = c->window + c->at;
    size_t n = c->have - c->at, i = 0, most = most_fields(c);
    sk_buf_reset(&c->bare);
    *k = 0;
    *lines = 0;
    for (;;) {
        size_t before = c->bare.len;
        bool quoted = i < n && text[i] == '"';
        stop s = quoted ? take_quoted(c, text, n, &i, lines) : take_plain(c, text, n, &i);
        if (s != WHOLE) return s;
        if (*k < most) c->field[(*k)++].n = c->bare.len - before;
        if (quoted && i < n && text[i] == '\r') {
            if (i + 1 == n && !c->ended) return SHORT;
            if (i + 1 == n || text[i + 1] == '\n') i++;
        }
        if (i == n && !c->ended) return SHORT;
        if (i == n || text[i] == '\n') break;
        if (text[i++] != ',') return BAD;
    }
    *used = i + (i < n);
    ++*lines;
    return WHOLE;
}

/* The row at window[at], whose first line has a quote in it. */
static sk_status quoted_row(sk_csv *c, size_t *k, sk_err *e)
{
    size_t used;
    uint64_t lines;
    stop s;
    while ((s = take_row(c, k, &used, &lines)) != WHOLE) {
        bool grew;
        if (!sk_buf_ok(&c->bare)) return no_memory(c, e);
        if (s == BAD)
            return broken_line(c, e,
                               "a quote inside a field: a field with quotes in it must stand "
                               "in quotes, each of its own doubled");
        if (c->ended || c->have - c->at > SK_CSV_MAX_ROW)
            return broken_line(c, e, "a quote is not closed");
        sk_status st = more(c, &grew, e);
        if (st) return st;
    }
    if (!sk_buf_ok(&c->bare)) return no_memory(c, e);
    const char *p = c->bare.len ? c->bare.p : "";
    for (size_t i = 0; i < *k; p += c->field[i++].n)
        c->field[i].p = p;
    pass(c, used, lines);
    return SK_OK;
}

/* The first line of what is left is in the window, whole.  *n without its LF, -1 at the end. */
static sk_status find_line(sk_csv *c, size_t *n, bool *end, sk_err *e)
{
    size_t seen = 0;
    for (;;) {
        bool grew;
        const char *p = c->window + c->at, *lf = memchr(p + seen, '\n', c->have - c->at - seen);
        *n = lf ? (size_t)(lf - p) : c->have - c->at;
        *end = false;
        if (*n > SK_CSV_MAX_ROW) return broken_line(c, e, "the row is too long (over 1 MiB)");
        if (lf) return SK_OK;
        seen = *n;
        sk_status st = more(c, &grew, e);
        if (st) return st;
        if (grew) continue;
        *end = c->at == c->have;
        return SK_OK;
    }
}

/* The next row that is not an empty line: k fields; k = 0 at the end. */
static sk_status take(sk_csv *c, size_t *k, sk_err *e)
{
    for (;;) {
        size_t n, bare;
        bool end;
        c->row_line = c->line;
        sk_status st = find_line(c, &n, &end, e);
        if (st) return st;
        *k = 0;
        if (end) return SK_OK;
        const char *p = c->window + c->at;
        bare = n && p[n - 1] == '\r' ? n - 1 : n;
        if (memchr(p, '"', n)) return quoted_row(c, k, e);
        pass(c, n + (c->at + n < c->have), 1);
        if (!bare) continue;
        *k = cut(p, bare, c->field, most_fields(c));
        return SK_OK;
    }
}

sk_status sk_csv_next(sk_csv *c, const sk_csv_field **row, sk_err *e)
{
    size_t k;
    sk_status st = take(c, &k, e);
    if (st) return st;
    if (k && memchr(c->window + c->row, 0, c->row_n)) return broken(c, e, "a NUL byte in the row");
    if (k && k != c->columns) {
        bool over = k > c->columns;
        return sk_fail(e, SK_E_FORMAT, "%s:%llu: %s%zu fields where the header names %zu columns",
                       c->name, (unsigned long long)c->row_line, over ? "more than " : "only ",
                       over ? c->columns : k, c->columns);
    }
    *row = k ? c->field : NULL;
    return SK_OK;
}

/* ---- the header --------------------------------------------------------------------------------
 */

/* Keeps the names of the k columns and the header's text. */
static sk_status keep_names(sk_csv *c, size_t k, sk_err *e)
{
    size_t n = c->row_n;
    while (n && (c->window[c->row + n - 1] == '\n' || c->window[c->row + n - 1] == '\r'))
        n--;
    sk_buf_add(&c->head, c->window + c->row, n);
    for (size_t i = 0; i < k; i++) {
        sk_csv_field f = sk_csv_trim(c->field[i]);
        sk_buf_add(&c->names, f.p, f.n);
        sk_buf_addc(&c->names, 0);
    }
    c->column = sk_calloc(SK_MEM_MISC, k, sizeof *c->column);
    if (!c->column || !sk_buf_ok(&c->names) || !sk_buf_ok(&c->head)) return no_memory(c, e);
    const char *p = c->names.p;
    for (size_t i = 0; i < k; i++, p += strlen(p) + 1)
        c->column[i] = p;
    assert(p == c->names.p + c->names.len); /* no NUL in a name: read_head refused it */
    c->columns = k;
    return SK_OK;
}

/* Reads the first row, behind a byte order mark. */
static sk_status read_head(sk_csv *c, sk_err *e)
{
    bool grew;
    size_t k;
    sk_status st = more(c, &grew, e);
    if (st) return st;
    const char *p = c->window;
    if (c->have >= 3 && !memcmp(p, "\xEF\xBB\xBF", 3)) c->at = 3;
    if (c->have >= 2 && (!memcmp(p, "\xFF\xFE", 2) || !memcmp(p, "\xFE\xFF", 2)))
        return sk_fail(e, SK_E_FORMAT, "%s is UTF-16: save it as UTF-8", c->name);
    st = take(c, &k, e);
    if (st) return st;
    if (!k) return sk_fail(e, SK_E_FORMAT, "%s is empty: there is no header", c->name);
    if (memchr(c->window + c->row, 0, c->row_n)) return broken(c, e, "a NUL byte in the header");
    if (k > SK_CSV_MAX_COLUMNS) return broken(c, e, "more than 1024 columns");
    st = keep_names(c, k, e);
    if (st) return st;
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < i; j++)
            if (*c->column[i] && !strcmp(c->column[i], c->column[j]))
                return sk_fail(e, SK_E_FORMAT,
                               "%s:%llu: the header names the column '%.100s' twice", c->name,
                               (unsigned long long)c->row_line, c->column[i]);
    return SK_OK;
}

/* A reader with nothing in it. */
static sk_status start(const char *name, sk_csv **out, sk_err *e)
{
    size_t n = strlen(name) + 1;
    sk_csv *c = sk_alloc(SK_MEM_MISC, sizeof *c + n);
    if (!c) return sk_fail(e, SK_E_NOMEM, "no memory to read %s", name);
    memset(c, 0, sizeof *c);
    memcpy(c + 1, name, n);
    c->name = (const char *)(c + 1);
    c->line = 1;
    c->cap = WINDOW;
    c->window = sk_alloc(SK_MEM_MISC, c->cap);
    c->field = sk_calloc(SK_MEM_MISC, SK_CSV_MAX_COLUMNS + 2, sizeof *c->field);
    if (!c->window || !c->field) {
        sk_csv_close(c);
        return sk_fail(e, SK_E_NOMEM, "no memory to read %s", name);
    }
    *out = c;
    return SK_OK;
}

sk_status sk_csv_open_source(const char *name, sk_csv_source source, void *arg, sk_csv **out,
                             sk_err *e)
{
    sk_csv *c;
    sk_status st = start(name, &c, e);
    if (st) return st;
    c->source = source;
    c->arg = arg;
    st = read_head(c, e);
    if (st)
        sk_csv_close(c);
    else
        *out = c;
    return st;
}

static sk_status read_file(void *arg, void *p, size_t cap, size_t *n, sk_err *e)
{
    return sk_instream_read(arg, p, cap, n, e);
}

sk_status sk_csv_open(const char *path, sk_csv **out, sk_err *e)
{
    sk_csv *c;
    sk_instream *s;
    sk_status st = sk_instream_open(path, NULL, &s, e);
    if (st) return st;
    st = sk_csv_open_source(strcmp(path, "-") == 0 ? "standard input" : path, read_file, s, &c, e);
    if (st) {
        sk_instream_close(s);
        return st;
    }
    c->file = s;
    *out = c;
    return SK_OK;
}

void sk_csv_close(sk_csv *c)
{
    if (!c) return;
    sk_instream_close(c->file);
    sk_buf_fini(&c->bare);
    sk_buf_fini(&c->head);
    sk_buf_fini(&c->names);
    sk_free(c->column);
    sk_free(c->field);
    sk_free(c->window);
    sk_free(c);
}

/* ---- asking ------------------------------------------------------------------------------------
 */

size_t sk_csv_columns(const sk_csv *c)
{
    return c->columns;
}

const char *sk_csv_file(const sk_csv *c)
{
    return c->name;
}

const char *sk_csv_name(const sk_csv *c, size_t i)
{
    assert(i < c->columns);
    return c->column[i];
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool same_but_case(const char *a, const char *b)
{
    while (*a && lower(*a) == lower(*b))
        a++, b++;
    return lower(*a) == lower(*b);
}

int sk_csv_column(const sk_csv *c, const char *name)
{
    int found = -1;
    for (size_t i = 0; i < c->columns; i++)
        if (!strcmp(c->column[i], name)) return (int)i;
    for (size_t i = 0; i < c->columns; i++) {
        if (!same_but_case(c->column[i], name)) continue;
        if (found >= 0) return -1;
        found = (int)i;
    }
    return found;
}

uint64_t sk_csv_line(const sk_csv *c)
{
    return c->row_line;
}

sk_csv_field sk_csv_raw(const sk_csv *c)
{
    return (sk_csv_field){c->window + c->row, c->row_n};
}

sk_csv_field sk_csv_head(const sk_csv *c)
{
    return (sk_csv_field){c->head.p, c->head.len};
}

uint64_t sk_csv_pos(const sk_csv *c)
{
    return c->file ? sk_instream_pos(c->file) : 0;
}

uint64_t sk_csv_size(const sk_csv *c)
{
    return c->file ? sk_instream_size(c->file) : 0;
}

bool sk_csv_is(sk_csv_field f, const char *text)
{
    return strlen(text) == f.n && memcmp(f.p, text, f.n) == 0;
}

sk_csv_field sk_csv_trim(sk_csv_field f)
{
    while (f.n && (f.p[0] == ' ' || f.p[0] == '\t'))
        f.p++, f.n--;
    while (f.n && (f.p[f.n - 1] == ' ' || f.p[f.n - 1] == '\t'))
        f.n--;
    return f;
}

/* ---- writing -----------------------------------------------------------------------------------
 */

/* True for text that would not come back as it is: separators, quotes, ends of lines, and blanks at
 * its ends, which some programs take off. */
static bool needs_quotes(const char *s, size_t n)
{
    if (n && (s[0] == ' ' || s[n - 1] == ' ' || s[0] == '\t' || s[n - 1] == '\t')) return true;
    for (size_t i = 0; i < n; i++)
        if (s[i] == ',' || s[i] == '"' || s[i] == '\n' || s[i] == '\r') return true;
    return false;
}

void sk_csv_put_n(sk_csv_out *o, const char *s, size_t n)
{
    if (o->fields++) sk_buf_addc(o->to, ',');
    if (!needs_quotes(s, n)) {
        sk_buf_add(o->to, s, n);
        return;
    }
    sk_buf_addc(o->to, '"');
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '"') sk_buf_addc(o->to, '"');
        sk_buf_addc(o->to, s[i]);
    }
    sk_buf_addc(o->to, '"');
}

void sk_csv_put(sk_csv_out *o, const char *s)
{
    sk_csv_put_n(o, s ? s : "", s ? strlen(s) : 0);
}

void sk_csv_end(sk_csv_out *o)
{
    sk_buf_adds(o->to, "\r\n");
    o->fields = 0;
}
