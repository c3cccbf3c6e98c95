/* exec_for.c - for loops, and the calls that bind arguments of macros. */
#include "engine/jinja/call.h"
#include "engine/jinja/dict.h"
#include "engine/jinja/eval.h"
#include "engine/jinja/obj.h"
#include "engine/jinja/ops.h"
#include "engine/jinja/scope.h"
#include "engine/jinja/seq.h"

#include <string.h>

/* ---- loops ---- */

/* Keeps the items for which the loop's condition holds.  The items are filtered before the first
 * pass, as in jinja2: loop.length and loop.last count those that are left, and the condition
 * cannot see what the body sets. */
static sk_status keep(jn_run *r, const jn_node *n, jn_seq *items)
{
    jn_seq kept = {NULL, 0, 0};
    jn_scope *outer = r->scope, *inner = eng_jn_scope_new(r, outer);
    sk_status st = inner ? SK_OK : eng_jn_oom(r);
    for (size_t i = 0; i < items->n && !st; i++) {
        jn_val v = jn_none();
        r->scope = inner;
        st = eng_jn_assign(r, n->a, items->v[i]);
        if (!st) st = eng_jn_eval(r, n->c, &v);
        r->scope = outer;
        if (!st && eng_jn_truth(v)) st = eng_jn_seq_push(r, &kept, items->v[i]);
        inner = eng_jn_scope_again(r, inner);
        if (!st && !inner) st = eng_jn_oom(r);
    }
    *items = kept;
    return st;
}

/* The passes of a loop.  Each pass starts with a scope without variables: what the last one set
 * is gone (jinja2's rule, and the reason for namespace()). */
static sk_status passes(jn_run *r, const jn_node *n, jn_loop *l)
{
    jn_scope *outer = r->scope, *inner = eng_jn_scope_new(r, outer);
    sk_status st = inner ? SK_OK : eng_jn_oom(r);
    for (l->index = 0; l->index < l->items.n && !st; l->index++) {
        r->scope = inner;
        st = eng_jn_step(r, 1);
        if (!st) st = eng_jn_scope_set(r, inner, n->name, (jn_val){.type = JN_LOOP, .u.loop = l});
        if (!st) st = eng_jn_assign(r, n->a, l->items.v[l->index]);
        if (!st) st = eng_jn_exec(r, n->body);
        jn_flow flow = r->flow;
        r->flow = JN_GO;
        if (flow == JN_BREAK) break;
        inner = eng_jn_scope_again(r, inner);
        if (!st && !inner) st = eng_jn_oom(r);
    }
    r->scope = outer;
    return st;
}

/* A loop over v, `depth` loops of the recursion around it.  The jn_loop outlives the loop if a
 * macro or a variable took `loop` with it. */
static sk_status run_loop(jn_run *r, const jn_node *n, jn_val v, size_t depth)
{
    jn_loop *l = jn_new(&r->mem, jn_loop);
    if (!l) return eng_jn_oom(r);
    *l = (jn_loop){.depth = depth, .node = n->flag ? n : NULL, .scope = r->scope};
    sk_status st = eng_jn_items(r, v, &l->items);
    if (!st && n->c) st = keep(r, n, &l->items);
    if (st) return st;
    if (l->items.n) return passes(r, n, l);
    return n->other ? eng_jn_exec_scoped(r, n->other) : SK_OK;
}

/* The list is evaluated outside the loop's scope. */
sk_status eng_jn_exec_for(jn_run *r, const jn_node *n)
{
    jn_val v = jn_none();
    sk_status st = eng_jn_eval(r, n->b, &v);
    r->line = n->line;
    return st ? st : run_loop(r, n, v, 0);
}

/* loop(items): the loop again, one deeper, as text.  It runs in the scope around the outermost
 * loop, as jinja2 compiles a recursive loop to a function there. */
sk_status eng_jn_loop_call(jn_run *r, jn_loop *l, const jn_args *a, jn_val *out)
{
    if (!l->node)
        return eng_jn_fail(r, SK_E_INVALID,
                           "the loop must have the 'recursive' marker to be called recursively");
    if (a->n != 1 || a->n_kw) return eng_jn_fail(r, SK_E_INVALID, "loop() takes one argument");
    jn_sb b, *outer = r->out;
    jn_scope *scope = r->scope;
    eng_jn_sb_init(&b, r);
    r->out = &b;
    r->scope = l->scope;
    sk_status st = run_loop(r, l->node, a->v[0], l->depth + 1);
    r->scope = scope;
    r->out = outer;
    return st ? st : eng_jn_sb_done(&b, out);
}

/* ---- macros ---- */

/* The argument of that name, which is then used; NULL if it was not given.  By text, not by
 * address: names out of **dict are not interned. */
static jn_val *keyword(const jn_args *a, const jn_str *name, bool *used)
{
    for (size_t i = 0; i < a->n_kw; i++)
        if (eng_jn_str_eq(a->kw[i].name, name)) {
            used[i] = true;
            return &a->kw[i].v;
        }
    return NULL;
}

/* Binds parameter i: by place, by name, or its default, which sees the parameters before it.  A
 * parameter that was neither given nor has a default is undefined, not an error: only its use
 * is. */
static sk_status bind_param(jn_run *r, const jn_params *p, size_t i, const jn_args *a, bool *used)
{
    jn_val v = jn_none();
    if (i < a->n) return eng_jn_scope_set(r, r->scope, p->name[i], a->v[i]);
    const jn_val *named = keyword(a, p->name[i], used);
    if (named) return eng_jn_scope_set(r, r->scope, p->name[i], *named);
    sk_status st;
    if (p->deflt[i])
        st = eng_jn_eval(r, p->deflt[i], &v);
    else
        st = eng_jn_undef_hint(r, "parameter of a macro was not provided", &v);
    return st ? st : eng_jn_scope_set(r, r->scope, p->name[i], v);
}

/* The special variable of a name that the body reads, in the program's own spelling.  Looked up
 * by text, since the parser interned the name only if the template wrote it. */
static sk_status set_special(jn_run *r, const jn_str *name, jn_val v)
{
    jn_str *own = NULL;
    for (size_t i = 0; i < r->names->n && !own; i++)
        if (eng_jn_str_eq(r->names->name[i], name)) own = r->names->name[i];
    return own ? eng_jn_scope_set(r, r->scope, own, v) : SK_OK;
}

/* `caller`, where the body reads it: undefined, with a sentence, outside a call block. */
static sk_status bind_caller(jn_run *r, const jn_args *a, bool *used)
{
    static const jn_str caller = {.p = "caller", .n = 6};
    jn_val v = jn_none();
    const jn_val *c = keyword(a, &caller, used);
    sk_status st = c ? SK_OK : eng_jn_undef_hint(r, "No caller defined", &v);
    return st ? st : set_special(r, &caller, c ? *c : v);
}

/* The named arguments nobody took: the dict `kwargs`, or an error where the body does not read
 * it. */
static sk_status bind_kwargs(jn_run *r, const jn_node *n, const jn_args *a, const bool *used)
{
    static const jn_str kwargs = {.p = "kwargs", .n = 6};
    bool wanted = n->params->kwargs;
    jn_val v = jn_none();
    sk_status st = wanted ? eng_jn_dict_new(r, JN_DICT, &v) : SK_OK;
    for (size_t i = 0; i < a->n_kw && !st; i++) {
        if (used[i]) continue;
        if (!wanted)
            return eng_jn_fail(r, SK_E_INVALID, "macro '%.*s' takes no keyword argument '%.*s'",
                               (int)n->name->n, n->name->p, (int)a->kw[i].name->n,
                               a->kw[i].name->p);
        st = eng_jn_dict_set(r, v.u.d, jn_of_str(a->kw[i].name), a->kw[i].v);
    }
    return st || !wanted ? st : set_special(r, &kwargs, v);
}

/* The positional arguments beyond the parameters: the tuple `varargs`, or an error likewise. */
static sk_status bind_varargs(jn_run *r, const jn_node *n, const jn_args *a)
{
    static const jn_str varargs = {.p = "varargs", .n = 7};
    const jn_params *p = n->params;
    jn_val v = jn_none();
    size_t extra = a->n > p->n ? a->n - p->n : 0;
    if (extra && !p->varargs)
        return eng_jn_fail(r, SK_E_INVALID, "macro '%.*s' takes not more than %zu argument(s)",
                           (int)n->name->n, n->name->p, p->n);
    if (!p->varargs) return SK_OK;
    sk_status st = eng_jn_seq_new(r, JN_TUPLE, extra, &v);
    if (!st && extra) memcpy(v.u.seq->v, a->v + p->n, extra * sizeof *a->v);
    return st ? st : set_special(r, &varargs, v);
}

/* varargs, kwargs and caller, and the refusal of what nobody takes.  caller comes first, so that
 * its keyword counts as used. */
static sk_status bind_rest(jn_run *r, const jn_node *n, const jn_args *a, bool *used)
{
    sk_status st = n->params->caller ? bind_caller(r, a, used) : SK_OK;
    if (!st) st = bind_kwargs(r, n, a, used);
    return st ? st : bind_varargs(r, n, a);
}

/* The body runs in a scope inside the one the macro stands in, not the caller's. */
sk_status eng_jn_macro_call(jn_run *r, const jn_macro *m, const jn_args *a, jn_val *out)
{
    const jn_node *n = m->node;
    jn_scope *outer = r->scope;
    bool *used = jn_new_n(&r->mem, bool, a->n_kw + 1);
    r->scope = used ? eng_jn_scope_new(r, m->scope) : NULL;
    sk_status st = r->scope ? SK_OK : eng_jn_oom(r);
    for (size_t i = 0; i < n->params->n && !st; i++)
        st = bind_param(r, n->params, i, a, used);
    if (!st) st = bind_rest(r, n, a, used);
    if (!st) st = eng_jn_capture(r, n->body, out);
    r->scope = outer;
    return st;
}
