/* spell.c - stays drawn one after the other, and availability from a file. */
#include "fleet/sim/spell.h"

#include "base/file.h"
#include "fleet/sim/rows.h"

#include <math.h>
#include <string.h>

flt_spell flt_spell_make(double up_s, double down_s, uint64_t seed, flt_draw_use use,
                         uint32_t object)
{
    flt_spell s = {up_s, down_s, seed, 0, use, object, false, INFINITY};
    if (up_s > 0 && down_s > 0) {
        flt_draw d = flt_draw_at(seed, use, object, s.k++);
        s.until = flt_draw_exponential(&d, up_s);
    }
    return s;
}

bool flt_spell_down(flt_spell *s, double t)
{
    while (t >= s->until) {
        flt_draw d = flt_draw_at(s->seed, s->use, s->object, s->k++);
        s->down = !s->down;
        /* A stay has at least a millisecond: means may be tiny, years are long. */
        s->until += fmax(flt_draw_exponential(&d, s->down ? s->down_s : s->up_s), 1e-3);
    }
    return s->down;
}

/* Rows in the making. */
typedef struct table {
    double *t;
    int64_t *nodes;
    size_t n;
} table;

static sk_status add_row(void *arg, const flt_row *row, sk_err *e)
{
    table *to = arg;
    double t, nodes;
    if (row->n < 2 || !flt_row_number(row, 0, &t) || !flt_row_number(row, 1, &nodes) || t < 0 ||
        t > 1e10 || nodes < 0 || nodes > 1e9)
        return sk_fail(e, SK_E_INVALID, "a row is seconds,nodes");
    if (to->n && t <= to->t[to->n - 1])
        return sk_fail(e, SK_E_INVALID, "time goes back or stands still");
    to->t[to->n] = t;
    to->nodes[to->n++] = (int64_t)nodes;
    return SK_OK;
}

sk_status flt_availability_load(const char *path, sk_arena *mem, flt_availability *out, sk_err *e)
{
    sk_buf text = SK_BUF_INIT;
    sk_status st = sk_file_load(path, 64u << 20, &text, e);
    if (st) return st;
    size_t rows = flt_rows_count(text.p, text.len);
    table to = {NULL, NULL, 0};
    if (rows > FLT_AVAILABILITY_ROWS) {
        st = sk_fail(e, SK_E_TOOBIG, "%s has more than %d rows", path, FLT_AVAILABILITY_ROWS);
    } else {
        to.t = sk_new_n(mem, double, rows + 1);
        to.nodes = sk_new_n(mem, int64_t, rows + 1);
        if (!to.t || !to.nodes) st = sk_fail(e, SK_E_NOMEM, "no memory to read %s", path);
    }
    if (!st) st = flt_rows_each(path, text.p, text.len, add_row, &to, e);
    if (!st && !to.n) st = sk_fail(e, SK_E_INVALID, "%s has no rows", path);
    sk_buf_fini(&text);
    if (!st) *out = (flt_availability){to.t, to.nodes, to.n, 0};
    return st;
}

int64_t flt_availability_at(flt_availability *a, double t)
{
    double whole = a->t[a->n - 1] - a->t[0];
    if (whole > 0) t = a->t[0] + fmod(t, whole);
    if (t < a->t[a->at]) a->at = 0;
    while (a->at + 1 < a->n && a->t[a->at + 1] <= t)
        a->at++;
    return a->nodes[a->at];
}
