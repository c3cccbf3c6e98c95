/* take.c - counting, telling and keeping of broken rows. */
#include "fleet/ledger/take.h"

#include <string.h>

sk_status flt_taking_begin(flt_taking *t, const flt_take_opts *o, sk_csv *c, sk_err *e)
{
    memset(t, 0, sizeof *t);
    t->o = o;
    t->c = c;
    if (!o->rejects) return SK_OK;
    sk_status st = sk_outfile_open(o->rejects, &t->rejects, e);
    if (st) return st;
    sk_csv_field head = sk_csv_head(c);
    st = sk_outfile_write(t->rejects, head.p, head.n, e);
    if (!st) st = sk_outfile_write(t->rejects, "\n", 1, e);
    if (st) sk_outfile_abort(t->rejects);
    return st;
}

sk_status flt_taking_broken(flt_taking *t, const sk_err *why, sk_csv_field raw, sk_err *e)
{
    if (!t->n.broken) t->first = *why;
    t->n.broken++;
    if (t->o->tell && t->n.broken <= t->o->most_told) t->o->tell(t->o->arg, why->text);
    if (!t->rejects) return SK_OK;
    sk_status st = sk_outfile_write(t->rejects, raw.p, raw.n, e);
    if (!st && (!raw.n || raw.p[raw.n - 1] != '\n')) st = sk_outfile_write(t->rejects, "\n", 1, e);
    return st;
}

sk_status flt_taking_end(flt_taking *t, sk_status st, sk_err *e)
{
    if (t->rejects && !st && t->n.broken)
        st = sk_outfile_commit(t->rejects, e);
    else
        sk_outfile_abort(t->rejects);
    t->rejects = NULL;
    if (st || !t->o->strict || !t->n.broken) return st;
    return sk_fail(e, SK_E_FORMAT, "nothing was taken: %llu broken row%s, the first %s",
                   (unsigned long long)t->n.broken, t->n.broken == 1 ? "" : "s", t->first.text);
}

void flt_taking_moved(const flt_taking *t)
{
    if (t->o->moved) t->o->moved(t->o->arg, sk_csv_pos(t->c), t->n.rows);
}
