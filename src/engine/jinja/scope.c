/* scope.c - variables. */
#include "engine/jinja/scope.h"

/* Empty; variables come when they are set. */
jn_scope *eng_jn_scope_new(jn_run *r, jn_scope *up)
{
    jn_scope *s = jn_new(&r->mem, jn_scope);
    if (s) s->up = up;
    return s;
}

/* Replaces a variable of that name in this scope only. */
sk_status eng_jn_scope_set(jn_run *r, jn_scope *s, jn_str *name, jn_val v)
{
    jn_var *var = s->var;
    while (var && var->name != name)
        var = var->next;
    if (!var) {
        var = jn_new(&r->mem, jn_var);
        if (!var) return eng_jn_oom(r);
        var->name = name;
        var->next = s->var;
        s->var = var;
    }
    var->v = v;
    return SK_OK;
}

/* From the inside out; the search counts as steps. r->steps is only added to; the next
 * eng_jn_step tells.  A variable that is JN_UNSET belonged to the pass before: the search goes
 * on outwards. */
const jn_val *eng_jn_scope_get(jn_run *r, const jn_scope *s, const jn_str *name)
{
    for (; s; s = s->up)
        for (const jn_var *var = s->var; var; var = var->next) {
            r->steps++;
            if (var->name == name && var->v.type != JN_UNSET) return &var->v;
        }
    return NULL;
}

/* Saves a scope and its variables each pass. */
jn_scope *eng_jn_scope_again(jn_run *r, jn_scope *s)
{
    if (s->kept) return eng_jn_scope_new(r, s->up);
    for (jn_var *var = s->var; var; var = var->next)
        var->v.type = JN_UNSET;
    return s;
}
