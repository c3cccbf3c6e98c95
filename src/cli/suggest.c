/* suggest.c - the nearest verb by edit distance. */
#include "cli/suggest.h"

#include "cli/cmd.h"

#include <string.h>

/* Near means: at most a third of the name is wrong, and no more than two letters. */
sk_status cmd_unknown(const char *name, sk_err *e)
{
    size_t n, best = 3, len = strlen(name);
    const cmd_verb *const *v = cmd_verbs(&n);
    const char *nearest = NULL;
    for (size_t i = 0; i < n; i++) {
        size_t d = sk_edit_distance(name, v[i]->opt.name, best);
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
