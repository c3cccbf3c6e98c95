/* opt.c - reads a command line by an option table. */
#include "base/opt.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ROWS = 128, LIST_MAX = sizeof((sk_opt_list){0}.item) / sizeof(char *) };

/* strtoll and strtod would pass over any white space before these. */
#define NUMBER_START "+-.0123456789"

/* Where the reading of one command line stands. */
typedef struct reader {
    const sk_opt_verb *verb;
    int argc, at; /* argv[at] is the next word */
    char **argv;
    char *into;
    sk_opt_list *args;
    bool *help;
    bool seen[MAX_ROWS]; /* rows given on the command line, to be told from defaults */
    sk_err *e;
} reader;

/* What a word on the command line turned out to be. */
typedef struct flag {
    const sk_opt *row;
    const char *value; /* text behind '=' or glued to the letter; NULL: the next word, if any */
    bool negated;      /* --no-NAME */
} flag;

/* True for a row that is a flag and no group title. */
static bool is_flag(const sk_opt *row)
{
    return row->name[0] != 0;
}

/* Row named s[0..n), NULL if there is none. */
static const sk_opt *find_name(const sk_opt *rows, const char *s, size_t n)
{
    for (const sk_opt *row = rows; n && row->name; row++)
        if (strlen(row->name) == n && memcmp(row->name, s, n) == 0) return row;
    return NULL;
}

/* Row with the given letter, NULL if there is none. */
static const sk_opt *find_letter(const sk_opt *rows, char letter)
{
    for (const sk_opt *row = rows; row->name; row++)
        if (is_flag(row) && row->letter && row->letter == letter) return row;
    return NULL;
}

/* Levenshtein's distance, one row of its table at a time; names are short, longer ones are simply
 * far. */
size_t sk_edit_distance(const char *a, const char *b, size_t limit)
{
    enum { LONGEST = 48 };
    size_t na = strlen(a), nb = strlen(b), row[LONGEST + 1];
    if (na > LONGEST || nb > LONGEST) return limit;
    for (size_t j = 0; j <= nb; j++)
        row[j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[nb] < limit ? row[nb] : limit;
}

/* The flag whose name is nearest to `name`; NULL if none is near. */
static const sk_opt *nearest(const sk_opt_verb *verb, const char *name)
{
    const sk_opt *best = NULL;
    size_t least = 2 + strlen(name) / 4;
    for (const sk_opt *row = verb->opts; row->name; row++) {
        size_t d = is_flag(row) ? sk_edit_distance(name, row->name, least) : least;
        if (d >= least) continue;
        least = d;
        best = row;
    }
    return best;
}

/* SK_E_USAGE: the sentence, and where to read about the verb. */
__attribute__((format(printf, 3, 4))) static sk_status fail_see_help(const sk_opt_verb *verb,
                                                                     sk_err *e, const char *fmt,
                                                                     ...)
{
    char what[256];
    sk_buf name = SK_BUF_INIT;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    sk_opt_typed(verb, &name);
    sk_status st =
        sk_fail(e, SK_E_USAGE, "%s: see %s --help", what, name.len ? name.p : verb->name);
    sk_buf_fini(&name);
    return st;
}

sk_status sk_opt_unknown(const sk_opt_verb *verb, const char *dashes, const char *name, sk_err *e)
{
    const sk_opt *best = nearest(verb, name);
    if (best)
        return sk_fail(e, SK_E_USAGE, "unknown flag %s%s: did you mean %s%s?", dashes, name, dashes,
                       best->name);
    return fail_see_help(verb, e, "unknown flag %s%s", dashes, name);
}

/* Refuses an unknown flag, naming the nearest known one. */
static sk_status unknown_flag(const reader *r, const char *word)
{
    char name[64];
    size_t n = strcspn(word + 2, "=");
    if (n >= sizeof name) n = sizeof name - 1;
    memcpy(name, word + 2, n);
    name[n] = 0;
    return sk_opt_unknown(r->verb, "--", name, r->e);
}

/* Factor of a size suffix; 0 for text that is none. */
static int64_t suffix_factor(const char *s)
{
    static const struct {
        const char *text;
        int64_t factor;
    } table[] = {{"", 1},         {"k", 1000},     {"M", 1000000},          {"G", 1000000000},
                 {"Ki", 1 << 10}, {"Mi", 1 << 20}, {"Gi", (int64_t)1 << 30}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(s, table[i].text) == 0) return table[i].factor;
    return 0;
}

/* Refuses a number outside the row's bounds; v is NaN for one that is no number. */
static sk_status check_bounds(const sk_opt *row, double v, const char *text, sk_err *e)
{
    assert(row->min <= row->max);
    if ((row->min == 0 && row->max == 0) || (v >= row->min && v <= row->max)) return SK_OK;
    if (row->max >= 1e15)
        return sk_fail(e, SK_E_USAGE, "--%s must be at least %.15g, it is %s", row->name, row->min,
                       text);
    if (row->min <= -1e15)
        return sk_fail(e, SK_E_USAGE, "--%s must be at most %.15g, it is %s", row->name, row->max,
                       text);
    return sk_fail(e, SK_E_USAGE, "--%s must be from %.15g to %.15g, it is %s", row->name, row->min,
                   row->max, text);
}

/* Reads a whole number with an optional suffix. */
static sk_status set_int(const sk_opt *row, const char *text, int64_t *out, sk_err *e)
{
    char *end;
    errno = 0;
    long long base = strtoll(text, &end, 10);
    bool overflow = errno == ERANGE;
    int64_t factor = suffix_factor(end), v;
    if (end == text || !factor || !strchr(NUMBER_START, text[0]))
        return sk_fail(e, SK_E_USAGE,
                       "--%s needs a whole number (k, M, G, Ki, Mi, Gi allowed), "
                       "not '%s'",
                       row->name, text);
    if (overflow || __builtin_mul_overflow((int64_t)base, factor, &v))
        return sk_fail(e, SK_E_USAGE, "--%s: %s is too large", row->name, text);
    sk_status st = check_bounds(row, (double)v, text, e);
    if (!st) *out = v;
    return st;
}

/* Reads a finite number. */
static sk_status set_float(const sk_opt *row, const char *text, double *out, sk_err *e)
{
    char *end;
    double v = strtod(text, &end);
    if (end == text || *end || !isfinite(v) || !strchr(NUMBER_START, text[0]))
        return sk_fail(e, SK_E_USAGE, "--%s needs a number, not '%s'", row->name, text);
    sk_status st = check_bounds(row, v, text, e);
    if (!st) *out = v;
    return st;
}

/* Reads a truth value. */
static sk_status set_bool(const sk_opt *row, const char *text, bool *out, sk_err *e)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(text, words[i]) != 0) continue;
        *out = i & 1;
        return SK_OK;
    }
    return sk_fail(e, SK_E_USAGE, "--%s is true or false, not '%s'", row->name, text);
}

/* Refuses text that is none of the row's words, where it has any. */
static sk_status check_words(const sk_opt *row, const char *text, sk_err *e)
{
    if (row->complete != SK_COMPLETE_WORDS) return SK_OK;
    assert(row->words);
    size_t len = strlen(text);
    for (const char *w = row->words; *w;) {
        size_t n = strcspn(w, " ");
        if (len && n == len && memcmp(w, text, n) == 0) return SK_OK;
        w += n + strspn(w + n, " ");
    }
    return sk_fail(e, SK_E_USAGE, "--%s: '%s' is not one of: %s", row->name, text, row->words);
}

/* Stores text as the row's value; a list grows by it. */
static sk_status set_value(const sk_opt *row, const char *text, char *into, sk_err *e)
{
    void *target = into + row->offset;
    sk_status st;
    switch (row->type) {
    case SK_OPT_BOOL:
        return set_bool(row, text, target, e);
    case SK_OPT_INT:
        return set_int(row, text, target, e);
    case SK_OPT_FLOAT:
        return set_float(row, text, target, e);
    case SK_OPT_STRING:
        st = check_words(row, text, e);
        if (!st) *(const char **)target = text;
        return st;
    case SK_OPT_LIST:
        break;
    }
    assert(row->type == SK_OPT_LIST);
    st = check_words(row, text, e);
    if (st) return st;
    sk_opt_list *list = target;
    if (list->n == LIST_MAX)
        return sk_fail(e, SK_E_USAGE, "--%s takes at most %zu values", row->name, (size_t)LIST_MAX);
    list->item[list->n++] = text;
    return SK_OK;
}

sk_status sk_opt_check(const sk_opt *row, const char *text, sk_err *e)
{
    union {
        bool b;
        int64_t i;
        double d;
        const char *s;
        sk_opt_list list;
    } into = {.list = {.n = 0}};
    sk_opt at = *row;
    at.offset = 0;
    return set_value(&at, text, (char *)&into, e);
}

const sk_opt *sk_opt_find(const sk_opt_verb *verb, const char *name)
{
    return find_name(verb->opts, name, strlen(name));
}

/* Stores all defaults.  One that does not parse is a mistake in the table. */
static sk_status set_defaults(const reader *r)
{
    size_t n = 0;
    for (const sk_opt *row = r->verb->opts; row->name; row++, n++) {
        if (!is_flag(row)) continue;
        if (row->type == SK_OPT_LIST) ((sk_opt_list *)(void *)(r->into + row->offset))->n = 0;
        if (!row->deflt) continue;
        if (set_value(row, row->deflt, r->into, r->e)) {
            sk_while(r->e, "default of --%s", row->name);
            return sk_fail(r->e, SK_E_INTERNAL, "%s", r->e ? r->e->text : "");
        }
    }
    assert(n <= MAX_ROWS && "more rows than a reader keeps account of");
    return SK_OK;
}

/* True when a word is "--NAME" or "--NAME=..." of a known flag: it can't have been meant as a
 * value. */
static bool names_flag(const reader *r, const char *word)
{
    if (strncmp(word, "--", 2) != 0) return false;
    size_t n = strcspn(word + 2, "=");
    if (n == 4 && memcmp(word + 2, "help", 4) == 0) return true;
    return find_name(r->verb->opts, word + 2, n) != NULL;
}

/* The words of --list A B C up to the next one that starts with a dash. */
static sk_status read_list_rest(reader *r, const sk_opt *row)
{
    sk_status st = SK_OK;
    while (!st && r->at < r->argc) {
        const char *word = r->argv[r->at];
        if (word[0] == '-' && word[1]) break;
        r->at++;
        st = set_value(row, word, r->into, r->e);
    }
    return st;
}

/* Stores what a flag on the command line says. */
static sk_status take_flag(reader *r, const flag *f)
{
    const sk_opt *row = f->row;
    assert((size_t)(row - r->verb->opts) < MAX_ROWS);
    bool *seen = &r->seen[row - r->verb->opts];
    if (row->type == SK_OPT_LIST && !*seen) ((sk_opt_list *)(void *)(r->into + row->offset))->n = 0;
    *seen = true;
    if (f->negated) return set_value(row, "false", r->into, r->e);
    if (row->type == SK_OPT_BOOL)
        return set_value(row, f->value ? f->value : "true", r->into, r->e);
    if (f->value) return set_value(row, f->value, r->into, r->e);
    if (r->at >= r->argc || names_flag(r, r->argv[r->at]) || !strcmp(r->argv[r->at], "--"))
        return sk_fail(r->e, SK_E_USAGE, "--%s needs a value: --%s %s", row->name, row->name,
                       row->value ? row->value : "VALUE");
    sk_status st = set_value(row, r->argv[r->at++], r->into, r->e);
    return !st && row->type == SK_OPT_LIST ? read_list_rest(r, row) : st;
}

/* Reads "--name", "--name=value", "--no-name". */
static sk_status read_long(reader *r, const char *word)
{
    const char *name = word + 2, *equals = strchr(name, '=');
    size_t n = equals ? (size_t)(equals - name) : strlen(name);
    flag f = {find_name(r->verb->opts, name, n), equals ? equals + 1 : NULL, false};
    if (!f.row && n > 3 && memcmp(name, "no-", 3) == 0 && !equals) {
        f.row = find_name(r->verb->opts, name + 3, n - 3);
        f.negated = true;
        if (f.row && f.row->type != SK_OPT_BOOL)
            return sk_fail(r->e, SK_E_USAGE, "--%s is no switch: leave it out instead of --no-%s",
                           f.row->name, f.row->name);
    }
    if (f.row) return take_flag(r, &f);
    if (strcmp(name, "help") == 0) {
        *r->help = true;
        return SK_OK;
    }
    return unknown_flag(r, word);
}

/* Reads "-f", "-fVALUE" or switches together, "-vq". */
static sk_status read_letters(reader *r, const char *word)
{
    for (const char *c = word + 1; *c; c++) {
        flag f = {find_letter(r->verb->opts, *c), NULL, false};
        if (!f.row && *c == 'h') {
            *r->help = true;
            return SK_OK;
        }
        if (!f.row) return fail_see_help(r->verb, r->e, "unknown flag -%c in '%s'", *c, word);
        bool last = f.row->type != SK_OPT_BOOL;
        if (last && c[1]) f.value = c + 1;
        sk_status st = take_flag(r, &f);
        if (st || last) return st;
    }
    return SK_OK;
}

/* Keeps a positional argument. */
static sk_status take_arg(reader *r, const char *word)
{
    const sk_opt_verb *v = r->verb;
    size_t n = r->args ? r->args->n : 0;
    if (v->max_args == 0 || !r->args)
        return sk_fail(r->e, SK_E_USAGE, "%s takes no argument '%s': see %s --help", v->name, word,
                       v->name);
    if (n >= v->max_args || n >= LIST_MAX)
        return sk_fail(r->e, SK_E_USAGE, "%s takes at most %zu argument%s, '%s' is one too many",
                       v->name, v->max_args, v->max_args == 1 ? "" : "s", word);
    r->args->item[r->args->n++] = word;
    return SK_OK;
}

/* Checks that all that must be given was. */
static sk_status check_complete(const reader *r)
{
    const sk_opt_verb *v = r->verb;
    for (const sk_opt *row = v->opts; row->name; row++) {
        if (!is_flag(row) || !row->required || r->seen[row - v->opts]) continue;
        return sk_fail(r->e, SK_E_USAGE, "%s needs --%s %s: see %s --help", v->name, row->name,
                       row->value ? row->value : "", v->name);
    }
    size_t n = r->args ? r->args->n : 0;
    if (n < v->min_args)
        return sk_fail(r->e, SK_E_USAGE, "%s needs %s: see %s --help", v->name, v->args, v->name);
    return SK_OK;
}

/* Reads all words; stops at --help. */
static sk_status read_words(reader *r)
{
    sk_status st = SK_OK;
    bool flags = true;
    while (!st && r->at < r->argc && !*r->help) {
        const char *word = r->argv[r->at++];
        if (!flags || word[0] != '-' || !word[1])
            st = take_arg(r, word);
        else if (word[1] != '-')
            st = read_letters(r, word);
        else if (word[2])
            st = read_long(r, word);
        else
            flags = false;
    }
    return st;
}

/* Sets defaults, then reads argv[1..argc) into the struct at `into`. */
sk_status sk_opt_parse(const sk_opt_verb *verb, int argc, char **argv, void *into,
                       sk_opt_list *args, bool *help, sk_err *e)
{
    reader r = {.verb = verb, .argc = argc, .at = 1, .argv = argv, .into = into};
    r.args = args;
    r.help = help;
    r.e = e;
    *help = false;
    if (args) args->n = 0;
    sk_status st = set_defaults(&r);
    if (!st) st = read_words(&r);
    if (!st && !*help) st = check_complete(&r);
    return st;
}
