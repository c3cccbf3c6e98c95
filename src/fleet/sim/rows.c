/* rows.c - text into lines and cells. */
#include "fleet/sim/rows.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool flt_row_number(const flt_row *r, size_t i, double *out)
{
    char word[40], *end;
    if (i >= r->n || !r->len[i] || r->len[i] >= sizeof word) return false;
    memcpy(word, r->cell[i], r->len[i]);
    word[r->len[i]] = 0;
    if (strspn(word, "0123456789.eE+-") != r->len[i]) return false;
    double v = strtod(word, &end);
    if (*end || !isfinite(v)) return false;
    *out = v;
    return true;
}

size_t flt_rows_count(const char *text, size_t n)
{
    size_t lines = 0;
    for (const char *p = text, *end = text + n; p < end; lines++) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        p = nl ? nl + 1 : end;
    }
    return lines;
}

/* Line p[0..n) into cells, blanks around them and a CR at the end left out. */
static void split(const char *p, size_t n, flt_row *r)
{
    r->n = 0;
    for (const char *end = p + n; r->n < FLT_ROW_CELLS;) {
        const char *comma = memchr(p, ',', (size_t)(end - p)), *stop = comma ? comma : end;
        const char *last = stop;
        while (p < last && isspace((unsigned char)*p))
            p++;
        while (last > p && isspace((unsigned char)last[-1]))
            last--;
        r->cell[r->n] = p;
        r->len[r->n++] = (size_t)(last - p);
        if (!comma) return;
        p = comma + 1;
    }
}

sk_status flt_rows_each(const char *name, const char *text, size_t n, flt_row_fn fn, void *arg,
                        sk_err *e)
{
    size_t line = 0;
    for (const char *p = text, *end = text + n; p < end;) {
        const char *nl = memchr(p, '\n', (size_t)(end - p)), *stop = nl ? nl : end;
        flt_row row;
        line++;
        split(p, (size_t)(stop - p), &row);
        p = nl ? nl + 1 : end;
        if (row.n == 1 && !row.len[0]) continue;
        char first = row.len[0] ? *row.cell[0] : '0';
        if (line == 1 && (isalpha((unsigned char)first) || first == '"')) continue;
        if (fn(arg, &row, e)) return sk_while(e, "%s:%zu", name, line);
    }
    return SK_OK;
}
