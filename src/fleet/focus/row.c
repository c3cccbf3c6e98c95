/* row.c - fields of a FOCUS file to values. */
#include "fleet/focus/row.h"

#include "base/utc.h"
#include "fleet/money/money.h"

#include <string.h>

const flt_focus_set *flt_focus_is(const sk_csv *c)
{
    if (sk_csv_column(c, "ContractCommitmentId") >= 0) return &flt_focus_promise_set;
    if (sk_csv_column(c, "ChargePeriodStart") >= 0 && sk_csv_column(c, "BilledCost") >= 0)
        return &flt_focus_cost_set;
    return NULL;
}

/* The newest version that a column of the file was new in. */
static int newest(const flt_focus_set *set, const sk_csv *c)
{
    int v = set->column[0].since == 13 && set == &flt_focus_promise_set ? 13 : FLT_FOCUS_FIRST;
    for (int i = 0; i < set->n; i++)
        if (set->column[i].since > v && sk_csv_column(c, set->column[i].name) >= 0)
            v = set->column[i].since;
    return v;
}

/* Whether the file has all that one of that version must have. */
static bool is_whole(const flt_focus_map *m, int version)
{
    for (int i = 0; i < m->set->n; i++) {
        const flt_focus_column *c = &m->set->column[i];
        if (c->level == FLT_FOCUS_MUST && m->at[i] < 0 && flt_focus_in(c, version)) return false;
    }
    return true;
}

void flt_focus_map_init(flt_focus_map *m, const flt_focus_set *set, const sk_csv *c, int version,
                        flt_dates dates)
{
    size_t known = 0;
    memset(m, 0, sizeof *m);
    m->set = set;
    m->dates = dates;
    for (int i = 0; i < set->n; i++) {
        m->at[i] = sk_csv_column(c, set->column[i].name);
        known += m->at[i] >= 0;
    }
    m->extra = sk_csv_columns(c) - known;
    m->version = version ? version : newest(set, c);
    for (int v = m->version; !version && v <= FLT_FOCUS_LAST; v++)
        if (is_whole(m, v)) {
            m->version = v;
            break;
        }
}

size_t flt_focus_missing(const flt_focus_map *m, sk_buf *out)
{
    size_t n = 0;
    for (int i = 0; i < m->set->n; i++) {
        const flt_focus_column *c = &m->set->column[i];
        if (c->level != FLT_FOCUS_MUST || m->at[i] >= 0 || !flt_focus_in(c, m->version)) continue;
        sk_buf_addf(out, "%s%s", n++ ? ", " : "", c->name);
    }
    return n;
}

/* Digits, a point, a sign, an exponent: what FOCUS lets a number be written with. */
static bool plain_number(sk_csv_field f)
{
    for (size_t i = 0; i < f.n; i++)
        if (!strchr("0123456789.-eE", f.p[i])) return false;
    return true;
}

/* One or two digits of f from *i on, which then stands behind them; -1 if there are none. */
static int digits(sk_csv_field f, size_t *i, size_t most)
{
    int v = 0;
    size_t from = *i;
    while (*i < f.n && *i - from < most && f.p[*i] >= '0' && f.p[*i] <= '9')
        v = v * 10 + (f.p[(*i)++] - '0');
    return *i == from ? -1 : v;
}

/* "4/1/25", "04/01/2025". */
static bool us_date(sk_csv_field f, int64_t *out)
{
    size_t i = 0;
    int month = digits(f, &i, 2);
    if (i >= f.n || f.p[i++] != '/') return false;
    int day = digits(f, &i, 2);
    if (i >= f.n || f.p[i++] != '/') return false;
    size_t from = i;
    int year = digits(f, &i, 4);
    if (i != f.n || (i - from != 2 && i - from != 4)) return false;
    if (i - from == 2) year += 2000;
    if (!sk_utc_is_date(year, month, day)) return false;
    const sk_civil c = {year, month, day, 0, 0, 0};
    *out = sk_utc_time(&c);
    return true;
}

sk_status flt_date_parse(sk_csv_field f, flt_dates dates, int64_t *out, bool *loose, sk_err *e)
{
    sk_utc_zone zone = dates == FLT_DATES_RFC ? SK_UTC_NEEDED : SK_UTC_ASSUMED;
    if (memchr(f.p, '/', f.n) && dates != FLT_DATES_US)
        return sk_fail(e, SK_E_INVALID,
                       "'%.*s' may be month/day or day/month: --dates us says that it is the first",
                       (int)(f.n < 40 ? f.n : 40), f.p);
    *loose = f.n != 20 || f.p[19] != 'Z' || f.p[10] != 'T';
    if (dates == FLT_DATES_US && us_date(f, out)) return SK_OK;
    sk_status st = sk_utc_parse(f.p, f.n, zone, out, e);
    if (st == SK_E_INVALID && e && zone == SK_UTC_NEEDED &&
        !sk_utc_parse(f.p, f.n, SK_UTC_ASSUMED, out, NULL))
        return sk_fail(e, st, "'%.*s' has no offset from UTC: --assume-utc says that it is UTC",
                       (int)(f.n < 40 ? f.n : 40), f.p);
    return st;
}

/* One field by its column's type. */
static sk_status take(const flt_focus_map *m, const flt_focus_column *c, flt_focus_value *v,
                      sk_err *e)
{
    switch (c->type) {
    case FLT_FOCUS_DECIMAL:
    case FLT_FOCUS_PRICE:
        v->loose = !plain_number(v->text);
        return flt_money_parse(v->text.p, v->text.n, &v->v, &v->rounded, e);
    case FLT_FOCUS_TIME:
        return flt_date_parse(v->text, m->dates, &v->v, &v->loose, e);
    default:
        return SK_OK;
    }
}

sk_status flt_focus_read(const flt_focus_map *m, const sk_csv *c, const sk_csv_field *field,
                         flt_focus_row *out, sk_err *e)
{
    for (int i = 0; i < m->set->n; i++) {
        const flt_focus_column *col = &m->set->column[i];
        flt_focus_value *v = &out->value[i];
        sk_err why = SK_ERR_INIT;
        *v = (flt_focus_value){.null = true};
        if (m->at[i] < 0) continue;
        v->text = sk_csv_trim(field[m->at[i]]);
        v->null = !v->text.n || sk_csv_is(v->text, "null") || sk_csv_is(v->text, "NULL");
        if (v->null) continue;
        if (take(m, col, v, &why)) return sk_csv_fail(c, col->name, e, "%s", why.text);
    }
    return SK_OK;
}
