/* suggest.c - the nearest verb by edit distance. */
#include "cli/suggest.h"

#include "cli/cmd.h"

#include <assert.h>
#include <string.h>

enum { LONGEST = 31 }; /* names longer than this are near nothing */

static size_t least(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

/* Levenshtein's distance of two names of at most LONGEST bytes, one row of the table at a time. */
static size_t distance(const char *a, const char *b)
{
    size_t row[LONGEST + 1], n = strlen(b);
    assert(n <= LONGEST);
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t up = row[j];
            row[j] = least(up + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = up;
        }
    }
    return row[n];
}

/* Near means: at most a third of the name is wrong, and no more than two letters. */
sk_status cmd_unknown(const char *name, sk_err *e)
{
    size_t n, best = 3, len = strlen(name);
    const cmd_verb *const *v = cmd_verbs(&n);
    const char *nearest = NULL;
    for (size_t i = 0; i < n && len <= LONGEST; i++) {
        size_t d = distance(name, v[i]->opt.name);
        if (d < best && 3 * d <= len + 2) {
            best = d;
            nearest = v[i]->opt.name;
        }
    }
    if (nearest)
        return sk_fail(e, SK_E_USAGE, "there is no verb \"%s\"; did you mean \"%s\"?", name,
                       nearest);
    return sk_fail(e, SK_E_USAGE, "there is no verb \"%.40s\"", name);
}
