/* usage_csv.c - rows of a usage file, checked against the book. */
#include "fleet/ledger/usage_csv.h"

#include <string.h>

enum { YEAR_S = 366 * 86400 };

static const char *column_name(flt_usage_column k)
{
#define ROW(name) #name,
    static const char *const names[] = {FLT_USAGE_COLUMNS(ROW)};
#undef ROW
    return names[k];
}

bool flt_usage_is(const sk_csv *c)
{
    return sk_csv_column(c, "key") >= 0 && sk_csv_column(c, "pool") >= 0 &&
           sk_csv_column(c, "from") >= 0;
}

/* A column that is not known is refused: it may be one that is needed, under another name. */
sk_status flt_usage_reader_init(flt_usage_reader *r, const flt_book *book, const sk_csv *c,
                                int64_t latest, bool assume_utc, sk_err *e)
{
    size_t known = 0;
    memset(r, 0, sizeof *r);
    r->book = book;
    r->latest = latest;
    r->assume_utc = assume_utc;
    for (int k = 0; k < FLT_UC_N; k++) {
        r->at[k] = sk_csv_column(c, column_name((flt_usage_column)k));
        known += r->at[k] >= 0;
        bool needed = k == FLT_UC_key || k == FLT_UC_pool || k == FLT_UC_chips ||
                      k == FLT_UC_from || k == FLT_UC_to;
        if (needed && r->at[k] < 0)
            return sk_csv_fail(c, column_name((flt_usage_column)k), e,
                               "the header has no such column");
    }
    if ((r->at[FLT_UC_useful_from] < 0) != (r->at[FLT_UC_useful_to] < 0))
        return sk_csv_fail(c, "useful_from", e, "and useful_to stand together");
    if (known != sk_csv_columns(c))
        return sk_csv_fail(c, "header", e, "%zu of its columns are not known",
                           sk_csv_columns(c) - known);
    return SK_OK;
}

/* ---- fields ------------------------------------------------------------------------------------
 */

typedef struct take {
    flt_usage_reader *r;
    const sk_csv *c;
    const sk_csv_field *field;
} take;

/* The field of column k, empty if the file has none. */
static sk_csv_field get(const take *t, flt_usage_column k)
{
    return t->r->at[k] < 0 ? (sk_csv_field){"", 0} : sk_csv_trim(t->field[t->r->at[k]]);
}

static sk_status no(const take *t, flt_usage_column k, sk_err *e, const char *what)
{
    sk_csv_field f = get(t, k);
    return sk_csv_fail(t->c, column_name(k), e, "\"%.*s\" %s", (int)(f.n < 60 ? f.n : 60), f.p,
                       what);
}

/* Copies a text of printable ASCII, such as keys are, or of UTF-8. */
static sk_status take_text(const take *t, flt_usage_column k, char out[FLT_USAGE_TEXT], sk_err *e)
{
    sk_csv_field f = get(t, k);
    if (f.n >= FLT_USAGE_TEXT) return no(t, k, e, "is longer than 199 bytes");
    unsigned char bad = 0;
    for (size_t i = 0; i < f.n; i++)
        bad |= (unsigned char)((unsigned char)f.p[i] < 32);
    if (bad) return no(t, k, e, "has control characters in it");
    memcpy(out, f.p, f.n);
    out[f.n] = 0;
    return SK_OK;
}

/* A whole number from 0 to 10^9. */
static sk_status take_count(const take *t, flt_usage_column k, int64_t *out, sk_err *e)
{
    sk_csv_field f = get(t, k);
    int64_t v = 0;
    if (!f.n || f.n > 10) return no(t, k, e, "is not a whole number");
    for (size_t i = 0; i < f.n; i++) {
        if (f.p[i] < '0' || f.p[i] > '9') return no(t, k, e, "is not a whole number");
        v = v * 10 + (f.p[i] - '0');
    }
    if (v > 1000000000) return no(t, k, e, "is too large");
    *out = v;
    return SK_OK;
}

/* Two digits, -1 if they are none. */
static int two(const char *p)
{
    unsigned a = (unsigned)(unsigned char)p[0] - '0', b = (unsigned)(unsigned char)p[1] - '0';
    return a > 9 || b > 9 ? -1 : (int)(a * 10 + b);
}

/* "2026-11-01T00:05:00Z" of the day that was read last; false for all else, which sk_utc_parse
 * reads.  Nearly all times of a file go this way. */
static bool same_day(const flt_usage_reader *r, sk_csv_field f, int64_t *out)
{
    if (f.n != 20 || f.p[19] != 'Z' || f.p[10] != 'T' || memcmp(f.p, r->day_text, 10) != 0)
        return false;
    int h = two(f.p + 11), m = two(f.p + 14), s = two(f.p + 17);
    if (h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s > 59 || f.p[13] != ':' || f.p[16] != ':')
        return false;
    *out = r->day + h * 3600 + m * 60 + s;
    return true;
}

static sk_status take_time(const take *t, flt_usage_column k, int64_t *out, sk_err *e)
{
    sk_csv_field f = get(t, k);
    sk_err why = SK_ERR_INIT;
    if (same_day(t->r, f, out)) return SK_OK;
    sk_utc_zone zone = t->r->assume_utc ? SK_UTC_ASSUMED : SK_UTC_NEEDED;
    if (sk_utc_parse(f.p, f.n, zone, out, &why)) {
        bool could = !t->r->assume_utc && !sk_utc_parse(f.p, f.n, SK_UTC_ASSUMED, out, NULL);
        if (could) return no(t, k, e, "has no offset from UTC: --assume-utc says that it is UTC");
        return sk_csv_fail(t->c, column_name(k), e, "%s", why.text);
    }
    if (f.n == 20 && f.p[19] == 'Z' && f.p[17] != '6') {
        memcpy(t->r->day_text, f.p, 10);
        t->r->day = sk_utc_day(*out);
    }
    return SK_OK;
}

/* ---- names -------------------------------------------------------------------------------------
 */

static bool named(const char *name, sk_csv_field f)
{
    return strncmp(name, f.p, f.n) == 0 && name[f.n] == 0;
}

static sk_status take_pool(const take *t, flt_usage *u, sk_err *e)
{
    sk_csv_field f = get(t, FLT_UC_pool);
    const flt_book *b = t->r->book;
    for (size_t i = 0; i < b->n_pool && !(t->r->pool && named(t->r->pool->name, f)); i++)
        if (named(b->pool[i].name, f)) t->r->pool = &b->pool[i];
    if (!t->r->pool || !named(t->r->pool->name, f))
        return no(t, FLT_UC_pool, e, "is no pool of this fleet");
    u->pool = t->r->pool->id;
    return SK_OK;
}

static sk_status take_workload(const take *t, flt_usage *u, sk_err *e)
{
    sk_csv_field f = get(t, FLT_UC_workload);
    const flt_book *b = t->r->book;
    u->workload = 0;
    if (!f.n) return SK_OK;
    for (size_t i = 0; i < b->n_workload && !(t->r->workload && named(t->r->workload->name, f));
         i++)
        if (named(b->workload[i].name, f)) t->r->workload = &b->workload[i];
    if (!t->r->workload || !named(t->r->workload->name, f))
        return no(t, FLT_UC_workload, e, "is no workload of this fleet");
    u->workload = t->r->workload->id;
    return SK_OK;
}

static sk_status take_category(const take *t, flt_usage *u, sk_err *e)
{
    sk_csv_field f = get(t, FLT_UC_category);
    u->category = FLT_ON_DEMAND;
    if (!f.n) return SK_OK;
    for (int k = 0; k < FLT_CATEGORY_N; k++)
        if (named(flt_word_category((flt_category)k), f)) {
            u->category = (flt_category)k;
            return SK_OK;
        }
    return no(t, FLT_UC_category, e, "is none of on-demand, spot, block, reserved");
}

/* A reservation is named by its number, and must be of the pool. */
static sk_status take_reservation(const take *t, flt_usage *u, sk_err *e)
{
    const flt_book *b = t->r->book;
    u->reservation = 0;
    if (!get(t, FLT_UC_reservation).n) return SK_OK;
    sk_status st = take_count(t, FLT_UC_reservation, &u->reservation, e);
    if (st || !u->reservation) return st;
    for (size_t i = 0; i < b->n_reservation; i++)
        if (b->reservation[i].id == u->reservation && b->reservation[i].pool == u->pool)
            return SK_OK;
    return no(t, FLT_UC_reservation, e, "is no reservation in this pool");
}

/* ---- the row -----------------------------------------------------------------------------------
 */

/* When, and what of it did work. */
static sk_status take_spans(const take *t, flt_usage *u, sk_err *e)
{
    sk_status st = take_time(t, FLT_UC_from, &u->span.from, e);
    if (!st) st = take_time(t, FLT_UC_to, &u->span.to, e);
    if (st) return st;
    if (u->span.to <= u->span.from)
        return no(t, FLT_UC_to, e, "is not after `from`: did a clock go back?");
    if (u->span.to > t->r->latest) return no(t, FLT_UC_to, e, "is in the future");
    if (u->span.to - u->span.from > YEAR_S)
        return no(t, FLT_UC_to, e, "is over a year after `from`");
    bool from = get(t, FLT_UC_useful_from).n > 0, to = get(t, FLT_UC_useful_to).n > 0;
    u->useful = (sk_span){u->span.from, u->span.from};
    if (!from && !to) return SK_OK;
    if (from != to)
        return no(t, from ? FLT_UC_useful_to : FLT_UC_useful_from, e, "has no other end");
    st = take_time(t, FLT_UC_useful_from, &u->useful.from, e);
    if (!st) st = take_time(t, FLT_UC_useful_to, &u->useful.to, e);
    if (st) return st;
    if (u->useful.from > u->useful.to || u->useful.from < u->span.from || u->useful.to > u->span.to)
        return no(t, FLT_UC_useful_to, e, "and useful_from are not within `from` and `to`");
    return SK_OK;
}

sk_status flt_usage_read(flt_usage_reader *r, const sk_csv *c, const sk_csv_field *field,
                         flt_usage *out, sk_err *e)
{
    const take t = {r, c, field};
    flt_usage u = {.key = r->key, .sku = r->sku};
    sk_status st = take_text(&t, FLT_UC_key, r->key, e);
    if (!st && !*r->key) st = no(&t, FLT_UC_key, e, "is empty: a row needs a key of its own");
    if (!st) st = take_pool(&t, &u, e);
    if (!st) st = take_workload(&t, &u, e);
    if (!st) st = take_count(&t, FLT_UC_chips, &u.chips, e);
    if (!st && !u.chips) st = no(&t, FLT_UC_chips, e, "is not more than 0");
    if (!st) st = take_spans(&t, &u, e);
    if (!st) st = take_category(&t, &u, e);
    if (!st) st = take_reservation(&t, &u, e);
    if (!st) st = take_text(&t, FLT_UC_sku, r->sku, e);
    if (!st) *out = u;
    return st;
}
