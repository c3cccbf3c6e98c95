/* jinja_case.c - rendering a template with variables written as JSON. */
#include "tests/unit/jinja_case.h"

#include "tests/unit/unit.h"

enum { MAX_VARS = 100, NOW = 1741964966 };

/* The members of obj as variables; later ones of a name replace earlier ones in the template. */
static void collect(json_t *obj, eng_jinja_input *in, eng_jinja_var *var)
{
    const char *key;
    json_t *value;
    if (!obj) return;
    json_object_foreach(obj, key, value)
    {
        assert_true(in->n_var < MAX_VARS);
        var[in->n_var++] =
            (eng_jinja_var){.name = key, .value = value, .message = !eng_jinja_is_own(key)};
    }
}

sk_status jinja_render(const char *template, size_t n, json_t *vars, json_t *more,
                       const eng_jinja_limits *limits, eng_jinja_text *out, sk_err *e)
{
    eng_jinja_var var[MAX_VARS];
    eng_jinja_input in = {.var = var, .now = NOW, .utc = true};
    eng_jinja *t = NULL;
    if (limits) in.limits = *limits;
    collect(vars, &in, var);
    collect(more, &in, var);
    sk_status st = eng_jinja_compile(template, n, &t, e);
    if (!st) st = eng_jinja_render(t, &in, out, e);
    eng_jinja_free(t);
    return st;
}

sk_status jinja_render_text(const char *template, const char *vars, const eng_jinja_limits *limits,
                            eng_jinja_text *out, sk_err *e)
{
    json_t *v = NULL;
    sk_status st = vars ? sk_json_parse(vars, strlen(vars), 500, &v, e) : SK_OK;
    if (!st) st = jinja_render(template, strlen(template), v, NULL, limits, out, e);
    json_decref(v);
    return st;
}
