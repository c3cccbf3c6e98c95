/* lp.c - a mixed integer program as data. */
#include "fleet/plan/lp.h"

#include "base/mem.h"

#include <math.h>

typedef struct col {
    double cost, most;
    bool integer;
} col;

typedef struct row {
    flt_lp_sense sense;
    double bound;
    size_t first; /* of its terms */
} row;

typedef struct term {
    size_t col;
    double factor;
} term;

struct flt_lp {
    col *col;
    row *row;
    term *term;
    size_t n_col, n_row, n_term, cap_col, cap_row, cap_term;
    bool lost;
};

flt_lp *flt_lp_new(void)
{
    return sk_calloc(SK_MEM_MISC, 1, sizeof(flt_lp));
}

void flt_lp_free(flt_lp *lp)
{
    if (!lp) return;
    sk_free(lp->col);
    sk_free(lp->row);
    sk_free(lp->term);
    sk_free(lp);
}

/* Room for one more element of `size` bytes; the array may move. */
static bool room(flt_lp *lp, void **array, size_t n, size_t *cap, size_t size)
{
    size_t more, bytes;
    if (lp->lost) return false;
    if (n < *cap) return true;
    more = *cap ? *cap * 2 : 64;
    void *p = sk_mul_size(more, size, &bytes) ? sk_realloc(SK_MEM_MISC, *array, bytes) : NULL;
    if (!p) {
        lp->lost = true;
        return false;
    }
    *array = p;
    *cap = more;
    return true;
}

size_t flt_lp_col(flt_lp *lp, double cost, double most, bool integer)
{
    void *p = lp->col;
    bool ok = room(lp, &p, lp->n_col, &lp->cap_col, sizeof *lp->col);
    lp->col = p;
    if (!ok) return 0;
    lp->col[lp->n_col] = (col){cost, most, integer};
    return lp->n_col++;
}

void flt_lp_row(flt_lp *lp, flt_lp_sense sense, double bound)
{
    void *p = lp->row;
    bool ok = room(lp, &p, lp->n_row, &lp->cap_row, sizeof *lp->row);
    lp->row = p;
    if (ok) lp->row[lp->n_row++] = (row){sense, bound, lp->n_term};
}

void flt_lp_term(flt_lp *lp, size_t c, double factor)
{
    void *p = lp->term;
    if (factor == 0) return;
    bool ok = room(lp, &p, lp->n_term, &lp->cap_term, sizeof *lp->term);
    lp->term = p;
    if (ok) lp->term[lp->n_term++] = (term){c, factor};
}

bool flt_lp_ok(const flt_lp *lp)
{
    return !lp->lost;
}

size_t flt_lp_cols(const flt_lp *lp)
{
    return lp->n_col;
}

size_t flt_lp_rows(const flt_lp *lp)
{
    return lp->n_row;
}

static size_t end_of(const flt_lp *lp, size_t r)
{
    return r + 1 < lp->n_row ? lp->row[r + 1].first : lp->n_term;
}

/* A few terms a line: lines of the format are not to be long. */
static void add_term(sk_buf *out, double factor, size_t c, size_t nth)
{
    sk_buf_addf(out, "%s%s %.17g x%zu", nth && nth % 6 == 0 ? "\n " : " ", factor < 0 ? "-" : "+",
                fabs(factor), c + 1);
}

static void write_bounds(const flt_lp *lp, sk_buf *out)
{
    bool whole = false;
    sk_buf_adds(out, "Bounds\n");
    for (size_t i = 0; i < lp->n_col; i++) {
        if (isinf(lp->col[i].most))
            sk_buf_addf(out, " x%zu >= 0\n", i + 1);
        else
            sk_buf_addf(out, " 0 <= x%zu <= %.17g\n", i + 1, lp->col[i].most);
        whole |= lp->col[i].integer;
    }
    if (whole) sk_buf_adds(out, "Generals\n");
    for (size_t i = 0; i < lp->n_col; i++)
        if (lp->col[i].integer) sk_buf_addf(out, " x%zu\n", i + 1);
    sk_buf_adds(out, "End\n");
}

void flt_lp_write(const flt_lp *lp, sk_buf *out)
{
    sk_buf_adds(out, "Minimize\n cost:");
    for (size_t i = 0; i < lp->n_col; i++)
        add_term(out, lp->col[i].cost, i, i);
    sk_buf_adds(out, "\nSubject To\n");
    for (size_t r = 0; r < lp->n_row; r++) {
        const row *w = &lp->row[r];
        if (w->first == end_of(lp, r)) continue; /* nothing in it: the check sees to it */
        sk_buf_addf(out, " r%zu:", r + 1);
        for (size_t k = w->first; k < end_of(lp, r); k++)
            add_term(out, lp->term[k].factor, lp->term[k].col, k - w->first);
        sk_buf_addf(out, " %s %.17g\n", w->sense == FLT_AT_LEAST ? ">=" : "<=", w->bound);
    }
    write_bounds(lp, out);
}

double flt_lp_cost(const flt_lp *lp, const double *v)
{
    double sum = 0;
    for (size_t i = 0; i < lp->n_col; i++)
        sum += lp->col[i].cost * v[i];
    return sum;
}

/* The solver is another program, whose word is not taken: sums of terms of very different size lose
 * digits, so each row is measured by its own largest term. */
sk_status flt_lp_check(const flt_lp *lp, const double *v, double tolerance, sk_err *e)
{
    for (size_t i = 0; i < lp->n_col; i++) {
        double slack = tolerance * fmax(1, fabs(v[i]));
        if (!isfinite(v[i]) || v[i] < -slack || v[i] > lp->col[i].most + slack)
            return sk_fail(e, SK_E_CORRUPT, "the solver's x%zu = %.15g is out of bounds", i + 1,
                           v[i]);
        if (lp->col[i].integer && fabs(v[i] - nearbyint(v[i])) > slack)
            return sk_fail(e, SK_E_CORRUPT, "the solver's x%zu = %.15g is not whole", i + 1, v[i]);
    }
    for (size_t r = 0; r < lp->n_row; r++) {
        const row *w = &lp->row[r];
        double sum = 0, largest = fmax(1, fabs(w->bound));
        for (size_t k = w->first; k < end_of(lp, r); k++) {
            double x = lp->term[k].factor * v[lp->term[k].col];
            sum += x;
            largest = fmax(largest, fabs(x));
        }
        double miss = w->sense == FLT_AT_LEAST ? w->bound - sum : sum - w->bound;
        if (miss > tolerance * largest)
            return sk_fail(e, SK_E_CORRUPT, "the solver's answer misses row %zu by %.6g", r + 1,
                           miss);
    }
    return SK_OK;
}
