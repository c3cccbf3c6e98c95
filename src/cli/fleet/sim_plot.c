/* sim_plot.c - pictures of a simulation: who had the chips, and what was asked of them. */
#include "base/file.h"
#include "base/plot.h"
#include "cli/fleet/sim.h"

#include <stdio.h>

/* Columns of the sum's points, for the plots. */
typedef struct columns {
    double x[FLT_SIM_POINTS], y[5][FLT_SIM_POINTS];
    size_t n;
} columns;

static sk_status write(const char *prefix, const char *name, sk_buf *b, sk_err *e)
{
    char path[4096];
    sk_status st = SK_OK;
    int n = snprintf(path, sizeof path, "%s-%s.svg", prefix, name);
    if (n < 0 || (size_t)n >= sizeof path)
        st = sk_fail(e, SK_E_INVALID, "the name of the plots is too long");
    else if (!sk_buf_ok(b))
        st = sk_fail(e, SK_E_NOMEM, "no memory for a picture");
    else
        st = sk_file_replace(path, b->p, b->len, e);
    sk_buf_fini(b);
    return st;
}

static void take(const flt_sim_sum *sum, columns *c)
{
    c->n = sum->n_point;
    for (size_t i = 0; i < c->n; i++) {
        const flt_sim_point *p = &sum->point[i];
        c->x[i] = p->day;
        c->y[0][i] = p->serving;
        c->y[1][i] = p->training;
        c->y[2][i] = p->idle;
        c->y[3][i] = p->down;
        c->y[4][i] = p->needed;
    }
}

/* Drawdown of the first two discontinuous commitments against what they promise, in millions.  The
 * columns are used again. */
static sk_status plot_pace(const char *prefix, const flt_sim_sum *sum, columns *c, sk_err *e)
{
    char name[4][48], unit[32];
    sk_series line[4];
    size_t n = 0;
    sk_buf b = SK_BUF_INIT;
    for (size_t i = 0; i < sum->n_curve && n < 4; i++, n += 2) {
        const flt_sim_commitment *m = &sum->commitment[sum->curve[i].commitment];
        for (size_t k = 0; k < c->n; k++) {
            c->y[n][k] = sum->curve[i].drawn[k] / 1e6;
            c->y[n + 1][k] = sum->curve[i].due[k] / 1e6;
        }
        (void)snprintf(name[n], sizeof name[n], "%.24s drawn", m->contract);
        (void)snprintf(name[n + 1], sizeof name[n + 1], "%.24s promised", m->contract);
        (void)snprintf(unit, sizeof unit, "million %.3s", m->kind == FLT_SPEND ? m->currency : "h");
        line[n] = (sk_series){name[n], c->x, c->y[n], c->n};
        line[n + 1] = (sk_series){name[n + 1], c->x, c->y[n + 1], c->n};
    }
    sk_plot_svg(line, n, "drawdown against commitment", "day", unit, &b);
    return write(prefix, "pace", &b, e);
}

/* Writes PREFIX-capacity, and PREFIX-demand and PREFIX-pace where there was demand and a
 * commitment.  The columns are too large for a stack. */
sk_status cmd_sim_plot(const char *prefix, const flt_scenario *s, const flt_sim_sum *sum, sk_err *e)
{
    columns *c = sk_alloc(SK_MEM_MISC, sizeof *c);
    if (!c) return sk_fail(e, SK_E_NOMEM, "no memory for a picture");
    take(sum, c);
    const sk_series bands[] = {{"serving", c->x, c->y[0], c->n},
                               {"training", c->x, c->y[1], c->n},
                               {"idle", c->x, c->y[2], c->n},
                               {"down", c->x, c->y[3], c->n}};
    const sk_series demand[] = {{"serving", c->x, c->y[0], c->n}, {"needed", c->x, c->y[4], c->n}};
    sk_buf b = SK_BUF_INIT;
    sk_plot_bands_svg(bands, 4, s->name, "day", "chips", &b);
    sk_status st = write(prefix, "capacity", &b, e);
    if (!st && sum->asked) {
        sk_plot_svg(demand, 2, "chips for serving: had and needed", "day", "chips", &b);
        st = write(prefix, "demand", &b, e);
    }
    if (!st && sum->n_curve) st = plot_pace(prefix, sum, c, e);
    sk_free(c);
    return st;
}
