/* gbnf_read.c - reading a GBNF grammar. */
#include "engine/grammar/gbnf_read.h"
#include "engine/grammar/chars.h"
#include "engine/token/unidata.h"

/* The text being read; the first failure ends everything. */
typedef struct reader {
    eng_gbnf *g;
    eng_rxpool *p;
    const char *text;
    size_t n, i;
    int depth;
    sk_status st;
    sk_err *e;
} reader;

static bool fail(reader *r, sk_status st, const char *what)
{
    size_t line = 1;
    if (r->st) return false;
    for (size_t i = 0; i < r->i && i < r->n; i++)
        line += r->text[i] == '\n';
    r->st = sk_fail(r->e, st, "the grammar, line %zu: %s", line, what);
    return false;
}

static bool bad(reader *r, const char *what)
{
    return fail(r, SK_E_INVALID, what);
}

static int peek(const reader *r)
{
    return r->i < r->n ? (uint8_t)r->text[r->i] : -1;
}

/* Passes blanks and comments; with `lines` also ends of lines. */
static void skip(reader *r, bool lines)
{
    for (;; r->i++) {
        int c = peek(r);
        if (c == '#')
            while (peek(r) >= 0 && peek(r) != '\n' && peek(r) != '\r')
                r->i++;
        c = peek(r);
        if (c != ' ' && c != '\t' && !(lines && (c == '\n' || c == '\r'))) return;
    }
}

static bool take(reader *r, const char *word)
{
    size_t n = strlen(word);
    if (r->n - r->i < n || memcmp(r->text + r->i, word, n) != 0) return false;
    r->i += n;
    return true;
}

static bool name_char(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

static eng_gnode *new_node(reader *r, eng_gkind kind)
{
    if (++r->g->n_node > ENG_GBNF_NODES) return fail(r, SK_E_TOOBIG, "too many parts"), NULL;
    eng_gnode *v = sk_new(r->g->mem, eng_gnode);
    if (!v) return fail(r, SK_E_NOMEM, "no memory"), NULL;
    v->kind = kind;
    return v;
}

static uint64_t hash_name(eng_str name)
{
    uint64_t h = name.n;
    for (size_t i = 0; i < name.n; i++)
        h = eng_mix(h, (uint8_t)name.p[i]);
    return h;
}

static uint64_t hash_of_rule(const void *arg, uint32_t i)
{
    return hash_name(((const eng_gbnf *)arg)->rule[i].name);
}

/* A name that is looked for. */
typedef struct named {
    const eng_gbnf *g;
    eng_str name;
} named;

static bool same_name(const void *arg, uint32_t i)
{
    const named *want = arg;
    eng_str is = want->g->rule[i].name;
    return is.n == want->name.n && memcmp(is.p, want->name.p, is.n) == 0;
}

/* The rule of that name, which is added if there is none. */
static uint32_t rule_named(reader *r, const char *p, size_t n)
{
    eng_gbnf *g = r->g;
    named want = {g, {p, n}};
    uint64_t h = hash_name(want.name);
    uint32_t at = eng_rxindex_find(&g->by_name, h, same_name, &want);
    if (at != UINT32_MAX) return at;
    if (g->n_rule >= ENG_GBNF_RULES) return fail(r, SK_E_TOOBIG, "too many rules"), 0;
    if (!eng_grow(&g->rule, &g->cap_rule, g->n_rule + 1, sizeof *g->rule))
        return fail(r, SK_E_NOMEM, "no memory"), 0;
    g->rule[g->n_rule] = (eng_grule){.name = {p, n}};
    if (!eng_rxindex_add(&g->by_name, h, (uint32_t)g->n_rule, hash_of_rule, g))
        return fail(r, SK_E_NOMEM, "no memory"), 0;
    return (uint32_t)g->n_rule++;
}

/* ---- characters ---- */

static uint32_t take_hex(reader *r, int n)
{
    uint32_t v = 0;
    for (int k = 0; k < n; k++) {
        int c = peek(r), d = -1;
        if (c >= '0' && c <= '9') d = c - '0';
        if (c >= 'a' && c <= 'f') d = c - 'a' + 10;
        if (c >= 'A' && c <= 'F') d = c - 'A' + 10;
        if (d < 0) return bad(r, "an escape without its hexadecimal digits"), 0;
        v = v * 16 + (uint32_t)d;
        r->i++;
    }
    return v;
}

/* The character that an escape means, its backslash already taken; 0 with r->st set for one that is
 * not known. */
static uint32_t take_escape(reader *r)
{
    int c = peek(r);
    if (c >= 0) r->i++;
    switch (c) {
    case 'x':
        return take_hex(r, 2);
    case 'u':
        return take_hex(r, 4);
    case 'U':
        return take_hex(r, 8);
    case 't':
        return '\t';
    case 'r':
        return '\r';
    case 'n':
        return '\n';
    case '\\':
    case '"':
    case '[':
    case ']':
    case '-':
        return (uint32_t)c;
    default:
        return bad(r, "an unknown escape"), 0;
    }
}

/* One character, or an escape. */
static uint32_t take_char(reader *r)
{
    uint32_t ch;
    if (peek(r) < 0) return bad(r, "the end inside quotes or brackets"), 0;
    if (take(r, "\\")) {
        ch = take_escape(r);
    } else {
        size_t len = eng_utf8_sequence((const uint8_t *)r->text + r->i, r->n - r->i);
        if (!len) return bad(r, "no UTF-8"), 0;
        ch = eng_utf8_char((const uint8_t *)r->text + r->i, len);
        r->i += len;
    }
    if (ch > 0x10ffff || (ch >= 0xd800 && ch < 0xe000)) return bad(r, "no character"), 0;
    return ch;
}

static eng_gnode *rx_node(reader *r, eng_rx rx)
{
    eng_gnode *v = new_node(r, ENG_GN_RX);
    if (v) v->rx = rx;
    return v;
}

/* Behind the opening quote. */
static eng_gnode *literal(reader *r)
{
    sk_buf b = SK_BUF_INIT;
    while (!r->st && !take(r, "\"")) {
        char bytes[4];
        uint32_t ch = take_char(r);
        if (!r->st) sk_buf_add(&b, bytes, eng_utf8_put(ch, bytes));
    }
    if (!sk_buf_ok(&b)) (void)fail(r, SK_E_NOMEM, "no memory");
    eng_gnode *v = r->st ? NULL : rx_node(r, b.len ? eng_rx_lit(r->p, b.p, b.len) : ENG_RX_EPS);
    sk_buf_fini(&b);
    return v;
}

/* Behind '['. */
static eng_gnode *class_of(reader *r)
{
    eng_chars c = ENG_CHARS_INIT;
    bool inverted = take(r, "^");
    while (!r->st && !take(r, "]")) {
        uint32_t lo = take_char(r), hi = lo;
        bool range = r->n - r->i >= 2 && r->text[r->i] == '-' && r->text[r->i + 1] != ']';
        if (range && !r->st) {
            r->i++;
            hi = take_char(r);
        }
        if (!r->st && hi < lo) (void)bad(r, "a range whose ends are the wrong way round");
        eng_chars_add(&c, lo, hi);
    }
    if (inverted) eng_chars_invert(&c);
    eng_gnode *v = r->st ? NULL : rx_node(r, eng_chars_plain(r->p, &c));
    eng_chars_fini(&c);
    return v;
}

/* ---- the structure ---- */

static eng_gnode *alternatives(reader *r, bool nested);

static eng_gnode *group(reader *r)
{
    if (++r->depth > ENG_GBNF_DEPTH) return bad(r, "groups too deep in one another"), NULL;
    skip(r, true);
    eng_gnode *v = alternatives(r, true);
    r->depth--;
    if (v && !take(r, ")")) return bad(r, "a group without its end"), NULL;
    return v;
}

static eng_gnode *reference(reader *r)
{
    size_t from = r->i;
    while (name_char(peek(r)))
        r->i++;
    eng_gnode *v = new_node(r, ENG_GN_REF);
    if (v) v->rule = rule_named(r, r->text + from, r->i - from);
    return v;
}

/* One element; NULL, and nothing passed, where none begins. */
static eng_gnode *element(reader *r)
{
    if (take(r, "\"")) return literal(r);
    if (take(r, "[")) return class_of(r);
    if (take(r, ".")) return rx_node(r, eng_chars_any_plain(r->p));
    if (take(r, "(")) return group(r);
    if (name_char(peek(r))) return reference(r);
    if (peek(r) == '<' || peek(r) == '!')
        (void)fail(r, SK_E_UNSUPPORTED, "tokens in a grammar (<...>) are not supported");
    return NULL;
}

static bool number(reader *r, uint32_t *out)
{
    size_t from = r->i;
    uint32_t v = 0;
    while (peek(r) >= '0' && peek(r) <= '9' && v <= ENG_GBNF_COUNT)
        v = v * 10 + (uint32_t)(r->text[r->i++] - '0');
    *out = v;
    return r->i > from;
}

/* Behind '{': the bounds of a repetition. */
static bool braces(reader *r, uint32_t *lo, uint32_t *hi)
{
    skip(r, false);
    if (!number(r, lo)) return bad(r, "a number expected in { }");
    *hi = *lo;
    skip(r, false);
    if (take(r, ",")) {
        skip(r, false);
        if (!number(r, hi)) *hi = ENG_RX_INF;
        skip(r, false);
    }
    if (!take(r, "}")) return bad(r, "a } expected");
    if (*lo > *hi) return bad(r, "bounds the wrong way round");
    if (*lo > ENG_GBNF_COUNT || (*hi != ENG_RX_INF && *hi > ENG_GBNF_COUNT))
        return fail(r, SK_E_TOOBIG, "so many repetitions");
    return true;
}

/* Repetitions behind an element. */
static eng_gnode *repeated(reader *r, eng_gnode *v)
{
    for (;;) {
        uint32_t lo = 0, hi = ENG_RX_INF;
        if (take(r, "+"))
            lo = 1;
        else if (take(r, "?"))
            hi = 1;
        else if (take(r, "{"))
            (void)braces(r, &lo, &hi);
        else if (!take(r, "*"))
            return v;
        eng_gnode *rep = r->st ? NULL : new_node(r, ENG_GN_REP);
        if (!rep) return NULL;
        rep->child = v;
        rep->lo = lo;
        rep->hi = hi;
        v = rep;
    }
}

/* Elements up to what ends a sequence. */
static eng_gnode *sequence(reader *r, bool nested)
{
    eng_gnode *v = new_node(r, ENG_GN_SEQ), **tail = v ? &v->child : NULL;
    while (tail && !r->st) {
        eng_gnode *one = element(r);
        if (!one) break;
        one = repeated(r, one);
        if (!one) break;
        *tail = one;
        tail = &one->next;
        skip(r, nested);
    }
    return r->st ? NULL : v;
}

/* A line that begins with | goes on with the rule before it. */
static bool more_alternatives(reader *r)
{
    size_t from = r->i;
    skip(r, true);
    if (take(r, "|")) return true;
    r->i = from;
    return false;
}

static eng_gnode *alternatives(reader *r, bool nested)
{
    eng_gnode *v = new_node(r, ENG_GN_ALT), **tail = v ? &v->child : NULL;
    while (tail && !r->st) {
        eng_gnode *one = sequence(r, nested);
        if (!one) return NULL;
        *tail = one;
        tail = &one->next;
        if (!more_alternatives(r)) return v;
        skip(r, true);
    }
    return NULL;
}

/* One rule with the line ends behind it.  A rule has a number as soon as another names it, before
 * it stands itself; so a second definition is told by the body that is there already. */
static void rule(reader *r)
{
    size_t from = r->i;
    while (name_char(peek(r)))
        r->i++;
    if (r->i == from) {
        (void)bad(r, "the name of a rule expected");
        return;
    }
    uint32_t i = rule_named(r, r->text + from, r->i - from);
    skip(r, false);
    if (!r->st && !take(r, "::=")) (void)bad(r, "::= expected");
    skip(r, true);
    eng_gnode *body = r->st ? NULL : alternatives(r, false);
    skip(r, false);
    if (!r->st && peek(r) >= 0 && peek(r) != '\n' && peek(r) != '\r')
        (void)bad(r, "the end of the rule expected");
    if (!r->st && r->g->rule[i].body) (void)bad(r, "a second rule of the same name");
    if (!r->st) r->g->rule[i].body = body;
    skip(r, true);
}

/* Every rule that is named must be there, and one must be called root. */
static sk_status check(reader *r)
{
    eng_gbnf *g = r->g;
    g->root = UINT32_MAX;
    for (size_t i = 0; i < g->n_rule && !r->st; i++) {
        const eng_str *s = &g->rule[i].name;
        if (s->n == 4 && !memcmp(s->p, "root", 4)) g->root = (uint32_t)i;
        if (!g->rule[i].body)
            r->st = sk_fail(r->e, SK_E_INVALID, "the grammar has no rule %.*s",
                            s->n < 100 ? (int)s->n : 100, s->p);
    }
    if (!r->st && g->root == UINT32_MAX)
        r->st = sk_fail(r->e, SK_E_INVALID, "the grammar has no rule root");
    return r->st;
}

sk_status eng_gbnf_read(eng_gbnf *g, eng_rxpool *p, const char *text, size_t n, sk_err *e)
{
    reader r = {.g = g, .p = p, .text = text, .n = n, .e = e};
    g->mem = sk_arena_new(SK_MEM_REQUEST);
    if (!g->mem) return sk_fail(e, SK_E_NOMEM, "no memory for a grammar");
    skip(&r, true);
    while (!r.st && peek(&r) >= 0)
        rule(&r);
    return r.st ? r.st : check(&r);
}

void eng_gbnf_fini(eng_gbnf *g)
{
    sk_free(g->rule);
    sk_free(g->by_name.slot);
    sk_arena_free(g->mem);
    *g = (eng_gbnf){0};
}
