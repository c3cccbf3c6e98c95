/* parse_expr.c - expressions, with jinja2's precedence: from if-else down to names and literals.
 *
 * One function a level of precedence, loosest last.  The order differs from Python's in two
 * places, and templates depend on it: signs bind tighter than **, and ** groups from the left.
 * Filters and tests hang on the operand, so -1|abs is (-1)|abs and 1 + x|length is 1 +
 * (x|length).
 */
#include "engine/jinja/parser.h"

#include "engine/jinja/filter.h"
#include "engine/jinja/num.h"
#include "engine/jinja/str.h"
#include "engine/jinja/test.h"

#include <assert.h>
#include <string.h>

/* A node over a (and b).  The line is that of its first operand, where a reader would look for
 * the error. */
static sk_status make(jn_parser *p, jn_kind kind, jn_node *a, jn_node *b, jn_node **out)
{
    jn_node *n = eng_jn_node(p, kind);
    if (!n) return eng_jn_oom(p->r);
    n->a = a;
    n->b = b;
    if (a) n->line = a->line;
    *out = n;
    return SK_OK;
}

/* ---- literals and names ---- */

/* "..." "..." in a row are one string. */
static sk_status parse_string(jn_parser *p, jn_node *n)
{
    jn_sb b;
    eng_jn_sb_init(&b, p->r);
    for (; p->tok->type == JT_STRING; p->tok++)
        eng_jn_sb_add(&b, p->tok->p, p->tok->n, JN_TEMPLATE);
    return eng_jn_sb_done(&b, &n->val);
}

/* A name, or one of the constants that look like names.  What a macro's body reads of its
 * special variables is noted, so that a call with more arguments than anybody reads is refused,
 * as in jinja2. */
static sk_status parse_name(jn_parser *p, jn_node *n)
{
    static const char *const word[] = {"true", "True", "false", "False", "none", "None"};
    for (size_t i = 0; i < 6; i++)
        if (eng_jn_is_name(p, word[i])) {
            n->val = i < 4 ? jn_bool(i < 2) : jn_none();
            p->tok++;
            return SK_OK;
        }
    n->kind = JK_NAME;
    if (p->macro) {
        p->macro->varargs |= eng_jn_is_name(p, "varargs");
        p->macro->kwargs |= eng_jn_is_name(p, "kwargs");
        p->macro->caller |= eng_jn_is_name(p, "caller");
    }
    sk_status st = eng_jn_intern(p, p->tok->p, p->tok->n, &n->name);
    p->tok++;
    return st;
}

/* Items up to the closing bracket; of a dict key and value in turn.  A comma behind the last
 * item is allowed. */
static sk_status parse_items(jn_parser *p, const char *close, bool dict, jn_node *n)
{
    jn_list l = {NULL, 0, 0};
    while (!eng_jn_is_op(p, close)) {
        jn_node *item = NULL;
        sk_status st = l.n ? eng_jn_want_op(p, ",") : SK_OK;
        if (st) return st;
        if (eng_jn_is_op(p, close)) break;
        st = eng_jn_parse_expr(p, true, &item);
        if (!st) st = eng_jn_list_add(p, &l, item);
        if (!st && dict) {
            st = eng_jn_want_op(p, ":");
            if (!st) st = eng_jn_parse_expr(p, true, &item);
            if (!st) st = eng_jn_list_add(p, &l, item);
        }
        if (st) return st;
    }
    p->tok++;
    n->list = l.v;
    n->n = l.n;
    return SK_OK;
}

/* "(" has been taken: an expression or a tuple. */
static sk_status parse_paren(jn_parser *p, jn_node **out)
{
    if (eng_jn_skip_op(p, ")")) return make(p, JK_TUPLE, NULL, NULL, out);
    sk_status st = eng_jn_parse_tuple(p, true, NULL, out);
    return st ? st : eng_jn_want_op(p, ")");
}

/* Literals, names, and what stands in brackets. */
static sk_status parse_primary(jn_parser *p, jn_node **out)
{
    jn_node *n = eng_jn_node(p, JK_CONST);
    if (!n) return eng_jn_oom(p->r);
    *out = n;
    const jn_tok *t = p->tok;
    p->r->line = t->line;
    switch ((int)t->type) {
    case JT_NAME:
        return parse_name(p, n);
    case JT_STRING:
        return parse_string(p, n);
    case JT_INT:
    case JT_FLOAT:
        p->tok++;
        return eng_jn_num_literal(p->r, t->p, t->n, t->type == JT_FLOAT, &n->val);
    default:
        break;
    }
    if (eng_jn_skip_op(p, "(")) return parse_paren(p, out);
    if (eng_jn_skip_op(p, "[")) {
        n->kind = JK_LIST;
        return parse_items(p, "]", false, n);
    }
    if (eng_jn_skip_op(p, "{")) {
        n->kind = JK_DICT;
        return parse_items(p, "}", true, n);
    }
    return eng_jn_unexpected(p, "an expression");
}

/* ---- calls, filters, tests, subscripts ---- */

/* name=value, the name being the current token.  The names have an array of their own as long as
 * the list of values has room, made anew whenever one is added: calls have few. */
static sk_status add_kw(jn_parser *p, jn_call *c, jn_list *vals)
{
    jn_node *v = NULL;
    jn_str *name = NULL;
    sk_status st = eng_jn_intern(p, p->tok->p, p->tok->n, &name);
    p->tok += 2;
    if (!st) st = eng_jn_parse_expr(p, true, &v);
    if (!st) st = eng_jn_list_add(p, vals, v);
    if (st) return st;
    jn_str **kw = jn_new_n(&p->r->mem, jn_str *, vals->cap);
    if (!kw) return eng_jn_oom(p->r);
    for (size_t i = 0; i + 1 < vals->n; i++)
        kw[i] = c->kw[i];
    kw[vals->n - 1] = name;
    c->kw = kw;
    return SK_OK;
}

/* True when a token of an operator follows the current one: the "=" of name=value. */
static bool op_follows(const jn_parser *p, char op)
{
    return p->tok[1].type == JT_OP && p->tok[1].n == 1 && p->tok[1].p[0] == op;
}

/* One argument of a call: *a, **a, name=a or a.  Python's order is enforced here, since the
 * evaluator takes it for granted. */
static sk_status parse_arg(jn_parser *p, jn_call *c, jn_list *args, jn_list *kws)
{
    jn_node *v = NULL;
    bool star = eng_jn_is_op(p, "*"), stars = eng_jn_is_op(p, "**");
    bool named = p->tok->type == JT_NAME && op_follows(p, '=');
    bool plain = !star && !stars && !named;
    bool late = c->dyn_kw || (c->dyn && (plain || star)) || (kws->n && plain);
    if (late) return eng_jn_unexpected(p, "arguments in the order a, name=b, *c, **d");
    if (named) return add_kw(p, c, kws);
    p->tok += !plain;
    sk_status st = eng_jn_parse_expr(p, true, &v);
    if (st) return st;
    if (plain) return eng_jn_list_add(p, args, v);
    if (stars)
        c->dyn_kw = v;
    else
        c->dyn = v;
    return SK_OK;
}

/* "(" has been taken. */
static sk_status parse_args(jn_parser *p, jn_call **out)
{
    jn_call *c = jn_new(&p->r->mem, jn_call);
    if (!c) return eng_jn_oom(p->r);
    jn_list args = {NULL, 0, 0}, kws = {NULL, 0, 0};
    for (bool first = true; !eng_jn_is_op(p, ")"); first = false) {
        sk_status st = first ? SK_OK : eng_jn_want_op(p, ",");
        if (st) return st;
        if (eng_jn_is_op(p, ")")) break;
        st = parse_arg(p, c, &args, &kws);
        if (st) return st;
    }
    p->tok++;
    c->arg = args.v;
    c->n_arg = args.n;
    c->kw_val = kws.v;
    c->n_kw = kws.n;
    *out = c;
    return SK_OK;
}

/* A name with dots, as extensions have them. */
static sk_status dotted_name(jn_parser *p, jn_node *n, const char *what)
{
    if (p->tok->type != JT_NAME) return eng_jn_unexpected(p, what);
    sk_status st = eng_jn_intern(p, p->tok->p, p->tok->n, &n->name);
    p->tok++;
    if (!st && eng_jn_is_op(p, ".")) return eng_jn_unexpected(p, NULL);
    return st;
}

/* An unknown filter or test is an error, unless an if may keep it from being reached.  Only
 * remembered: an if-else around may still take it back (eng_jn_parse_expr). */
static void check_known(jn_parser *p, const jn_node *n)
{
    if (!n->fn && !p->soft && !p->unknown) p->unknown = n;
}

/* A filter's operand is the node before it, so that the first is innermost. */
sk_status eng_jn_parse_filters(jn_parser *p, jn_node *on, jn_node **out)
{
    do {
        jn_node *n = NULL;
        sk_status st = make(p, JK_FILTER, on, NULL, &n);
        if (st) return st;
        n->line = p->tok->line;
        st = dotted_name(p, n, "the name of a filter");
        if (!st && eng_jn_skip_op(p, "(")) st = parse_args(p, &n->call);
        if (st) return st;
        n->fn = eng_jn_filter_find(n->name->p, n->name->n);
        check_known(p, n);
        on = n;
    } while (eng_jn_skip_op(p, "|"));
    *out = on;
    return SK_OK;
}

static sk_status parse_postfix(jn_parser *p, jn_node **out);

/* True when an argument without brackets follows a test: "x is divisibleby 3".  The names else,
 * or, and are operators there; any other name begins an argument. */
static bool test_argument(const jn_parser *p)
{
    if (p->tok->type == JT_NAME)
        return !eng_jn_is_name(p, "else") && !eng_jn_is_name(p, "or") && !eng_jn_is_name(p, "and");
    return p->tok->type == JT_STRING || p->tok->type == JT_INT || p->tok->type == JT_FLOAT ||
           eng_jn_is_op(p, "[") || eng_jn_is_op(p, "{");
}

/* "x is divisibleby 3": the argument is a primary with its subscripts and no operators, so that
 * "x is divisibleby 2 + 1" is (x is divisibleby 2) + 1. */
static sk_status parse_test_argument(jn_parser *p, jn_node *test)
{
    jn_node *arg = NULL;
    jn_list l = {NULL, 0, 0};
    if (eng_jn_is_name(p, "is")) return eng_jn_unexpected(p, "no second test");
    test->call = jn_new(&p->r->mem, jn_call);
    sk_status st = test->call ? parse_primary(p, &arg) : eng_jn_oom(p->r);
    if (!st) st = parse_postfix(p, &arg);
    if (!st) st = eng_jn_list_add(p, &l, arg);
    if (st) return st;
    test->call->arg = l.v;
    test->call->n_arg = l.n;
    return SK_OK;
}

/* "is" has been taken. */
static sk_status parse_test(jn_parser *p, jn_node **out)
{
    bool negate = eng_jn_skip_name(p, "not");
    jn_node *n = NULL;
    sk_status st = make(p, JK_TEST, *out, NULL, &n);
    if (st) return st;
    n->line = p->tok->line;
    st = dotted_name(p, n, "the name of a test");
    if (st) return st;
    if (eng_jn_skip_op(p, "("))
        st = parse_args(p, &n->call);
    else if (test_argument(p))
        st = parse_test_argument(p, n);
    if (st) return st;
    n->fn = eng_jn_test_find(n->name->p, n->name->n);
    check_known(p, n);
    *out = n;
    return negate ? make(p, JK_NOT, n, NULL, out) : SK_OK;
}

/* One index or slice within brackets.  Parts that are left out stay NULL. */
static sk_status parse_subscribed(jn_parser *p, jn_node **out)
{
    jn_node *part[3] = {NULL, NULL, NULL};
    sk_status st = SK_OK;
    if (!eng_jn_is_op(p, ":")) st = eng_jn_parse_expr(p, true, &part[0]);
    if (st || !eng_jn_is_op(p, ":")) {
        *out = part[0];
        return st;
    }
    for (int i = 1; i < 3 && !st && eng_jn_skip_op(p, ":"); i++)
        if (!eng_jn_is_op(p, ":") && !eng_jn_is_op(p, "]") && !eng_jn_is_op(p, ","))
            st = eng_jn_parse_expr(p, true, &part[i]);
    jn_node *n = NULL;
    if (!st) st = make(p, JK_SLICE, NULL, NULL, &n);
    if (st) return st;
    n->a = part[0];
    n->b = part[1];
    n->c = part[2];
    *out = n;
    return SK_OK;
}

/* "[" has been taken. a[1, 2] has a tuple as its index, which may hold no slice. */
static sk_status parse_index(jn_parser *p, jn_node **out)
{
    jn_list l = {NULL, 0, 0};
    jn_node *index = NULL;
    while (!eng_jn_is_op(p, "]")) {
        sk_status st = l.n ? eng_jn_want_op(p, ",") : SK_OK;
        if (!st) st = parse_subscribed(p, &index);
        if (!st) st = eng_jn_list_add(p, &l, index);
        if (st) return st;
    }
    p->tok++;
    if (l.n == 1) return make(p, JK_ITEM, *out, l.v[0], out);
    sk_status st = make(p, JK_TUPLE, NULL, NULL, &index);
    if (st) return st;
    index->list = l.v;
    index->n = l.n;
    for (size_t i = 0; i < l.n; i++)
        if (l.v[i]->kind == JK_SLICE) return eng_jn_unexpected(p, "a single slice");
    return make(p, JK_ITEM, *out, index, out);
}

/* "." has been taken: a name or a number. */
static sk_status parse_attr(jn_parser *p, jn_node **out)
{
    jn_node *n = NULL, *index = NULL;
    if (p->tok->type == JT_INT) {
        sk_status st = make(p, JK_CONST, NULL, NULL, &index);
        if (!st) st = eng_jn_num_literal(p->r, p->tok->p, p->tok->n, false, &index->val);
        p->tok++;
        return st ? st : make(p, JK_ITEM, *out, index, out);
    }
    if (p->tok->type != JT_NAME) return eng_jn_unexpected(p, "a name or a number");
    sk_status st = make(p, JK_ATTR, *out, NULL, &n);
    if (!st) st = eng_jn_intern(p, p->tok->p, p->tok->n, &n->name);
    p->tok++;
    *out = n;
    return st;
}

/* The line is that of the bracket. */
static sk_status parse_call(jn_parser *p, jn_node **out)
{
    jn_node *n = NULL;
    int line = p->tok[-1].line;
    sk_status st = make(p, JK_CALL, *out, NULL, &n);
    if (!st) st = parse_args(p, &n->call);
    if (st) return st;
    n->line = line;
    *out = n;
    return SK_OK;
}

/* .name, [index] and (args) behind *out. */
static sk_status parse_postfix(jn_parser *p, jn_node **out)
{
    for (;;) {
        sk_status st;
        int line = p->tok->line;
        p->r->line = line;
        if (eng_jn_skip_op(p, "."))
            st = parse_attr(p, out);
        else if (eng_jn_skip_op(p, "["))
            st = parse_index(p, out);
        else if (eng_jn_skip_op(p, "("))
            st = parse_call(p, out);
        else
            return SK_OK;
        if (st) return st;
        (*out)->line = line;
    }
}

/* |filter, is test and (args) behind *out. */
static sk_status parse_filter_expr(jn_parser *p, jn_node **out)
{
    for (;;) {
        sk_status st;
        if (eng_jn_skip_op(p, "|"))
            st = eng_jn_parse_filters(p, *out, out);
        else if (eng_jn_skip_name(p, "is"))
            st = parse_test(p, out);
        else if (eng_jn_skip_op(p, "("))
            st = parse_call(p, out);
        else
            return SK_OK;
        if (st) return st;
    }
}

/* ---- operators ---- */

static sk_status parse_unary(jn_parser *p, bool filters, jn_node **out)
{
    sk_status st = eng_jn_enter(p->r);
    if (st) return st;
    bool neg = eng_jn_is_op(p, "-");
    if (neg || eng_jn_is_op(p, "+")) {
        p->tok++;
        st = parse_unary(p, false, out);
        if (!st) st = make(p, neg ? JK_NEG : JK_POS, *out, NULL, out);
    } else {
        st = parse_primary(p, out);
    }
    if (!st) st = parse_postfix(p, out);
    if (!st && filters) st = parse_filter_expr(p, out);
    eng_jn_leave(p->r);
    return st;
}

/* The operators of a level of precedence. */
typedef struct level {
    size_t n;
    const char *op[4];
    jn_op code[4];
} level;

static const level levels[] = {
    {1, {"**"}, {JO_POW}},
    {4, {"*", "/", "//", "%"}, {JO_MUL, JO_DIV, JO_FLOORDIV, JO_MOD}},
    {2, {"+", "-"}, {JO_ADD, JO_SUB}},
};
enum { POWER, PRODUCT, SUM };

static sk_status parse_concat(jn_parser *p, jn_node **out);

/* What the operators of a level stand between. */
static sk_status parse_operand(jn_parser *p, int at, jn_node **out);

/* Operators of one level, from left to right ("**" too, as jinja2 has it). */
static sk_status parse_level(jn_parser *p, int at, jn_node **out)
{
    const level *lv = &levels[at];
    sk_status st = parse_operand(p, at, out);
    while (!st) {
        size_t k = 0;
        jn_node *right = NULL;
        while (k < lv->n && !eng_jn_is_op(p, lv->op[k]))
            k++;
        if (k == lv->n) break;
        p->tok++;
        st = parse_operand(p, at, &right);
        if (!st) st = make(p, JK_BINARY, *out, right, out);
        if (!st) (*out)->op = (uint8_t)lv->code[k];
    }
    return st;
}

/* The next tighter level. */
static sk_status parse_operand(jn_parser *p, int at, jn_node **out)
{
    if (at == POWER) return parse_unary(p, true, out);
    return at == PRODUCT ? parse_level(p, POWER, out) : parse_concat(p, out);
}

/* "~" binds tighter than "+". */
static sk_status parse_concat(jn_parser *p, jn_node **out)
{
    jn_list l = {NULL, 0, 0};
    sk_status st = parse_level(p, PRODUCT, out);
    if (st || !eng_jn_is_op(p, "~")) return st;
    st = eng_jn_list_add(p, &l, *out);
    while (!st && eng_jn_skip_op(p, "~")) {
        jn_node *right = NULL;
        st = parse_level(p, PRODUCT, &right);
        if (!st) st = eng_jn_list_add(p, &l, right);
    }
    if (!st) st = make(p, JK_CONCAT, NULL, NULL, out);
    if (st) return st;
    (*out)->list = l.v;
    (*out)->n = l.n;
    (*out)->line = l.v[0]->line;
    return SK_OK;
}

/* Takes an operator of comparison into *op; false if there is none.  "not in" is two tokens, so a
 * "not" that does not stand before "in" is none. */
static bool skip_comparison(jn_parser *p, jn_op *op)
{
    static const struct {
        const char *op;
        jn_op code;
    } ops[] = {{"==", JO_EQ}, {"!=", JO_NE}, {"<", JO_LT},
               {"<=", JO_LE}, {">", JO_GT},  {">=", JO_GE}};
    for (size_t k = 0; k < sizeof ops / sizeof ops[0]; k++)
        if (eng_jn_skip_op(p, ops[k].op)) {
            *op = ops[k].code;
            return true;
        }
    const jn_tok *t = p->tok;
    *op = eng_jn_skip_name(p, "not") ? JO_NOT_IN : JO_IN;
    if (eng_jn_skip_name(p, "in")) return true;
    p->tok = t;
    return false;
}

/* Comparisons chain: a < b < c is one node. */
static sk_status parse_compare(jn_parser *p, jn_node **out)
{
    jn_list l = {NULL, 0, 0};
    jn_op op = JO_EQ;
    sk_status st = parse_level(p, SUM, out);
    while (!st && skip_comparison(p, &op)) {
        jn_node *n = NULL, *right = NULL;
        st = parse_level(p, SUM, &right);
        if (!st) st = make(p, JK_OPERAND, right, NULL, &n);
        if (st) break;
        n->op = (uint8_t)op;
        st = eng_jn_list_add(p, &l, n);
    }
    if (st || !l.n) return st;
    st = make(p, JK_COMPARE, *out, NULL, out);
    if (st) return st;
    (*out)->list = l.v;
    (*out)->n = l.n;
    return SK_OK;
}

/* not binds looser than comparisons. */
static sk_status parse_not(jn_parser *p, jn_node **out)
{
    if (!eng_jn_skip_name(p, "not")) return parse_compare(p, out);
    sk_status st = eng_jn_enter(p->r);
    if (st) return st;
    st = parse_not(p, out);
    if (!st) st = make(p, JK_NOT, *out, NULL, out);
    eng_jn_leave(p->r);
    return st;
}

/* and */
static sk_status parse_and(jn_parser *p, jn_node **out)
{
    sk_status st = parse_not(p, out);
    while (!st && eng_jn_skip_name(p, "and")) {
        jn_node *right = NULL;
        st = parse_not(p, &right);
        if (!st) st = make(p, JK_AND, *out, right, out);
    }
    return st;
}

/* or */
static sk_status parse_or(jn_parser *p, jn_node **out)
{
    sk_status st = parse_and(p, out);
    while (!st && eng_jn_skip_name(p, "or")) {
        jn_node *right = NULL;
        st = parse_and(p, &right);
        if (!st) st = make(p, JK_OR, *out, right, out);
    }
    return st;
}

/* The if-else binds loosest; its filters need not be known, since one branch is not taken.
 * While "a if b" is looked at, p->unknown goes back to what it was before a: that filter may
 * never run. */
sk_status eng_jn_parse_expr(jn_parser *p, bool cond, jn_node **out)
{
    sk_status st = eng_jn_enter(p->r);
    if (st) return st;
    const jn_node *unknown = p->unknown;
    st = parse_or(p, out);
    while (!st && cond && eng_jn_skip_name(p, "if")) {
        jn_node *test = NULL, *other = NULL, *n = NULL;
        st = parse_or(p, &test);
        if (!st && eng_jn_skip_name(p, "else")) st = eng_jn_parse_expr(p, true, &other);
        if (!st) st = make(p, JK_COND, test, *out, &n);
        if (st) break;
        n->c = other;
        *out = n;
        p->unknown = unknown; /* which branch is taken shows later */
    }
    eng_jn_leave(p->r);
    return st;
}
