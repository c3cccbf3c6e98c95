/* figures.c - what the gate measured versions to be, kept beside them: DIR/figures/NNNN.json, and
 * of a candidate DIR/gate/NNNN.figures until it is a version.
 */
#include "base/mem.h"
#include "up/super.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *of_version(const up_super *u, uint32_t version, char b[UP_PATH])
{
    char name[64];
    (void)snprintf(name, sizeof name, "figures/%04u.json", version);
    return up_dir_at(&u->dir, name, b);
}

static const char *of_candidate(const up_super *u, uint32_t round, char b[UP_PATH])
{
    char name[64];
    (void)snprintf(name, sizeof name, "gate/%04u.figures", round);
    return up_dir_at(&u->dir, name, b);
}

/* A version that was rolled back is no measure of what comes after. */
static void drop_bad(const up_super *u)
{
    char path[UP_PATH];
    for (size_t i = 0; i < u->house.n_versions; i++)
        if (u->house.version[i].bad) (void)unlink(of_version(u, u->house.version[i].number, path));
}

sk_status up_figures_words(up_super *u, uint32_t round, uint32_t live, sk_opt_list *words,
                           sk_err *e)
{
    char a[UP_PATH], b[UP_PATH], c[UP_PATH];
    const char *const all[] = {"--figures",     of_version(u, live, a),
                               "--new-figures", of_candidate(u, round, b),
                               "--best",        up_dir_at(&u->dir, "figures", c)};
    drop_bad(u);
    (void)unlink(b); /* of a gate that was killed */
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char *word = sk_arena_strndup(u->mem, all[i], strlen(all[i]));
        if (!word) return sk_fail(e, SK_E_NOMEM, "no memory for the gate's command");
        if (words->n >= sizeof words->item / sizeof *words->item)
            return sk_fail(e, SK_E_TOOBIG, "the gate's command has too many words");
        words->item[words->n++] = word;
    }
    return SK_OK;
}

void up_figures_keep(up_super *u, uint32_t round, uint32_t version)
{
    char from[UP_PATH], to[UP_PATH];
    if (rename(of_candidate(u, round, from), of_version(u, version, to)) != 0) errno = 0;
}
