/* exec.c - statements, but for loops. */
#include "engine/jinja/call.h"
#include "engine/jinja/dict.h"
#include "engine/jinja/eval.h"
#include "engine/jinja/obj.h"
#include "engine/jinja/ops.h"
#include "engine/jinja/scope.h"
#include "engine/jinja/seq.h"

#include <assert.h>

/* ---- assignment ---- */

static sk_status assign_ns(jn_run *r, const jn_node *target, jn_val v)
{
    const jn_val *ns = eng_jn_scope_get(r, r->scope, target->name);
    if (!ns || ns->type != JN_NS)
        return eng_jn_fail(r, SK_E_INVALID, "cannot assign attribute on non-namespace object");
    return eng_jn_dict_set(r, ns->u.d, target->val, v);
}

/* Tuples are unpacked from anything that has as many items.  A nested target ((a, b), c)
 * recurses to the depth that the parser allowed. */
sk_status eng_jn_assign(jn_run *r, const jn_node *target, jn_val v)
{
    if (target->kind == JK_NAME) return eng_jn_scope_set(r, r->scope, target->name, v);
    if (target->kind == JK_NSREF) return assign_ns(r, target, v);
    jn_seq s;
    assert(target->kind == JK_TUPLE);
    r->line = target->line;
    if (!eng_jn_iterable(v))
        return eng_jn_fail(r, SK_E_INVALID, "cannot unpack non-iterable %s object",
                           eng_jn_type_name(v));
    sk_status st = eng_jn_items(r, v, &s);
    if (st) return st;
    if (s.n > target->n)
        return eng_jn_fail(r, SK_E_INVALID, "too many values to unpack (expected %zu)", target->n);
    if (s.n < target->n)
        return eng_jn_fail(r, SK_E_INVALID, "not enough values to unpack (expected %zu, got %zu)",
                           target->n, s.n);
    for (size_t i = 0; i < s.n && !st; i++)
        st = eng_jn_assign(r, target->list[i], s.v[i]);
    return st;
}

/* ---- text of a body ---- */

/* The limit of the output does not hold for a capture, the limit of memory does. */
sk_status eng_jn_capture(jn_run *r, const jn_node *body, jn_val *out)
{
    jn_sb b, *outer = r->out;
    eng_jn_sb_init(&b, r);
    r->out = &b;
    sk_status st = eng_jn_exec(r, body);
    r->out = outer;
    return st ? st : eng_jn_sb_done(&b, out);
}

/* {{ expression }}: str() of the value. */
static sk_status print(jn_run *r, const jn_node *n)
{
    jn_val v = jn_none();
    sk_status st = eng_jn_eval(r, n->a, &v);
    r->line = n->line;
    return st ? st : eng_jn_put_str(r, r->out, v);
}

/* Variables set in the body end with it. */
sk_status eng_jn_exec_scoped(jn_run *r, const jn_node *body)
{
    jn_scope *outer = r->scope;
    r->scope = eng_jn_scope_new(r, outer);
    sk_status st = r->scope ? eng_jn_exec(r, body) : eng_jn_oom(r);
    r->scope = outer;
    return st;
}

/* The text of a body in a scope of its own, through filters. */
static sk_status filtered(jn_run *r, const jn_node *body, const jn_node *filters, jn_val *out)
{
    jn_scope *outer = r->scope;
    r->scope = eng_jn_scope_new(r, outer);
    sk_status st = r->scope ? eng_jn_capture(r, body, out) : eng_jn_oom(r);
    r->scope = outer;
    if (st || !filters) return st;
    return eng_jn_eval_filters(r, filters, *out, out);
}

/* jinja2 joins the pieces of its output, so that a filter such as length fails here. */
static sk_status exec_filter_block(jn_run *r, const jn_node *n)
{
    jn_val v = jn_none();
    sk_status st = filtered(r, n->body, n->a, &v);
    r->line = n->line;
    if (!st && v.type != JN_STR)
        return eng_jn_fail(r, SK_E_INVALID, "the block's filter gives %s instead of a string",
                           eng_jn_type_name(v));
    return st ? st : eng_jn_put_str(r, r->out, v);
}

/* The block form has a scope of its own, the assignment is made outside of it. */
static sk_status exec_set(jn_run *r, const jn_node *n)
{
    jn_val v = jn_none();
    sk_status st = n->kind == JK_SET ? eng_jn_eval(r, n->b, &v) : filtered(r, n->body, n->b, &v);
    r->line = n->line;
    return st ? st : eng_jn_assign(r, n->a, v);
}

/* Branches have no scope of their own; an elif is an if in the else branch. */
static sk_status exec_if(jn_run *r, const jn_node *n)
{
    jn_val v = jn_none();
    sk_status st = eng_jn_eval(r, n->a, &v);
    if (st) return st;
    const jn_node *branch = eng_jn_truth(v) ? n->b : n->c;
    return branch ? eng_jn_exec(r, branch) : SK_OK;
}

/* The values are evaluated outside, the names are seen inside. inner becomes the scope only for
 * the body, once all values are there. */
static sk_status exec_with(jn_run *r, const jn_node *n)
{
    jn_scope *outer = r->scope, *inner = eng_jn_scope_new(r, outer);
    sk_status st = inner ? SK_OK : eng_jn_oom(r);
    assert(n->n % 2 == 0); /* names and values in turn */
    for (size_t i = 0; i < n->n && !st; i += 2) {
        jn_val v = jn_none();
        st = eng_jn_eval(r, n->list[i + 1], &v);
        if (!st) st = eng_jn_scope_set(r, inner, n->list[i]->name, v);
    }
    r->scope = inner;
    if (!st) st = eng_jn_exec(r, n->body);
    r->scope = outer;
    return st;
}

/* ---- macros ---- */

/* Every scope out to the first kept one is kept from now on: the macro sees them all. */
static sk_status new_macro(jn_run *r, const jn_node *n, jn_val *out)
{
    jn_macro *m = jn_new(&r->mem, jn_macro);
    if (!m) return eng_jn_oom(r);
    *m = (jn_macro){n, r->scope};
    for (jn_scope *s = r->scope; s && !s->kept; s = s->up)
        s->kept = true;
    *out = (jn_val){.type = JN_MACRO, .u.macro = m};
    return SK_OK;
}

/* A macro is a variable like any other. */
static sk_status exec_macro(jn_run *r, const jn_node *n)
{
    jn_val m = jn_none();
    sk_status st = new_macro(r, n, &m);
    return st ? st : eng_jn_scope_set(r, r->scope, n->name, m);
}

/* {% call f(x) %} body {% endcall %}: f gets the body as its keyword argument `caller`.
 * `caller` is a macro over the scope of the call, so the body sees the variables around it and
 * not those of f. */
static sk_status exec_call_block(jn_run *r, const jn_node *n)
{
    jn_val f = jn_none(), caller = jn_none(), v = jn_none();
    jn_args a;
    sk_status st = eng_jn_eval(r, n->a->a, &f);
    if (!st) st = eng_jn_eval_args(r, n->a->call, &a);
    if (!st) st = new_macro(r, n->b, &caller);
    if (st) return st;
    jn_kw *kw = jn_new_n(&r->mem, jn_kw, a.n_kw + 1);
    if (!kw) return eng_jn_oom(r);
    for (size_t i = 0; i < a.n_kw; i++)
        kw[i] = a.kw[i];
    kw[a.n_kw++] = (jn_kw){n->b->name, caller};
    a.kw = kw;
    r->line = n->line;
    st = eng_jn_call(r, f, &a, &v);
    return st ? st : eng_jn_put_str(r, r->out, v);
}

/* ---- by kind ---- */

/* JK_BREAK and JK_CONTINUE only leave a note; the lists of statements around end by it one after
 * the other. */
static sk_status exec_one(jn_run *r, const jn_node *n)
{
    switch ((int)n->kind) {
    case JK_DATA:
        eng_jn_sb_str(r->out, n->val.u.s);
        return r->out->st;
    case JK_PRINT:
        return print(r, n);
    case JK_IF:
        return exec_if(r, n);
    case JK_FOR:
        return eng_jn_exec_for(r, n);
    case JK_SET:
    case JK_SETBLOCK:
        return exec_set(r, n);
    case JK_MACRO:
        return exec_macro(r, n);
    case JK_CALLBLOCK:
        return exec_call_block(r, n);
    case JK_FILTERBLOCK:
        return exec_filter_block(r, n);
    case JK_WITH:
        return exec_with(r, n);
    case JK_SCOPE:
        return eng_jn_exec_scoped(r, n->body);
    default:
        assert(n->kind == JK_BREAK || n->kind == JK_CONTINUE);
        r->flow = n->kind == JK_BREAK ? JN_BREAK : JN_CONTINUE;
        return SK_OK;
    }
}

/* Stops behind a break or continue, which the loop around takes care of. */
sk_status eng_jn_exec(jn_run *r, const jn_node *n)
{
    sk_status st = eng_jn_enter(r);
    if (st) return st;
    for (; n && !st && r->flow == JN_GO; n = n->next) {
        st = eng_jn_step(r, 1);
        r->line = n->line;
        if (!st) st = exec_one(r, n);
    }
    eng_jn_leave(r);
    return st;
}
