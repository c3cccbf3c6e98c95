/* parse_target.c - tuples, and what can be assigned to. */
#include "engine/jinja/parser.h"

/* A tuple of the items. */
static sk_status tuple_of(jn_parser *p, const jn_list *l, jn_node **out)
{
    jn_node *n = eng_jn_node(p, JK_TUPLE);
    if (!n) return eng_jn_oom(p->r);
    n->line = l->v[0]->line;
    n->list = l->v;
    n->n = l->n;
    *out = n;
    return SK_OK;
}

static bool tuple_end(const jn_parser *p, const char *end)
{
    return p->tok->type == JT_VAR_END || p->tok->type == JT_BLOCK_END || eng_jn_is_op(p, ")") ||
           (end && eng_jn_is_name(p, end));
}

/* A comma makes the tuple, also a single one at the end. */
sk_status eng_jn_parse_tuple(jn_parser *p, bool cond, const char *end, jn_node **out)
{
    jn_list l = {NULL, 0, 0};
    bool tuple = false;
    for (;;) {
        jn_node *n = NULL;
        if (tuple_end(p, end)) break;
        sk_status st = eng_jn_parse_expr(p, cond, &n);
        if (!st) st = eng_jn_list_add(p, &l, n);
        if (st) return st;
        if (!eng_jn_skip_op(p, ",")) break;
        tuple = true;
    }
    if (!l.n) return eng_jn_unexpected(p, "an expression");
    *out = l.v[0];
    if (!tuple) return SK_OK;
    return tuple_of(p, &l, out);
}

/* A name that is none of the constants. */
static sk_status target_name(jn_parser *p, jn_node **out)
{
    static const char *const constants[] = {"true", "True", "false", "False", "none", "None"};
    bool name = p->tok->type == JT_NAME;
    for (size_t i = 0; i < sizeof constants / sizeof constants[0]; i++)
        name &= !eng_jn_is_name(p, constants[i]);
    if (!name) return eng_jn_unexpected(p, "a name to assign to");
    jn_node *n = eng_jn_node(p, JK_NAME);
    if (!n) return eng_jn_oom(p->r);
    *out = n;
    sk_status st = eng_jn_intern(p, p->tok->p, p->tok->n, &n->name);
    p->tok++;
    return st;
}

/* One name, ns.attr, or a tuple in parentheses. */
static sk_status target_item(jn_parser *p, bool ns, jn_node **out)
{
    if (eng_jn_skip_op(p, "(")) {
        sk_status st = eng_jn_enter(p->r);
        if (st) return st;
        st = eng_jn_parse_target(p, ns, NULL, out);
        eng_jn_leave(p->r);
        return st ? st : eng_jn_want_op(p, ")");
    }
    sk_status st = target_name(p, out);
    if (st) return st;
    if (!ns || !eng_jn_skip_op(p, ".")) return SK_OK;
    if (p->tok->type != JT_NAME) return eng_jn_unexpected(p, "a name");
    jn_str *attr = NULL;
    st = eng_jn_intern(p, p->tok->p, p->tok->n, &attr);
    p->tok++;
    (*out)->kind = JK_NSREF;
    (*out)->val = jn_of_str(attr);
    return st;
}

/* Commas make a tuple of targets. */
sk_status eng_jn_parse_target(jn_parser *p, bool ns, const char *end, jn_node **out)
{
    jn_list l = {NULL, 0, 0};
    bool tuple = false;
    for (;;) {
        jn_node *n = NULL;
        if (tuple && (tuple_end(p, end) || eng_jn_is_op(p, "="))) break;
        sk_status st = target_item(p, ns, &n);
        if (!st) st = eng_jn_list_add(p, &l, n);
        if (st) return st;
        if (!eng_jn_skip_op(p, ",")) break;
        tuple = true;
    }
    *out = l.v[0];
    if (!tuple) return SK_OK;
    return tuple_of(p, &l, out);
}
