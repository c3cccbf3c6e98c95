/* yaml_write.c - a fleet as a file. */
#include "fleet/store/yaml.h"

#include "fleet/book/promise.h"

#include <ctype.h>
#include <string.h>

/* Text that YAML takes for text without quotes: a word, and none that means something else. */
static bool plain(const char *text)
{
    static const char *const meaning[] = {"null",  "true", "false", "Null", "True",
                                          "False", "NULL", "TRUE",  "FALSE"};
    if (!isalpha((unsigned char)*text)) return false;
    for (const char *p = text; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("_-./", *p)) return false;
    for (size_t i = 0; i < sizeof meaning / sizeof *meaning; i++)
        if (!strcmp(text, meaning[i])) return false;
    return true;
}

static void add_text(const char *text, sk_buf *out)
{
    if (plain(text))
        sk_buf_adds(out, text);
    else
        sk_json_add_str(out, text, strlen(text));
}

/* Whether a field's text needs no quotes whatever it is: numbers, dates, shares. */
static bool unquoted(const flt_field *f)
{
    return f->type != FLT_AS_TEXT && f->type != FLT_AS_REF && f->type != FLT_AS_CATEGORIES;
}

/* "key: value" for each field that is not as if it were absent; `sep` before each. */
static void add_fields(const flt_book *b, flt_row_kind kind, const void *row, const char *sep,
                       sk_buf *out)
{
    const flt_rows *k = flt_rows_of(kind);
    sk_buf text = SK_BUF_INIT;
    for (size_t i = 0; i < k->n; i++) {
        const flt_field *f = &k->field[i];
        if (f->derived || !strcmp(f->name, "name")) continue;
        sk_buf_reset(&text);
        flt_field_print(f, b, row, &text);
        const char *value = text.len ? text.p : "";
        if (f->absent &&
            (!strcmp(value, f->absent) ||
             (f->type == FLT_AS_SHARE && !strcmp(value, "0%") && !strcmp(f->absent, "0"))))
            continue;
        sk_buf_addf(out, "%s%s: ", sep, f->name);
        if (unquoted(f))
            sk_buf_adds(out, value);
        else
            add_text(value, out);
    }
    out->oom |= !sk_buf_ok(&text);
    sk_buf_fini(&text);
}

static void add_steps(const char *key, const char *when, const flt_step *s, size_t n, sk_buf *out)
{
    if (n) sk_buf_addf(out, "\n        %s:", key);
    for (size_t i = 0; i < n; i++) {
        char t[SK_UTC_TEXT], amount[FLT_MONEY_TEXT];
        sk_utc_print_short(s[i].t, t);
        flt_money_print(s[i].amount, amount);
        sk_buf_addf(out, "\n          - {%s: %s, amount: %s}", when, t, amount);
    }
}

/* A promise is written by the word and the amount that a person would say, then what else there is
 * to say of it. */
static void add_commitment(const flt_book *b, const flt_commitment *c, sk_buf *out)
{
    char amount[FLT_MONEY_TEXT];
    sk_buf_adds(out, "      ");
    add_text(c->name, out);
    flt_money_print(c->amount, amount);
    sk_buf_addf(out, ":\n        %s: %s\n        interval: %s", flt_promise_said(c), amount,
                flt_word_interval(c->interval));
    sk_buf fields = SK_BUF_INIT;
    add_fields(b, FLT_ROW_COMMITMENT, c, "\n        ", &fields);
    /* The interval stands above, whatever it is. */
    char *twice = fields.len ? strstr(fields.p, "\n        interval: ") : NULL;
    if (twice) {
        char *end = strchr(twice + 1, '\n');
        sk_buf_add(out, fields.p, (size_t)(twice - fields.p));
        if (end) sk_buf_adds(out, end);
    } else if (fields.len) {
        sk_buf_adds(out, fields.p);
    }
    out->oom |= !sk_buf_ok(&fields);
    sk_buf_fini(&fields);
    add_steps("ramp", "from", c->ramp, c->n_ramp, out);
    add_steps("milestones", "by", c->milestone, c->n_milestone, out);
    sk_buf_addc(out, '\n');
}

static void add_commitments(const flt_book *b, int64_t contract, sk_buf *out)
{
    bool any = false;
    for (size_t i = 0; i < b->n_commitment; i++) {
        if (b->commitment[i].contract != contract) continue;
        if (!any) sk_buf_adds(out, "    commitments:\n");
        any = true;
        add_commitment(b, &b->commitment[i], out);
    }
}

/* Rows with a name are members of a mapping; those without one (offers, reservations) are elements
 * of a list. */
static void add_row(const flt_book *b, flt_row_kind kind, const void *row, bool named, sk_buf *out)
{
    if (!named) {
        sk_buf fields = SK_BUF_INIT;
        add_fields(b, kind, row, "\n    ", &fields);
        /* The first field stands behind the dash. */
        sk_buf_addf(out, "  - %s\n", fields.len > 5 ? fields.p + 5 : "{}");
        out->oom |= !sk_buf_ok(&fields);
        sk_buf_fini(&fields);
        return;
    }
    sk_buf name = SK_BUF_INIT;
    flt_row_name(b, kind, row, &name);
    sk_buf_adds(out, "  ");
    add_text(name.len ? name.p : "", out);
    out->oom |= !sk_buf_ok(&name);
    sk_buf_fini(&name);
    sk_buf_addc(out, ':');
    size_t before = out->len;
    add_fields(b, kind, row, "\n    ", out);
    sk_buf_adds(out, out->len == before ? " {}\n" : "\n");
    if (kind == FLT_ROW_CONTRACT) add_commitments(b, flt_row_id(row), out);
}

void flt_yaml_write_kind(const flt_book *b, flt_row_kind kind, sk_buf *out)
{
    const flt_rows *k = flt_rows_of(kind);
    bool named = kind != FLT_ROW_OFFER && kind != FLT_ROW_RESERVATION;
    size_t n;
    const char *rows = flt_rows_in(b, kind, &n);
    if (n) sk_buf_addf(out, "%s:\n", k->plural);
    for (size_t j = 0; j < n; j++)
        add_row(b, kind, rows + j * k->size, named, out);
}

void flt_yaml_write(const flt_book *b, sk_buf *out)
{
    sk_buf_adds(out, "fleet: 1\n");
    for (int i = 0; i < FLT_ROW_N; i++) {
        size_t n;
        (void)flt_rows_in(b, (flt_row_kind)i, &n);
        if (i == FLT_ROW_COMMITMENT || !n) continue;
        sk_buf_addc(out, '\n');
        flt_yaml_write_kind(b, (flt_row_kind)i, out);
    }
}
