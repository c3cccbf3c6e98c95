/* suggest.c - the nearest verb by edit distance. */
#include "cli/suggest.h"

#include "cli/cmd.h"

#include <string.h>

/* Writes a verb's name as it is typed, with spaces for the dashes of its table. */
static void typed(const char *name, char out[64])
{
    size_t i = 0;
    for (; name[i] && i < 63; i++)
        out[i] = name[i] == '-' ? ' ' : name[i];
    out[i] = 0;
}

/* Near means: at most a third of the name is wrong, and no more than two letters. */
sk_status cmd_unknown(const char *name, sk_err *e)
{
    size_t n, best = 3, len = strlen(name);
    const cmd_verb *const *v = cmd_verbs(&n);
    char nearest[64] = "", one[64];
    for (size_t i = 0; i < n; i++) {
        typed(v[i]->opt.name, one);
        size_t d = sk_edit_distance(name, one, best);
        if (d < best && 3 * d <= len + 2) {
            best = d;
            memcpy(nearest, one, sizeof one);
        }
    }
    if (nearest[0])
        return sk_fail(e, SK_E_USAGE, "there is no verb \"%s\"; did you mean \"%s\"?", name,
                       nearest);
    return sk_fail(e, SK_E_USAGE, "there is no verb \"%.40s\"", name);
}
