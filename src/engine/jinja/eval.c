/* eval.c - expressions.
 *
 * Every function notes n->line again once its operands are evaluated: they may stand on other
 * lines, and an error of the operation itself belongs to the operator's.
 */
#include "engine/jinja/eval.h"

#include "engine/jinja/call.h"
#include "engine/jinja/dict.h"
#include "engine/jinja/global.h"
#include "engine/jinja/num.h"
#include "engine/jinja/obj.h"
#include "engine/jinja/ops.h"
#include "engine/jinja/scope.h"
#include "engine/jinja/seq.h"

#include <assert.h>

/* A variable, a global function, or undefined.  An unsupported function fails when its name is
 * used, not when the template is compiled: a template may never get there. */
static sk_status eval_name(jn_run *r, const jn_node *n, jn_val *out)
{
    const jn_val *v = eng_jn_scope_get(r, r->scope, n->name);
    if (v) {
        *out = *v;
        return SK_OK;
    }
    const jn_fn *fn = eng_jn_global_find(n->name->p, n->name->n);
    if (!fn) return eng_jn_undef(r, NULL, jn_of_str(n->name), out);
    if (!fn->fn)
        return eng_jn_fail(r, SK_E_UNSUPPORTED, "the function '%s' is not supported", fn->name);
    *out = (jn_val){.type = JN_FUNC, .u.fn = fn};
    return SK_OK;
}

/* A list or a tuple of the values, new each time it is evaluated. */
static sk_status eval_seq(jn_run *r, const jn_node *n, jn_val *out)
{
    sk_status st = eng_jn_seq_new(r, n->kind == JK_LIST ? JN_LIST : JN_TUPLE, n->n, out);
    for (size_t i = 0; i < n->n && !st; i++)
        st = eng_jn_eval(r, n->list[i], &out->u.seq->v[i]);
    return st;
}

/* Later keys replace the values of equal earlier ones. */
static sk_status eval_dict(jn_run *r, const jn_node *n, jn_val *out)
{
    sk_status st = eng_jn_dict_new(r, JN_DICT, out);
    for (size_t i = 0; i < n->n && !st; i += 2) {
        jn_val key = jn_none(), v = jn_none();
        st = eng_jn_eval(r, n->list[i], &key);
        if (!st) st = eng_jn_eval(r, n->list[i + 1], &v);
        if (!st) st = eng_jn_dict_set(r, out->u.d, key, v);
    }
    return st;
}

/* a[b] and a[b:c:d]. */
static sk_status eval_item(jn_run *r, const jn_node *n, jn_val *out)
{
    jn_val a = jn_none(), part[3] = {jn_none(), jn_none(), jn_none()};
    sk_status st = eng_jn_eval(r, n->a, &a);
    if (st) return st;
    if (n->b->kind != JK_SLICE) {
        st = eng_jn_eval(r, n->b, &part[0]);
        r->line = n->line;
        return st ? st : eng_jn_getitem(r, a, part[0], out);
    }
    const jn_node *const expr[3] = {n->b->a, n->b->b, n->b->c};
    for (int i = 0; i < 3 && !st; i++)
        if (expr[i]) st = eng_jn_eval(r, expr[i], &part[i]);
    r->line = n->line;
    return st ? st : eng_jn_slice(r, a, part, out);
}

/* The items of *args behind those written.  The array of those written is a view: pushing to a
 * full one copies it. */
static sk_status add_dyn(jn_run *r, const jn_node *n, jn_args *a)
{
    jn_val v = jn_none();
    jn_seq more, all = {a->v, a->n, a->n};
    sk_status st = eng_jn_eval(r, n, &v);
    if (!st) st = eng_jn_items(r, v, &more);
    for (size_t i = 0; !st && i < more.n; i++)
        st = eng_jn_seq_push(r, &all, more.v[i]);
    a->v = all.v;
    a->n = all.n;
    return st;
}

/* The members of **kwargs behind the named ones. */
static sk_status add_dyn_kw(jn_run *r, const jn_node *n, jn_args *a)
{
    jn_val v = jn_none();
    size_t at = 0;
    sk_status st = eng_jn_eval(r, n, &v);
    if (st) return st;
    if (v.type != JN_DICT)
        return eng_jn_fail(r, SK_E_INVALID, "argument after ** must be a mapping, not %s",
                           eng_jn_type_name(v));
    jn_kw *kw = jn_new_n(&r->mem, jn_kw, a->n_kw + v.u.d->live + 1);
    if (!kw) return eng_jn_oom(r);
    for (size_t i = 0; i < a->n_kw; i++)
        kw[i] = a->kw[i];
    for (jn_entry *e; (e = eng_jn_dict_next(v.u.d, &at));) {
        if (e->key.type != JN_STR) return eng_jn_fail(r, SK_E_INVALID, "keywords must be strings");
        kw[a->n_kw++] = (jn_kw){e->key.u.s, e->val};
    }
    a->kw = kw;
    return SK_OK;
}

/* The named arguments, behind the positional ones. */
static sk_status eval_kw(jn_run *r, const jn_call *c, jn_kw *out)
{
    sk_status st = SK_OK;
    for (size_t i = 0; i < c->n_kw && !st; i++) {
        out[i].name = c->kw[i];
        st = eng_jn_eval(r, c->kw_val[i], &out[i].v);
    }
    return st;
}

/* In the order of Python: positional, named, *args, **kwargs. */
sk_status eng_jn_eval_args(jn_run *r, const jn_call *c, jn_args *out)
{
    *out = (jn_args){NULL, 0, NULL, 0};
    if (!c) return SK_OK;
    out->n = c->n_arg;
    out->n_kw = c->n_kw;
    if (c->n_arg) out->v = jn_new_n(&r->mem, jn_val, c->n_arg);
    if (c->n_kw) out->kw = jn_new_n(&r->mem, jn_kw, c->n_kw);
    if ((c->n_arg && !out->v) || (c->n_kw && !out->kw)) return eng_jn_oom(r);
    sk_status st = SK_OK;
    for (size_t i = 0; i < c->n_arg && !st; i++)
        st = eng_jn_eval(r, c->arg[i], &out->v[i]);
    if (!st) st = eval_kw(r, c, out->kw);
    if (!st && c->dyn) st = add_dyn(r, c->dyn, out);
    return st || !c->dyn_kw ? st : add_dyn_kw(r, c->dyn_kw, out);
}

/* What is called is evaluated before its arguments. */
static sk_status eval_call(jn_run *r, const jn_node *n, jn_val *out)
{
    jn_val f = jn_none();
    jn_args a;
    sk_status st = eng_jn_eval(r, n->a, &f);
    if (!st) st = eng_jn_eval_args(r, n->call, &a);
    r->line = n->line;
    return st ? st : eng_jn_call(r, f, &a, out);
}

/* A filter or a test over v. n->fn is NULL for a name nobody knows, its fn for one that this
 * engine lacks; inside an if both are let through by the parser and end here. */
static sk_status apply(jn_run *r, const jn_node *n, jn_val v, jn_val *out)
{
    jn_args a;
    r->line = n->line;
    if (!n->fn || !n->fn->fn)
        return eng_jn_fail(r, SK_E_UNSUPPORTED, "the %s '%.*s' is not supported",
                           n->kind == JK_FILTER ? "filter" : "test",
                           (int)(n->name->n < 40 ? n->name->n : 40), n->name->p);
    sk_status st = eng_jn_eval_args(r, n->call, &a);
    r->line = n->line;
    return st ? st : eng_jn_fn_call(r, n->fn, v, &a, out);
}

/* The chain is nested with the first filter innermost; it ends in a node without operand. */
sk_status eng_jn_eval_filters(jn_run *r, const jn_node *n, jn_val text, jn_val *out)
{
    jn_val v = text;
    sk_status st = n->a ? eng_jn_enter(r) : SK_OK;
    if (st) return st;
    if (n->a) {
        st = eng_jn_eval_filters(r, n->a, text, &v);
        eng_jn_leave(r);
    }
    return st ? st : apply(r, n, v, out);
}

/* The operand comes first, then the arguments. */
static sk_status eval_apply(jn_run *r, const jn_node *n, jn_val *out)
{
    jn_val v = jn_none();
    sk_status st = eng_jn_eval(r, n->a, &v);
    return st ? st : apply(r, n, v, out);
}

/* One comparison of a chain. */
static sk_status compare(jn_run *r, jn_op op, jn_val a, jn_val b, bool *out)
{
    sk_status st;
    switch ((int)op) {
    case JO_EQ:
        return eng_jn_eq(r, a, b, out);
    case JO_NE:
        st = eng_jn_eq(r, a, b, out);
        *out = !*out;
        return st;
    case JO_IN:
        return eng_jn_contains(r, a, b, out);
    case JO_NOT_IN:
        st = eng_jn_contains(r, a, b, out);
        *out = !*out;
        return st;
    default:
        return eng_jn_compare(r, op, a, b, out);
    }
}

/* a < b < c holds when both do; what comes after a false one is not evaluated.  The middle
 * operand is evaluated once, as in Python: a < f() < b calls f once. */
static sk_status eval_compare(jn_run *r, const jn_node *n, jn_val *out)
{
    jn_val left = jn_none(), right = jn_none();
    bool yes = true;
    sk_status st = eng_jn_eval(r, n->a, &left);
    for (size_t i = 0; i < n->n && yes && !st; i++) {
        st = eng_jn_eval(r, n->list[i]->a, &right);
        r->line = n->line;
        if (!st) st = compare(r, (jn_op)n->list[i]->op, left, right, &yes);
        left = right;
    }
    *out = jn_bool(yes);
    return st;
}

/* a ~ b ~ c joins the texts of the values; what is undefined has none.  It goes by
 * eng_jn_str_cat, so a long chain costs the length of the result and not its square. */
static sk_status eval_concat(jn_run *r, const jn_node *n, jn_val *out)
{
    jn_val v = jn_none();
    sk_status st = SK_OK;
    for (size_t i = 0; i < n->n && !st; i++) {
        st = eng_jn_eval(r, n->list[i], &v);
        r->line = n->line;
        if (!st) st = eng_jn_str_of(r, v, &v);
        if (!st && i)
            st = eng_jn_str_cat(r, out->u.s, v.u.s, out);
        else
            *out = v;
    }
    return st;
}

/* Both sides are always evaluated. */
static sk_status eval_binary(jn_run *r, const jn_node *n, jn_val *out)
{
    jn_val a = jn_none(), b = jn_none();
    sk_status st = eng_jn_eval(r, n->a, &a);
    if (!st) st = eng_jn_eval(r, n->b, &b);
    r->line = n->line;
    return st ? st : eng_jn_binary(r, (jn_op)n->op, a, b, out);
}

/* -true is -1, as in Python. */
static sk_status eval_sign(jn_run *r, const jn_node *n, jn_val *out)
{
    sk_status st = eng_jn_eval(r, n->a, out);
    if (st) return st;
    if (out->type == JN_UNDEF) return eng_jn_undef_fail(r, *out);
    if (!jn_is_num(*out))
        return eng_jn_fail(r, SK_E_INVALID, "bad operand type for unary %c: '%s'",
                           n->kind == JK_NEG ? '-' : '+', eng_jn_type_name(*out));
    if (n->kind == JK_NEG) return eng_jn_num_neg(r, *out, out);
    if (out->type == JN_BOOL) *out = jn_int(out->u.b);
    return SK_OK;
}

/* Without an else the value is undefined, with a sentence of its own. */
static sk_status eval_cond(jn_run *r, const jn_node *n, jn_val *out)
{
    jn_val test = jn_none();
    sk_status st = eng_jn_eval(r, n->a, &test);
    if (st) return st;
    const jn_node *branch = eng_jn_truth(test) ? n->b : n->c;
    if (branch) return eng_jn_eval(r, branch, out);
    return eng_jn_undef_hint(
        r, "the inline if-expression evaluated to false and no else section was defined", out);
}

/* and, or: the operand that decides is the value.  So `x or "none"` gives a text: templates use
 * it as a default. */
static sk_status eval_logic(jn_run *r, const jn_node *n, jn_val *out)
{
    sk_status st = eng_jn_eval(r, n->a, out);
    if (st || eng_jn_truth(*out) == (n->kind == JK_OR)) return st;
    return eng_jn_eval(r, n->b, out);
}

/* By kind; the depth has been counted. */
static sk_status eval(jn_run *r, const jn_node *n, jn_val *out)
{
    jn_val v = jn_none();
    sk_status st;
    switch ((int)n->kind) {
    case JK_CONST:
        *out = n->val;
        return SK_OK;
    case JK_NAME:
        return eval_name(r, n, out);
    case JK_LIST:
    case JK_TUPLE:
        return eval_seq(r, n, out);
    case JK_DICT:
        return eval_dict(r, n, out);
    case JK_ATTR:
        st = eng_jn_eval(r, n->a, &v);
        r->line = n->line;
        return st ? st : eng_jn_getattr(r, v, n->name, out);
    case JK_ITEM:
        return eval_item(r, n, out);
    case JK_CALL:
        return eval_call(r, n, out);
    case JK_FILTER:
    case JK_TEST:
        return eval_apply(r, n, out);
    case JK_NOT:
        st = eng_jn_eval(r, n->a, &v);
        *out = jn_bool(!eng_jn_truth(v));
        return st;
    case JK_NEG:
    case JK_POS:
        return eval_sign(r, n, out);
    case JK_BINARY:
        return eval_binary(r, n, out);
    case JK_AND:
    case JK_OR:
        return eval_logic(r, n, out);
    case JK_CONCAT:
        return eval_concat(r, n, out);
    case JK_COMPARE:
        return eval_compare(r, n, out);
    default:
        assert(n->kind == JK_COND);
        return eval_cond(r, n, out);
    }
}

/* A node is a step; the line is noted for errors that come without a node. */
sk_status eng_jn_eval(jn_run *r, const jn_node *n, jn_val *out)
{
    sk_status st = eng_jn_step(r, 1);
    if (!st) st = eng_jn_enter(r);
    if (st) return st;
    r->line = n->line;
    st = eval(r, n, out);
    eng_jn_leave(r);
    return st;
}
