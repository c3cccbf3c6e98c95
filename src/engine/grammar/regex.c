/* regex.c - a pattern is read into a small tree, and the tree is turned into an expression from its
 * end to its beginning: so an anchor or a look-ahead can say something of all that follows it. */
#include "engine/grammar/regex.h"
#include "engine/grammar/regex_class.h"

typedef enum re_kind { RE_CHARS, RE_CAT, RE_ALT, RE_REP, RE_BOL, RE_EOL, RE_LOOK } re_kind;

/* A node of the tree; members of CAT and ALT, the child of REP and LOOK, hang on `child`. */
typedef struct re_node {
    re_kind kind;
    bool negated;    /* LOOK */
    bool zero;       /* an anchor or a look-ahead is in it */
    uint32_t lo, hi; /* REP */
    eng_rx rx;       /* CHARS: already an expression */
    struct re_node *child, *next;
} re_node;

/* A pattern being read. */
typedef struct re_parser {
    eng_rxpool *p;
    sk_arena *mem;
    bool json; /* inside a JSON string */
    int depth;
    eng_rescan s;          /* where we are */
    eng_rx any, end, rest; /* a character; the end of the text; any characters and the end */
} re_parser;

static re_node *new_node(re_parser *r, re_kind kind)
{
    re_node *v = sk_new(r->mem, re_node);
    if (v)
        v->kind = kind;
    else if (!r->s.st)
        r->s.st = sk_fail(r->s.e, SK_E_NOMEM, "no memory for a pattern");
    return v;
}

static re_node *parse_alt(re_parser *r);

/* The expression of a set of characters, which is emptied. */
static re_node *chars_node(re_parser *r, eng_chars *c)
{
    re_node *v = new_node(r, RE_CHARS);
    if (v) v->rx = r->json ? eng_chars_json(r->p, c) : eng_chars_plain(r->p, c);
    eng_chars_fini(c);
    return v;
}

/* Behind "(?": what kind of group it is; the node that takes its alternatives, NULL for a plain
 * one. */
static re_node *group_kind(re_parser *r)
{
    eng_rescan *s = &r->s;
    if (eng_rescan_take(s, ":")) return NULL;
    bool negated = eng_rescan_take(s, "!");
    if (negated || eng_rescan_take(s, "=")) {
        re_node *v = new_node(r, RE_LOOK);
        if (v) v->negated = negated, v->zero = true;
        return v;
    }
    if (eng_rescan_take(s, "<=") || eng_rescan_take(s, "<!")) {
        (void)eng_rescan_refuse(s, "look-behind");
        return NULL;
    }
    if (eng_rescan_take(s, "P<") || eng_rescan_take(s, "<")) {
        while (s->i < s->n && s->text[s->i] != '>')
            s->i++;
        if (!eng_rescan_take(s, ">")) (void)eng_rescan_bad(s, "a group's name without its end");
        return NULL;
    }
    (void)eng_rescan_refuse(s, "flags in a pattern");
    return NULL;
}

static bool has_bol(const re_node *v)
{
    if (v->kind == RE_BOL) return true;
    for (const re_node *c = v->child; c; c = c->next)
        if (has_bol(c)) return true;
    return false;
}

static re_node *parse_group(re_parser *r)
{
    re_node *look = eng_rescan_take(&r->s, "?") ? group_kind(r) : NULL;
    if (r->s.st) return NULL;
    if (++r->depth > ENG_REGEX_DEPTH) {
        (void)eng_rescan_refuse(&r->s, "groups so deep in one another");
        return NULL;
    }
    re_node *v = parse_alt(r);
    r->depth--;
    if (v && !eng_rescan_take(&r->s, ")")) (void)eng_rescan_bad(&r->s, "a group without its end");
    if (!look || !v) return v;
    if (has_bol(v)) (void)eng_rescan_refuse(&r->s, "a ^ inside a look-ahead");
    look->child = v;
    return look;
}

static re_node *parse_atom(re_parser *r)
{
    eng_rescan *s = &r->s;
    eng_chars c = ENG_CHARS_INIT;
    re_kind zero = eng_rescan_take(s, "^") ? RE_BOL : eng_rescan_take(s, "$") ? RE_EOL : RE_CAT;
    if (zero != RE_CAT) {
        re_node *v = new_node(r, zero);
        if (v) v->zero = true;
        return v;
    }
    if (eng_rescan_take(s, "(")) return parse_group(r);
    if (!eng_rescan_chars(s, &c)) {
        eng_chars_fini(&c);
        return NULL;
    }
    return chars_node(r, &c);
}

/* A repetition behind an atom; the atom itself where there is none. */
static re_node *parse_repeat(re_parser *r, re_node *atom)
{
    uint32_t lo, hi;
    if (!eng_rescan_repeat(&r->s, &lo, &hi)) return atom;
    if (atom->zero) {
        (void)eng_rescan_refuse(&r->s, "an anchor or look-ahead inside a repetition");
        return NULL;
    }
    re_node *v = new_node(r, RE_REP);
    if (v) v->child = atom, v->lo = lo, v->hi = hi;
    return v;
}

static re_node *parse_cat(re_parser *r)
{
    re_node *v = new_node(r, RE_CAT), **tail = v ? &v->child : NULL;
    while (tail && !r->s.st && r->s.i < r->s.n && !strchr("|)", r->s.text[r->s.i])) {
        re_node *item = parse_atom(r);
        while (item && !r->s.st) {
            re_node *more = parse_repeat(r, item);
            if (more == item) break;
            item = more;
        }
        if (!item || r->s.st) return NULL;
        *tail = item;
        tail = &item->next;
        v->zero = v->zero || item->zero;
    }
    return r->s.st ? NULL : v;
}

static re_node *parse_alt(re_parser *r)
{
    re_node *v = new_node(r, RE_ALT), **tail = v ? &v->child : NULL;
    while (tail && !r->s.st) {
        re_node *item = parse_cat(r);
        if (!item) return NULL;
        *tail = item;
        tail = &item->next;
        v->zero = v->zero || item->zero;
        if (!eng_rescan_take(&r->s, "|")) return v;
    }
    return NULL;
}

/* ---- to expressions ---- */

static eng_rx behind(re_parser *r, const re_node *v, eng_rx tail, bool start);

/* Members from the last to the first; `start` holds for those with nothing but anchors and
 * look-aheads before them. */
static eng_rx cat_behind(re_parser *r, const re_node *item, eng_rx tail, bool start)
{
    if (!item) return tail;
    bool width = item->kind != RE_BOL && item->kind != RE_EOL && item->kind != RE_LOOK;
    eng_rx rest = cat_behind(r, item->next, tail, start && !width);
    return behind(r, item, rest, start);
}

static eng_rx look_behind(re_parser *r, const re_node *v, eng_rx tail)
{
    eng_rx here = behind(r, v->child, r->rest, false);
    return eng_rx_and2(r->p, tail, v->negated ? eng_rx_not(r->p, here) : here);
}

/* v, then tail, which goes up to the end of the text. */
static eng_rx behind(re_parser *r, const re_node *v, eng_rx tail, bool start)
{
    eng_rxsum sum = {0};
    switch (v->kind) {
    case RE_CHARS:
        return eng_rx_cat(r->p, v->rx, tail);
    case RE_CAT:
        return cat_behind(r, v->child, tail, start);
    case RE_ALT:
        if (!v->zero && v->child->next) { /* the tail is written once */
            for (const re_node *c = v->child; c; c = c->next)
                eng_rxsum_add(r->p, &sum, behind(r, c, ENG_RX_EPS, false));
            return eng_rx_cat(r->p, eng_rxsum_or(r->p, &sum), tail);
        }
        for (const re_node *c = v->child; c; c = c->next)
            eng_rxsum_add(r->p, &sum, behind(r, c, tail, start));
        return eng_rxsum_or(r->p, &sum);
    case RE_REP:
        return eng_rx_cat(
            r->p, eng_rx_rep(r->p, behind(r, v->child, ENG_RX_EPS, false), v->lo, v->hi), tail);
    case RE_BOL:
        return start ? tail : ENG_RX_NONE;
    case RE_EOL:
        return tail == r->rest ? r->end : eng_rx_and2(r->p, tail, r->end);
    case RE_LOOK:
        return look_behind(r, v, tail);
    }
    return ENG_RX_NONE;
}

/* True if v can match without taking a character. */
static bool nullable(const re_parser *r, const re_node *v)
{
    bool all = true, any = false;
    for (const re_node *c = v->child; c; c = c->next) {
        bool one = nullable(r, c);
        all = all && one;
        any = any || one;
    }
    switch (v->kind) {
    case RE_CHARS:
        return false;
    case RE_CAT:
        return all;
    case RE_ALT:
        return any;
    case RE_REP:
        return v->lo == 0 || any;
    default:
        return true;
    }
}

/* Looks for ^ behind something that may match nothing (`a?^b`); it is refused, for elsewhere a ^
 * that isn't first simply never matches.  *may: what was passed may have taken no character. */
static bool late_anchor(const re_parser *r, const re_node *v, bool passed)
{
    if (v->kind == RE_BOL) return passed;
    for (const re_node *c = v->child; c; c = c->next) {
        if (c->zero && late_anchor(r, c, passed)) return true;
        if (v->kind == RE_CAT && c->kind != RE_BOL && c->kind != RE_EOL && c->kind != RE_LOOK)
            passed = nullable(r, c);
        if (v->kind == RE_CAT && !passed && !nullable(r, c)) return false;
    }
    return false;
}

/* The whole pattern.  A match may begin anywhere: at the start, or behind any characters. */
static eng_rx whole(re_parser *r, const re_node *v)
{
    if (!r->json) return behind(r, v, r->end, true);
    eng_rx later =
        eng_rx_cat(r->p, eng_rx_rep(r->p, r->any, 0, ENG_RX_INF), behind(r, v, r->rest, false));
    return has_bol(v) ? eng_rx_or2(r->p, behind(r, v, r->rest, true), later) : later;
}

/* The tree lives until the expression is made.  `rest` is what may stand behind a match inside a
 * JSON string: any characters, then the quote. */
static sk_status compile(eng_rxpool *p, const char *text, size_t n, bool json, eng_rx *out,
                         sk_err *e)
{
    if (n > ENG_REGEX_BYTES)
        return sk_fail(e, SK_E_TOOBIG, "a pattern has %zu bytes, more than %d", n, ENG_REGEX_BYTES);
    re_parser r = {p, sk_arena_new(SK_MEM_REQUEST), json, 0, {text, n, 0, SK_OK, e}, 0, 0, 0};
    if (!r.mem) return sk_fail(e, SK_E_NOMEM, "no memory for a pattern");
    r.any = json ? eng_chars_any_json(p) : eng_chars_any_plain(p);
    r.end = json ? eng_rx_lit(p, "\"", 1) : ENG_RX_EPS;
    r.rest = eng_rx_cat(p, eng_rx_rep(p, r.any, 0, ENG_RX_INF), r.end);
    re_node *v = parse_alt(&r);
    if (v && r.s.i < n) (void)eng_rescan_bad(&r.s, "a ')' too many");
    if (v && !r.s.st && late_anchor(&r, v, false))
        (void)eng_rescan_refuse(&r.s, "a ^ behind something");
    eng_rx rx = v && !r.s.st ? whole(&r, v) : ENG_RX_NONE;
    sk_arena_free(r.mem);
    if (r.s.st) return r.s.st;
    if (p->st) return eng_rxpool_check(p, e);
    *out = rx;
    return SK_OK;
}

sk_status eng_regex_json(eng_rxpool *p, const char *text, size_t n, eng_rx *out, sk_err *e)
{
    return compile(p, text, n, true, out, e);
}

sk_status eng_regex_plain(eng_rxpool *p, const char *text, size_t n, eng_rx *out, sk_err *e)
{
    return compile(p, text, n, false, out, e);
}
