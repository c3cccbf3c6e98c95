/* schema_sat.c - whether anything at all can satisfy a set of schemas, as far as can be seen soon.
 *
 * Only a "no" is sure.  It is asked for oneOf: branches that exclude each other need no more. */
#include "engine/grammar/schema_core.h"

enum { SAT_DEPTH = 4 };

enum { SAT_ASKED = 1, SAT_MAYBE = 2, SAT_NEVER = 3 };

/* A member that must be there can't be. */
static bool hopeless_object(eng_sc *c, const eng_sset *a)
{
    for (size_t i = 0; i < a->n; i++) {
        const eng_sval *list = eng_sval_get(a->v[i], "required");
        for (const eng_sval *k = list ? list->child : NULL; k && !c->st; k = k->next) {
            if (k->kind != '"') continue;
            uint32_t member = eng_sc_member(c, a->v, a->n, &k->str);
            if (member != ENG_SET_NONE && eng_sc_hopeless(c, member)) return true;
        }
    }
    return false;
}

/* Too few elements are allowed, or one that must be there can't be. */
static bool hopeless_array(eng_sc *c, const eng_sset *a)
{
    int64_t least = 0, most = INT64_MAX;
    for (size_t i = 0; i < a->n; i++) {
        int64_t lo = eng_sc_count(c, a->v[i], "minItems", 0);
        int64_t hi = eng_sc_count(c, a->v[i], "maxItems", INT64_MAX);
        least = lo > least ? lo : least;
        most = hi < most ? hi : most;
    }
    if (least > most) return true;
    for (int64_t i = 0; i < least && i < 8 && !c->st; i++) {
        uint32_t element = eng_sc_element(c, a->v, a->n, (size_t)i);
        if (element != ENG_SET_NONE && eng_sc_hopeless(c, element)) return true;
    }
    return false;
}

/* An alternative of facts. */
static bool hopeless_facts(eng_sc *c, uint32_t set)
{
    eng_sset a = c->set[set];
    unsigned types = eng_sc_types(c, a.v, a.n), nested = ENG_T_ARR | ENG_T_OBJ;
    bool constant = false;
    if (!types) return true;
    eng_rx rx = eng_sc_scalar(c, a.v, a.n, types, &constant);
    if (c->st || !eng_rx_empty(c->p, rx)) return false;
    if (constant || !(types & nested)) return true;
    if ((types & ENG_T_ARR) && !hopeless_array(c, &a)) return false;
    if ((types & ENG_T_OBJ) && !hopeless_object(c, &a)) return false;
    return !c->st;
}

static bool ask(eng_sc *c, uint32_t set)
{
    size_t n;
    uint32_t *alt = eng_sc_alternatives(c, set, &n);
    for (size_t i = 0; i < n && !c->st; i++)
        if (!hopeless_facts(c, alt[i])) return false;
    return alt != NULL && !c->st;
}

/* A failure while asking (of anything but memory) means that it isn't known. */
bool eng_sc_hopeless(eng_sc *c, uint32_t set)
{
    sk_err own = SK_ERR_INIT, *e = c->e;
    bool loose = c->loose;
    if (c->st || c->set[set].sat == SAT_MAYBE || c->set[set].sat == SAT_ASKED) return false;
    if (c->set[set].sat == SAT_NEVER) return true;
    if (c->depth >= SAT_DEPTH) return false;
    c->depth++;
    c->loose = true;
    c->e = &own;
    c->set[set].sat = SAT_ASKED;
    bool never = ask(c, set);
    c->loose = loose;
    c->e = e;
    c->depth--;
    if (c->st == SK_E_NOMEM || c->st == SK_E_TOOBIG) {
        c->st = sk_fail(e, c->st, "%s", own.text);
        return false;
    }
    c->st = SK_OK;
    /* What was asked deep inside may be answered better from nearer. */
    c->set[set].sat = never ? SAT_NEVER : c->depth == 0 ? SAT_MAYBE : 0;
    return never;
}
