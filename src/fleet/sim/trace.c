/* trace.c - a file of requests into rows and a rate by minute. */
#include "fleet/sim/trace.h"

#include "base/file.h"
#include "base/utc.h"
#include "fleet/sim/rows.h"

#include <math.h>
#include <string.h>

#define SECOND 1e9

/* Rows in the making. */
typedef struct reading {
    flt_trace_row *row;
    size_t n, most;
    double first, input, output;
    int64_t first_second; /* of a date */
} reading;

/* Seconds of cell 0 from the first row's: a number, or a date with a fraction. */
static bool time_of(reading *r, const flt_row *row, double *out)
{
    sk_err why = SK_ERR_INIT;
    int64_t t = 0;
    double v = 0, part = 0;
    if (flt_row_number(row, 0, &v)) {
        if (!r->n) r->first = v;
        *out = v - r->first;
        return true;
    }
    if (sk_utc_parse(row->cell[0], row->len[0], SK_UTC_ASSUMED, &t, &why)) return false;
    /* The calendar drops the fraction. */
    const char *dot = memchr(row->cell[0], '.', row->len[0]);
    double unit = 0.1;
    for (const char *p = dot ? dot + 1 : NULL; p && p < row->cell[0] + row->len[0]; p++) {
        if (*p < '0' || *p > '9') break;
        part += unit * (*p - '0');
        unit /= 10;
    }
    if (!r->n) {
        r->first_second = t;
        r->first = part;
    }
    *out = (double)(t - r->first_second) + part - r->first;
    return true;
}

static sk_status add_row(void *arg, const flt_row *row, sk_err *e)
{
    reading *r = arg;
    double t = 0, in = 0, out = 0;
    if (row->n < 3 || !flt_row_number(row, 1, &in) || !flt_row_number(row, 2, &out) || in < 0 ||
        in > 1e7 || out < 0 || out > 1e7)
        return sk_fail(e, SK_E_INVALID, "a row is time,input tokens,output tokens");
    if (!time_of(r, row, &t))
        return sk_fail(e, SK_E_INVALID, "its time is neither number nor date");
    if (!(t >= 0 && t < 4e8)) return sk_fail(e, SK_E_INVALID, "its time is out of bounds");
    int64_t ns = llround(t * SECOND);
    if (r->n && ns < r->row[r->n - 1].t) return sk_fail(e, SK_E_INVALID, "time goes back");
    if (r->n == r->most) return sk_fail(e, SK_E_TOOBIG, "more rows than there were");
    r->row[r->n++] = (flt_trace_row){ns, (uint32_t)in, (uint32_t)out};
    r->input += in;
    r->output += out;
    return SK_OK;
}

/* Requests a second in each minute; the last, that is cut short, counts as what it has. */
static sk_status rates(const char *path, const reading *r, sk_arena *mem, flt_trace *out, sk_err *e)
{
    size_t minutes = (size_t)(r->row[r->n - 1].t / (60 * (int64_t)SECOND)) + 1;
    double *rate = minutes <= FLT_TRACE_ROWS ? sk_new_n(mem, double, minutes) : NULL;
    if (!rate) return sk_fail(e, SK_E_NOMEM, "no memory to read %s", path);
    for (size_t i = 0; i < r->n; i++)
        rate[r->row[i].t / (60 * (int64_t)SECOND)] += 1 / 60.0;
    *out =
        (flt_trace){r->row, r->n, rate, minutes, r->input / (double)r->n, r->output / (double)r->n};
    return SK_OK;
}

sk_status flt_trace_load(const char *path, sk_arena *mem, flt_trace *out, sk_err *e)
{
    sk_buf text = SK_BUF_INIT;
    sk_status st = sk_file_load(path, UINT64_C(1) << 30, &text, e);
    if (st) return st;
    reading r = {.most = flt_rows_count(text.p, text.len)};
    if (r.most > FLT_TRACE_ROWS)
        st = sk_fail(e, SK_E_TOOBIG, "%s has more than %d rows", path, FLT_TRACE_ROWS);
    else if (!(r.row = sk_new_n(mem, flt_trace_row, r.most + 1)))
        st = sk_fail(e, SK_E_NOMEM, "no memory to read %s", path);
    if (!st) st = flt_rows_each(path, text.p, text.len, add_row, &r, e);
    if (!st && !r.n) st = sk_fail(e, SK_E_INVALID, "%s has no rows", path);
    sk_buf_fini(&text);
    return st ? st : rates(path, &r, mem, out, e);
}

double flt_trace_rate(const flt_trace *t, double s)
{
    return t->rate[(size_t)fmod(fmax(s, 0) / 60, (double)t->minutes)];
}
