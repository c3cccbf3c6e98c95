/* schema.c - JSON Schema to a grammar: sets of schemas, their rules, the door. */
#include "engine/grammar/chars.h"
#include "engine/grammar/grammar_core.h"
#include "engine/grammar/schema_core.h"

#include <math.h>
#include <stdlib.h>

/* ---- failures ---- */

sk_status eng_sc_fail(eng_sc *c, sk_status st, const eng_sval *at, const char *keyword,
                      const char *why)
{
    char path[300];
    if (c->st) return c->st;
    eng_sdoc_path(&c->doc, at, path, sizeof path);
    c->st = sk_fail(c->e, st, "%s%s%s: %s", path, keyword ? "/" : "", keyword ? keyword : "", why);
    return c->st;
}

sk_status eng_sc_refuse(eng_sc *c, const eng_sval *at, const char *keyword, const char *why)
{
    return eng_sc_fail(c, SK_E_UNSUPPORTED, at, keyword, why);
}

sk_status eng_sc_nomem(eng_sc *c)
{
    if (!c->st) c->st = sk_fail(c->e, SK_E_NOMEM, "no memory for the schema");
    return c->st;
}

bool eng_sc_step(eng_sc *c)
{
    if (c->st) return false;
    if (++c->steps > ENG_STEPS_MOST)
        c->st = sk_fail(c->e, SK_E_TOOBIG, "the schema is too complex: it takes more than %d steps",
                        ENG_STEPS_MOST);
    return !c->st;
}

int64_t eng_sc_count(eng_sc *c, const eng_sval *s, const char *keyword, int64_t other)
{
    const eng_sval *v = eng_sval_get(s, keyword);
    const double most = 1e9;
    if (!v) return other;
    if (v->kind == '0' && v->num >= 0 && v->num == floor(v->num))
        return v->num < most ? (int64_t)v->num : (int64_t)most;
    (void)eng_sc_fail(c, SK_E_INVALID, s, keyword, "not a whole number of at least 0");
    return other;
}

/* ---- derived values ---- */

const eng_sval *eng_sc_derived(const eng_sc *c, const eng_sval *of, int how)
{
    for (size_t i = c->n_derived; i-- > 0;)
        if (c->derived[i].of == of && c->derived[i].how == how) return c->derived[i].is;
    return NULL;
}

const eng_sval *eng_sc_derive(eng_sc *c, const eng_sval *of, int how, const eng_sval *is)
{
    if (!is || !eng_grow(&c->derived, &c->cap_derived, c->n_derived + 1, sizeof *c->derived)) {
        (void)eng_sc_nomem(c);
        return NULL;
    }
    c->derived[c->n_derived++] = (eng_sderived){of, how, is};
    return is;
}

/* ---- sets ---- */

/* What is looked for. */
typedef struct probe {
    const eng_sc *c;
    const eng_sval **v;
    size_t n;
} probe;

static uint64_t hash_set(const eng_sval *const *v, size_t n)
{
    uint64_t h = 5;
    for (size_t i = 0; i < n; i++)
        h = eng_mix(h, v[i]->id);
    return h;
}

static uint64_t hash_of_set(const void *arg, uint32_t i)
{
    const eng_sc *c = arg;
    return hash_set(c->set[i].sorted, c->set[i].n);
}

static bool same_set(const void *arg, uint32_t i)
{
    const probe *q = arg;
    const eng_sset *s = &q->c->set[i];
    return s->n == q->n && (!q->n || !memcmp(s->sorted, q->v, q->n * sizeof *q->v));
}

static int by_id(const void *a, const void *b)
{
    const eng_sval *x = *(const eng_sval *const *)a, *y = *(const eng_sval *const *)b;
    return (x->id > y->id) - (x->id < y->id);
}

/* True if v is among the first n. */
static bool among(const eng_sval *const *all, size_t n, const eng_sval *v)
{
    for (size_t i = 0; i < n; i++)
        if (all[i] == v) return true;
    return false;
}

/* Schemas that say nothing ("true", {}) are left out, and those that came before.  Sets of the same
 * schemas are one set, with the order in which they were met first: members of objects follow it.
 */
uint32_t eng_sc_set(eng_sc *c, const eng_sval **v, size_t n)
{
    size_t k = 0;
    if (!eng_sc_step(c)) return ENG_SET_NONE;
    for (size_t i = 0; i < n; i++) {
        bool says = v[i]->kind != 't' && (v[i]->kind != '{' || v[i]->child);
        if (says && !among(v, k, v[i])) v[k++] = v[i];
    }
    const eng_sval **copy = sk_new_n(c->doc.mem, const eng_sval *, 2 * k + 1);
    if (!copy || !eng_grow(&c->set, &c->cap_set, c->n_set + 1, sizeof *c->set)) {
        (void)eng_sc_nomem(c);
        return ENG_SET_NONE;
    }
    const eng_sval **sorted = copy + k;
    if (k) memcpy(copy, v, k * sizeof *v);
    if (k) memcpy(sorted, v, k * sizeof *v);
    if (k > 1) qsort(sorted, k, sizeof *sorted, by_id);
    uint64_t h = hash_set(sorted, k);
    uint32_t i = eng_rxindex_find(&c->by_set, h, same_set, &(probe){c, sorted, k});
    if (i != UINT32_MAX) return i;
    i = (uint32_t)c->n_set;
    c->set[i] = (eng_sset){.v = copy, .sorted = sorted, .n = k, .rule = ENG_RULE_NONE};
    if (!eng_rxindex_add(&c->by_set, h, i, hash_of_set, c)) {
        (void)eng_sc_nomem(c);
        return ENG_SET_NONE;
    }
    c->n_set++;
    return i;
}

/* ---- values ---- */

eng_rx eng_sc_spaced(eng_sc *c, eng_rx rx)
{
    return eng_rx_cat(c->p, c->ws, rx);
}

eng_rx eng_sc_token(eng_sc *c, const char *text)
{
    return eng_sc_spaced(c, eng_rx_lit(c->p, text, strlen(text)));
}

/* Decides whether a set needs a rule: it does when an alternative may be an array or object.  The
 * expression of all else is made at once. */
static void settle(eng_sc *c, uint32_t set)
{
    eng_sc_expand(c, set);
    if (c->st || c->set[set].lexical || c->set[set].rule != ENG_RULE_NONE) return;
    eng_rxsum sum = {0};
    bool nested = false;
    for (size_t i = 0; i < c->set[set].n_alt && eng_sc_step(c); i++) {
        eng_sset a = c->set[c->set[set].alt[i]];
        bool constant = false;
        unsigned types = eng_sc_types(c, a.v, a.n);
        eng_rxsum_add(c->p, &sum, eng_sc_scalar(c, a.v, a.n, types, &constant));
        nested = nested || (!constant && (types & (ENG_T_ARR | ENG_T_OBJ)));
    }
    c->set[set].rx = eng_rxsum_or(c->p, &sum);
    if (!nested) {
        c->set[set].lexical = true;
        return;
    }
    if (!eng_grow(&c->queue, &c->cap_queue, c->n_queue + 1, sizeof *c->queue)) {
        (void)eng_sc_nomem(c);
        return;
    }
    c->set[set].rule = eng_rules_add(c->r);
    c->queue[c->n_queue++] = set;
}

void eng_sc_value(eng_sc *c, uint32_t from, uint32_t set, uint32_t to)
{
    if (set == ENG_SET_NONE) return;
    settle(c, set);
    if (c->st) return;
    if (c->set[set].lexical)
        eng_rules_rx(c->r, from, eng_sc_spaced(c, c->set[set].rx), to);
    else
        eng_rules_call(c->r, from, c->set[set].rule, to);
}

/* The body of a set's rule. */
static void build(eng_sc *c, uint32_t set)
{
    uint32_t start = c->r->start[c->set[set].rule], end = eng_rules_node(c->r, true);
    eng_rules_rx(c->r, start, eng_sc_spaced(c, c->set[set].rx), end);
    for (size_t i = 0; i < c->set[set].n_alt && eng_sc_step(c); i++) {
        eng_sset a = c->set[c->set[set].alt[i]];
        bool constant = false;
        unsigned types = eng_sc_types(c, a.v, a.n);
        (void)eng_sc_scalar(c, a.v, a.n, 0, &constant);
        if (constant) continue;
        if (types & ENG_T_ARR) eng_sc_array(c, a.v, a.n, start, end);
        if (types & ENG_T_OBJ) eng_sc_object(c, a.v, a.n, start, end);
    }
}

/* ---- the door ---- */

static void prepare(eng_sc *c)
{
    eng_bytes blank = {{0}};
    const char *by = " \t\n\r";
    for (; *by; by++)
        eng_bytes_add(&blank, (uint8_t)*by, (uint8_t)*by);
    c->ws = c->compact ? ENG_RX_EPS : eng_rx_rep(c->p, eng_rx_set(c->p, &blank), 0, ENG_RX_INF);
    c->quote = eng_rx_lit(c->p, "\"", 1);
    c->any_free = eng_chars_any_free(c->p);
    c->any_json = eng_chars_any_json(c->p);
    c->body_free = eng_rx_cat(c->p, eng_rx_rep(c->p, c->any_free, 0, ENG_RX_INF), c->quote);
    c->body_json = eng_rx_cat(c->p, eng_rx_rep(c->p, c->any_json, 0, ENG_RX_INF), c->quote);
}

/* Rule 0 is the whole: a value of the root. */
static void compile(eng_sc *c, const eng_sval *root)
{
    prepare(c);
    (void)eng_rules_add(c->r);
    const eng_sval *one[1] = {root};
    uint32_t set = eng_sc_set(c, one, 1);
    if (c->st) return;
    eng_sc_value(c, 0, set, eng_rules_node(c->r, true));
    while (!c->st && c->done < c->n_queue && !c->r->st && !c->p->st)
        build(c, c->queue[c->done++]);
}

static void fini(eng_sc *c)
{
    sk_free(c->set);
    sk_free(c->by_set.slot);
    sk_free(c->queue);
    sk_free(c->derived);
    sk_free(c->text);
    sk_arena_free(c->doc.mem);
}

/* The rules are built into g.  Its book is told how a string of theirs is written, by which it
 * knows that any character may come next without looking at each. */
static sk_status open_schema(eng_grammar *g, const char *text, size_t n, const eng_grammar_opts *o,
                             sk_err *e)
{
    eng_sc c = {.p = &g->rx, .r = &g->rules, .e = e, .compact = o && o->compact};
    c.doc.mem = sk_arena_new(SK_MEM_REQUEST);
    c.text = sk_calloc(SK_MEM_REQUEST, ENG_TEXTS_KEPT, sizeof *c.text);
    if (!c.doc.mem || !c.text) {
        fini(&c);
        return sk_fail(e, SK_E_NOMEM, "no memory for the schema");
    }
    sk_status st = eng_sdoc_read(&c.doc, text, n, e);
    if (!st) {
        compile(&c, c.doc.root);
        st = c.st;
    }
    g->json = true;
    g->book.quote = c.quote;
    g->book.any_free = c.any_free;
    g->book.any_json = c.any_json;
    fini(&c);
    return st;
}

sk_status eng_grammar_open_schema(const eng_tokentrie *t, const char *text, size_t n,
                                  const eng_grammar_opts *o, eng_grammar **out, sk_err *e)
{
    size_t most = o && o->max_text ? o->max_text : (size_t)2 << 20;
    if (n > most)
        return sk_fail(e, SK_E_TOOBIG, "the schema has %zu bytes, more than %zu", n, most);
    eng_grammar *g = eng_grammar_blank(t, o);
    if (!g) return sk_fail(e, SK_E_NOMEM, "no memory for a grammar");
    sk_status st = open_schema(g, text, n, o, e);
    if (st) {
        eng_grammar_close(g);
        return st;
    }
    return eng_grammar_seal(g, o, out, e);
}

sk_status eng_grammar_open_json(const eng_tokentrie *t, const eng_grammar_opts *o,
                                eng_grammar **out, sk_err *e)
{
    static const char any[] = "{\"type\":\"object\"}";
    return eng_grammar_open_schema(t, any, sizeof any - 1, o, out, e);
}
