/* gate_best.c - the least bits and the most answers of a folder of figures. */
#include "engine/eval/gate_best.h"

#include "base/mem.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

enum { PATH_MOST = 4096, NAME_MOST = 256 };

void eng_gate_best_fini(eng_gate_best *b)
{
    for (size_t i = 0; i < ENG_GATE_VALID; i++)
        sk_free(b->doc[i]);
    *b = (eng_gate_best){.versions = 0};
}

static double nats_of(const eng_held_doc *doc, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += doc[i].nats;
    return sum;
}

/* The file that has the least, so far; of two that are as good the first by name, in whatever order
 * a folder gives them. */
typedef struct least {
    double nats;
    char name[NAME_MOST];
} least;

/* Takes over the documents of each file that f needs fewer bits for; the bytes are the same. */
static void take(eng_figures *f, const char *name, eng_gate_best *b, least best[ENG_GATE_VALID])
{
    b->versions++;
    if (f->right > b->right) b->right = f->right;
    for (size_t i = 0; i < f->n; i++) {
        double nats = nats_of(f->doc[i], f->n_doc[i]);
        if (b->doc[i] && !(nats < best[i].nats) &&
            (nats > best[i].nats || strcmp(name, best[i].name) > 0))
            continue;
        best[i].nats = nats;
        (void)snprintf(best[i].name, NAME_MOST, "%s", name);
        sk_free(b->doc[i]);
        b->doc[i] = f->doc[i];
        f->doc[i] = NULL;
    }
}

static bool is_figures(const char *name)
{
    size_t n = strlen(name);
    return name[0] != '.' && n > 5 && n < NAME_MOST && strcmp(name + n - 5, ".json") == 0;
}

/* Only want of memory is an error. */
static sk_status look(const char *folder, const char *name, const eng_figures *like,
                      eng_gate_best *b, least *best, sk_err *e)
{
    char path[PATH_MOST];
    eng_figures f;
    sk_err own = SK_ERR_INIT;
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= PATH_MOST) return SK_OK;
    sk_status st = eng_figures_load(path, &f, &own);
    if (st) return st == SK_E_NOMEM ? sk_fail(e, st, "%s", own.text) : SK_OK;
    if (eng_figures_alike(like, &f)) take(&f, name, b, best);
    eng_figures_fini(&f);
    return SK_OK;
}

sk_status eng_gate_best_find(const char *folder, const eng_figures *like, eng_gate_best *out,
                             sk_err *e)
{
    least best[ENG_GATE_VALID];
    eng_gate_best b = {.versions = 0};
    sk_status st = SK_OK;
    DIR *d = opendir(folder);
    for (const struct dirent *it; !st && d && (it = readdir(d)) != NULL;)
        if (is_figures(it->d_name)) st = look(folder, it->d_name, like, &b, best, e);
    if (d) (void)closedir(d);
    if (st)
        eng_gate_best_fini(&b);
    else
        *out = b;
    return st;
}
