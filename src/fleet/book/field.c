/* field.c - reading and writing fields by their table. */
#include "fleet/book/field.h"

#include "base/json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- members of a row -------------------------------------------------------------------------
 */

static const void *in(const flt_field *f, const void *row)
{
    return (const char *)row + f->at;
}

static void *into(const flt_field *f, void *row)
{
    return (char *)row + f->at;
}

static const char *text_of(const flt_field *f, const void *row)
{
    const char *v;
    memcpy(&v, in(f, row), sizeof v);
    return v;
}

static double size_of(const flt_field *f, const void *row)
{
    double v;
    memcpy(&v, in(f, row), sizeof v);
    return v;
}

int64_t flt_field_int(const flt_field *f, const void *row)
{
    int64_t v = 0;
    if (f->type == FLT_AS_WORD || f->type == FLT_AS_CATEGORIES) {
        unsigned u;
        memcpy(&u, in(f, row), sizeof u);
        return (int64_t)u;
    }
    memcpy(&v, in(f, row), sizeof v);
    return v;
}

void flt_field_set_int(const flt_field *f, void *row, int64_t v)
{
    if (f->type == FLT_AS_WORD || f->type == FLT_AS_CATEGORIES) {
        unsigned u = (unsigned)v;
        memcpy(into(f, row), &u, sizeof u);
        return;
    }
    memcpy(into(f, row), &v, sizeof v);
    if (f->type == FLT_AS_PRICE) ((flt_offer *)row)->priced = true;
}

int64_t flt_row_id(const void *row)
{
    int64_t id;
    memcpy(&id, row, sizeof id);
    return id;
}

void flt_row_set_id(void *row, int64_t id)
{
    memcpy(row, &id, sizeof id);
}

/* ---- rows of a book ---------------------------------------------------------------------------
 */

const void *flt_rows_in(const flt_book *b, flt_row_kind kind, size_t *n)
{
    const flt_rows *k = flt_rows_of(kind);
    const void *rows;
    memcpy(&rows, (const char *)b + k->rows_at, sizeof rows);
    memcpy(n, (const char *)b + k->count_at, sizeof *n);
    return rows;
}

const void *flt_row_by_id(const flt_book *b, flt_row_kind kind, int64_t id)
{
    size_t n, size = flt_rows_of(kind)->size;
    const char *row = flt_rows_in(b, kind, &n);
    for (size_t i = 0; i < n; i++, row += size)
        if (flt_row_id(row) == id) return row;
    return NULL;
}

static const flt_field *name_field(flt_row_kind kind)
{
    return flt_field_named(kind, "name");
}

/* CONTRACT/NAME */
static const void *commitment_named(const flt_book *b, const char *name)
{
    for (size_t i = 0; i < b->n_commitment; i++) {
        const flt_commitment *c = &b->commitment[i];
        const flt_contract *k = flt_book_contract(b, c->contract);
        size_t n = k ? strlen(k->name) : 0;
        if (k && !strncmp(name, k->name, n) && name[n] == '/' && !strcmp(name + n + 1, c->name))
            return c;
    }
    return NULL;
}

const void *flt_row_named(const flt_book *b, flt_row_kind kind, const char *name)
{
    const flt_field *f = name_field(kind);
    size_t n, size = flt_rows_of(kind)->size;
    const char *row = flt_rows_in(b, kind, &n);
    if (kind == FLT_ROW_COMMITMENT) return commitment_named(b, name);
    if (!f) {
        char *end;
        long long id = strtoll(name, &end, 10);
        return *name && !*end ? flt_row_by_id(b, kind, id) : NULL;
    }
    for (size_t i = 0; i < n; i++, row += size)
        if (!strcmp(text_of(f, row), name)) return row;
    return NULL;
}

void flt_row_name(const flt_book *b, flt_row_kind kind, const void *row, sk_buf *out)
{
    const flt_field *f = name_field(kind);
    if (kind == FLT_ROW_COMMITMENT) {
        const flt_contract *k = flt_book_contract(b, ((const flt_commitment *)row)->contract);
        sk_buf_addf(out, "%s/", k ? k->name : "?");
    }
    if (f)
        sk_buf_adds(out, text_of(f, row));
    else
        sk_buf_addf(out, "%lld", (long long)flt_row_id(row));
}

static bool same_name(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if (*a != *b && !(*a == '_' && *b == '-')) return false;
    return *a == *b;
}

const flt_field *flt_field_named(flt_row_kind kind, const char *name)
{
    const flt_rows *k = flt_rows_of(kind);
    for (size_t i = 0; i < k->n; i++)
        if (same_name(k->field[i].name, name)) return &k->field[i];
    return NULL;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static sk_status set_text(const flt_field *f, sk_arena *a, const char *text, void *row, sk_err *e)
{
    const char *copy = sk_arena_strndup(a, text, strlen(text));
    if (!copy) return sk_fail(e, SK_E_NOMEM, "no memory for a row");
    memcpy(into(f, row), &copy, sizeof copy);
    return SK_OK;
}

static sk_status set_size(const flt_field *f, const char *text, void *row, sk_err *e)
{
    char *end;
    double v = strtod(text, &end);
    if (!*text || *end || !isfinite(v))
        return sk_fail(e, SK_E_INVALID, "\"%.40s\" is no number", text);
    memcpy(into(f, row), &v, sizeof v);
    return SK_OK;
}

/* A decimal number without what lies behind the millionth: money, and, where `whole`, counts. */
static sk_status set_money(const flt_field *f, const char *text, bool whole, void *row, sk_err *e)
{
    int64_t v;
    bool rounded;
    sk_status st = flt_money_parse(text, strlen(text), &v, &rounded, e);
    if (st) return st;
    if (rounded || (whole && v % FLT_MICRO))
        return sk_fail(e, SK_E_INVALID, whole ? "%.40s is no whole number" : "%.40s is too exact",
                       text);
    flt_field_set_int(f, row, whole ? v / FLT_MICRO : v);
    return SK_OK;
}

/* "30%" or "0.3" */
static sk_status set_share(const flt_field *f, const char *text, void *row, sk_err *e)
{
    int64_t v = -1;
    size_t n = strlen(text);
    bool percent = n && text[n - 1] == '%';
    if (n) {
        sk_status st = flt_money_parse(text, n - percent, &v, NULL, e);
        if (st) return st;
        if (percent) (void)flt_muldiv(v, 1, 100, &v);
        if (v < 0 || v > FLT_PPM)
            return sk_fail(e, SK_E_INVALID, "\"%.40s\" is no share: 0%% to 100%%, or 0 to 1", text);
    }
    flt_field_set_int(f, row, v);
    return SK_OK;
}

static sk_status set_time(const flt_field *f, const char *text, void *row, sk_err *e)
{
    int64_t t = f->type == FLT_AS_END ? SK_UTC_END : 0;
    sk_status st = SK_OK;
    if (*text) st = sk_utc_parse(text, strlen(text), SK_UTC_ASSUMED, &t, e);
    if (!st) flt_field_set_int(f, row, t);
    return st;
}

static sk_status set_seconds(const flt_field *f, const char *text, void *row, sk_err *e)
{
    int64_t t;
    sk_status st = sk_utc_after(0, text, &t, e);
    if (!st) flt_field_set_int(f, row, t);
    return st;
}

static sk_status set_word(const flt_field *f, const char *text, void *row, sk_err *e)
{
    int v = f->words->number(text);
    if (v >= 0) {
        flt_field_set_int(f, row, v);
        return SK_OK;
    }
    sk_buf list = SK_BUF_INIT;
    for (int i = 0; f->words->word(i)[0] != '?'; i++)
        sk_buf_addf(&list, "%s%s", i ? ", " : "", f->words->word(i));
    sk_status st = sk_fail(e, SK_E_INVALID, "\"%.40s\" is none of %s", text,
                           list.p ? list.p : "the known words");
    sk_buf_fini(&list);
    return st;
}

/* "on-demand,spot" */
static sk_status set_categories(const flt_field *f, const char *text, void *row, sk_err *e)
{
    unsigned bits = 0;
    for (const char *p = text; *p;) {
        char word[16] = "";
        size_t n = strcspn(p, ", ");
        if (n && n < sizeof word) {
            memcpy(word, p, n);
            word[n] = 0;
        }
        int v = n ? flt_category_of(word) : -1;
        if (n && v < 0)
            return sk_fail(e, SK_E_INVALID, "\"%.*s\" is none of on-demand, spot, block, reserved",
                           (int)(n < 40 ? n : 40), p);
        if (n) bits |= 1U << v;
        p += n + (p[n] != 0);
    }
    flt_field_set_int(f, row, bits);
    return SK_OK;
}

static sk_status set_ref(const flt_field *f, const flt_book *b, const char *text, void *row,
                         sk_err *e)
{
    const void *other = *text ? flt_row_named(b, f->ref, text) : NULL;
    if (*text && !other)
        return sk_fail(e, SK_E_INVALID, "there is no %s \"%.64s\"", flt_rows_of(f->ref)->name,
                       text);
    if (!other && !f->absent)
        return sk_fail(e, SK_E_INVALID, "it needs the name of a %s", flt_rows_of(f->ref)->name);
    flt_field_set_int(f, row, other ? flt_row_id(other) : 0);
    return SK_OK;
}

static sk_status set_price(const flt_field *f, const char *text, void *row, sk_err *e)
{
    if (*text) return set_money(f, text, false, row, e);
    flt_field_set_int(f, row, 0);
    ((flt_offer *)row)->priced = false;
    return SK_OK;
}

/* No default: a new type of field that is not handled here is a warning of the compiler's. */
static sk_status set(const flt_field *f, const flt_book *b, sk_arena *a, const char *text,
                     void *row, sk_err *e)
{
    switch (f->type) {
    case FLT_AS_TEXT:
        return set_text(f, a, text, row, e);
    case FLT_AS_COUNT:
        return set_money(f, text, true, row, e);
    case FLT_AS_SIZE:
        return set_size(f, text, row, e);
    case FLT_AS_MONEY:
        return set_money(f, text, false, row, e);
    case FLT_AS_PRICE:
        return set_price(f, text, row, e);
    case FLT_AS_SHARE:
        return set_share(f, text, row, e);
    case FLT_AS_TIME:
    case FLT_AS_END:
        return set_time(f, text, row, e);
    case FLT_AS_SECONDS:
        return set_seconds(f, text, row, e);
    case FLT_AS_WORD:
        return set_word(f, text, row, e);
    case FLT_AS_CATEGORIES:
        return set_categories(f, text, row, e);
    case FLT_AS_REF:
        return set_ref(f, b, text, row, e);
    }
    return SK_OK;
}

sk_status flt_field_set(const flt_field *f, const flt_book *b, sk_arena *a, const char *text,
                        void *row, sk_err *e)
{
    sk_status st = set(f, b, a, text, row, e);
    return st ? sk_while(e, "%s", f->name) : SK_OK;
}

sk_status flt_row_defaults(flt_row_kind kind, sk_arena *a, void *row, sk_err *e)
{
    static const flt_book none;
    const flt_rows *k = flt_rows_of(kind);
    for (size_t i = 0; i < k->n; i++) {
        const flt_field *f = &k->field[i];
        const char *text = f->absent;
        if (!text && f->type == FLT_AS_TEXT) text = "";
        if (!text) continue;
        sk_status st = flt_field_set(f, &none, a, text, row, e);
        if (st) return st;
    }
    return SK_OK;
}

/* ---- writing ----------------------------------------------------------------------------------
 */

static void print_time(int64_t t, int64_t none, sk_buf *out)
{
    char text[SK_UTC_TEXT];
    if (t == none) return;
    sk_utc_print_short(t, text);
    sk_buf_adds(out, text);
}

static void print_money(int64_t micros, sk_buf *out)
{
    char text[FLT_MONEY_TEXT];
    flt_money_print(micros, text);
    sk_buf_adds(out, text);
}

static void print_categories(int64_t bits, sk_buf *out)
{
    const char *sep = "";
    for (int i = 0; i < FLT_CATEGORY_N; i++) {
        if (!(bits >> i & 1)) continue;
        sk_buf_addf(out, "%s%s", sep, flt_word_category((flt_category)i));
        sep = ",";
    }
}

static void print_ref(const flt_field *f, const flt_book *b, int64_t id, sk_buf *out)
{
    const void *other = id ? flt_row_by_id(b, f->ref, id) : NULL;
    if (other) flt_row_name(b, f->ref, other, out);
}

/* Texts and sizes have a form of their own in a row; all others are read as a whole number first.
 * What a field may leave out (no price, a share that is not known) is printed as nothing, which
 * flt_field_set reads back as that. */
void flt_field_print(const flt_field *f, const flt_book *b, const void *row, sk_buf *out)
{
    if (f->type == FLT_AS_TEXT) {
        sk_buf_adds(out, text_of(f, row));
        return;
    }
    if (f->type == FLT_AS_SIZE) {
        sk_json_add_num(out, size_of(f, row));
        return;
    }
    int64_t v = flt_field_int(f, row);
    switch (f->type) {
    case FLT_AS_PRICE:
        if (((const flt_offer *)row)->priced) print_money(v, out);
        break;
    case FLT_AS_MONEY:
        print_money(v, out);
        break;
    case FLT_AS_SHARE:
        if (v < 0) break;
        print_money(v * 100, out);
        sk_buf_addc(out, '%');
        break;
    case FLT_AS_TIME:
        print_time(v, 0, out);
        break;
    case FLT_AS_END:
        print_time(v, SK_UTC_END, out);
        break;
    case FLT_AS_WORD:
        sk_buf_adds(out, f->words->word((int)v));
        break;
    case FLT_AS_CATEGORIES:
        print_categories(v, out);
        break;
    case FLT_AS_REF:
        print_ref(f, b, v, out);
        break;
    default:
        sk_buf_addf(out, "%lld", (long long)v);
        break;
    }
}

static bool is_nothing(const flt_field *f, const void *row)
{
    if (f->type == FLT_AS_TEXT || f->type == FLT_AS_SIZE) return false;
    int64_t v = flt_field_int(f, row);
    switch (f->type) {
    case FLT_AS_PRICE:
        return !((const flt_offer *)row)->priced;
    case FLT_AS_SHARE:
        return v < 0;
    case FLT_AS_TIME:
    case FLT_AS_REF:
        return v == 0;
    case FLT_AS_END:
        return v == SK_UTC_END;
    default:
        return false;
    }
}

static bool is_number(const flt_field *f)
{
    return f->type == FLT_AS_COUNT || f->type == FLT_AS_MONEY || f->type == FLT_AS_PRICE ||
           f->type == FLT_AS_SHARE || f->type == FLT_AS_SECONDS;
}

void flt_field_json(const flt_field *f, const flt_book *b, const void *row, sk_buf *out)
{
    if (is_nothing(f, row)) {
        sk_buf_adds(out, "null");
    } else if (is_number(f)) {
        sk_buf_addf(out, "%lld", (long long)flt_field_int(f, row));
    } else if (f->type == FLT_AS_SIZE) {
        sk_json_add_num(out, size_of(f, row));
    } else if (f->type == FLT_AS_TIME || f->type == FLT_AS_END) {
        char text[SK_UTC_TEXT];
        sk_utc_print(flt_field_int(f, row), text);
        sk_buf_addf(out, "\"%s\"", text);
    } else {
        sk_buf text = SK_BUF_INIT;
        flt_field_print(f, b, row, &text);
        sk_json_add_str(out, text.len ? text.p : "", text.len);
        out->oom |= !sk_buf_ok(&text);
        sk_buf_fini(&text);
    }
}

static void steps_json(const char *list, const flt_step *s, size_t n, sk_buf *out)
{
    sk_buf_addf(out, ",\"%s\":[", list);
    for (size_t i = 0; i < n; i++) {
        char t[SK_UTC_TEXT];
        sk_utc_print(s[i].t, t);
        sk_buf_addf(out, "%s{\"t\":\"%s\",\"amount\":%lld}", i ? "," : "", t,
                    (long long)s[i].amount);
    }
    sk_buf_addc(out, ']');
}

void flt_row_json(const flt_book *b, flt_row_kind kind, const void *row, sk_buf *out)
{
    const flt_rows *k = flt_rows_of(kind);
    sk_buf_addf(out, "{\"id\":%lld", (long long)flt_row_id(row));
    for (size_t i = 0; i < k->n; i++) {
        const flt_field *f = &k->field[i];
        sk_buf_addf(out, ",\"%s\":", f->column ? f->column : f->name);
        flt_field_json(f, b, row, out);
    }
    if (kind == FLT_ROW_COMMITMENT) {
        const flt_commitment *c = row;
        steps_json("ramp", c->ramp, c->n_ramp, out);
        steps_json("milestones", c->milestone, c->n_milestone, out);
    }
    sk_buf_addc(out, '}');
}

/* ---- comparing --------------------------------------------------------------------------------
 */

static bool same_field(const flt_field *f, const void *a, const void *b)
{
    if (f->type == FLT_AS_TEXT) return !strcmp(text_of(f, a), text_of(f, b));
    if (f->type == FLT_AS_SIZE) return size_of(f, a) == size_of(f, b);
    if (is_nothing(f, a) != is_nothing(f, b)) return false;
    return flt_field_int(f, a) == flt_field_int(f, b);
}

static bool same_steps(const flt_step *a, size_t na, const flt_step *b, size_t nb)
{
    bool same = na == nb;
    for (size_t i = 0; same && i < na; i++)
        same = a[i].t == b[i].t && a[i].amount == b[i].amount;
    return same;
}

bool flt_row_same(flt_row_kind kind, const void *a, const void *b, const flt_field **which)
{
    const flt_rows *k = flt_rows_of(kind);
    for (size_t i = 0; i < k->n; i++) {
        if (same_field(&k->field[i], a, b)) continue;
        if (which) *which = &k->field[i];
        return false;
    }
    if (kind != FLT_ROW_COMMITMENT) return true;
    const flt_commitment *x = a, *y = b;
    if (same_steps(x->ramp, x->n_ramp, y->ramp, y->n_ramp) &&
        same_steps(x->milestone, x->n_milestone, y->milestone, y->n_milestone))
        return true;
    if (which) *which = flt_field_named(kind, "amount");
    return false;
}
