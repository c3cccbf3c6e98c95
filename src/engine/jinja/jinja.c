/* jinja.c - the door: compile, render, free. */
#include "engine/jinja/jinja.h"

#include "base/clock.h"
#include "engine/jinja/ast.h"
#include "engine/jinja/convert.h"
#include "engine/jinja/eval.h"
#include "engine/jinja/scope.h"
#include "engine/jinja/str.h"

#include <assert.h>
#include <string.h>

struct eng_jinja {
    jn_mem mem; /* the program's text, nodes and names */
    jn_program program;
};

enum { MIB = 1 << 20 };

/* ---- compiling ---- */

/* Memory and steps of compiling: a small multiple of the text. 1000 steps a byte is far more
 * than any template needs and little enough for a hostile one. */
static jn_run compile_run(jn_mem mem, size_t n, sk_err *e)
{
    return (jn_run){.mem = mem, .e = e, .line = 1, .max_steps = 1000 * (uint64_t)n + 1000000};
}

/* The program's memory is bounded by the text's length: nodes take at most a few hundred bytes. */
sk_status eng_jinja_compile(const char *text, size_t n, eng_jinja **out, sk_err *e)
{
    enum { MAX_TEXT = 8 * MIB };
    if (n > MAX_TEXT)
        return sk_fail(e, SK_E_TOOBIG, "the chat template has %zu bytes, more than %d", n,
                       MAX_TEXT);
    if (!sk_utf8_valid(text, n))
        return sk_fail(e, SK_E_FORMAT, "the chat template is not valid UTF-8");
    eng_jinja *t = sk_calloc(SK_MEM_REQUEST, 1, sizeof *t);
    if (!t || !eng_jn_mem_init(&t->mem, MIB + 1024 * (uint64_t)n)) {
        sk_free(t);
        return sk_fail(e, SK_E_NOMEM, "no memory for the chat template");
    }
    jn_run r = compile_run(t->mem, n, e);
    sk_status st = eng_jn_parse(&r, text, n, &t->program);
    t->mem = r.mem;
    if (st) {
        eng_jinja_free(t);
        return st;
    }
    *out = t;
    return SK_OK;
}

/* All lies in one pool. */
void eng_jinja_free(eng_jinja *t)
{
    if (!t) return;
    eng_jn_mem_fini(&t->mem);
    sk_free(t);
}

/* The program's name of that spelling, NULL if it has none. */
static jn_str *name_of(const eng_jinja *t, const char *name)
{
    for (size_t i = 0; i < t->program.names.n; i++)
        if (eng_jn_str_is(t->program.names.name[i], name)) return t->program.names.name[i];
    return NULL;
}

/* Names as transformers passes them. */
bool eng_jinja_is_own(const char *name)
{
    static const char *const own[] = {
        "bos_token", "eos_token", "unk_token",  "pad_token",
        "sep_token", "cls_token", "mask_token", "add_generation_prompt"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (strcmp(own[i], name) == 0) return true;
    return false;
}

/* ---- rendering ---- */

/* Bytes of text in a value, to give a rendering memory in proportion.  Bounded depth: what is
 * deeper is refused later. 16 bytes a value stand for what a dict or list costs beyond its text. */
static size_t text_bytes(json_t *v, int depth)
{
    size_t n = 16, i;
    const char *key;
    json_t *item;
    if (depth == 0) return n;
    if (json_is_string(v)) n += json_string_length(v);
    if (json_is_array(v)) json_array_foreach(v, i, item) n += text_bytes(item, depth - 1);
    if (json_is_object(v))
        json_object_foreach(v, key, item) n += strlen(key) + text_bytes(item, depth - 1);
    return n;
}

/* The same for a variable. */
static size_t var_bytes(const eng_jinja_var *v)
{
    enum { TEXT_DEPTH = 100 };
    size_t n = v->value ? text_bytes(v->value, TEXT_DEPTH) : v->n_text;
    for (size_t i = 0; i < v->n_msg; i++)
        n += v->msg[i].n + 32;
    return n;
}

/* Limits not given are the defaults that jinja.h states. */
static jn_run render_run(const eng_jinja *t, const eng_jinja_input *in, sk_err *e)
{
    enum { STEPS = 20000000, DEPTH = 600 };
    const eng_jinja_limits *l = &in->limits;
    return (jn_run){
        .e = e,
        .line = 1,
        .max_depth = l->max_depth ? l->max_depth : DEPTH,
        .max_steps = l->max_steps ? l->max_steps : STEPS,
        .max_output = l->max_output ? l->max_output : 64 * (uint64_t)MIB,
        .names = &t->program.names,
        .now = in->now < 0 ? sk_unix_s() : in->now,
        .utc = in->utc,
    };
}

/* The variables that the template mentions.  Others would only cost memory: a long list of tools
 * that the template never looks at is not converted. */
static sk_status set_vars(jn_run *r, const eng_jinja *t, const eng_jinja_input *in)
{
    sk_status st = SK_OK;
    for (size_t i = 0; i < in->n_var && !st; i++) {
        const eng_jinja_var *var = &in->var[i];
        jn_str *name = name_of(t, var->name);
        jn_val v = jn_none();
        if (!name) continue;
        st = eng_jn_from_var(r, var, &v);
        if (!st) st = eng_jn_scope_set(r, r->scope, name, v);
    }
    return st;
}

/* Number of runs of one mark in g. */
static size_t count_spans(const jn_grow *g)
{
    size_t n = g->used > 0;
    for (size_t i = 1; g->mk && i < g->used; i++)
        n += g->mk[i] != g->mk[i - 1];
    return n;
}

/* The built text and its spans into out.  Out of the pool into memory of the caller's kind;
 * neighbouring bytes of one origin become one span.  Text whose origin changes with every byte has
 * sixteen times its bytes of spans, so they count like values. */
static sk_status take_text(jn_run *r, const jn_sb *b, eng_jinja_text *out, sk_err *e)
{
    const jn_grow *g = &b->g;
    size_t n = count_spans(g), k = 0;
    if (!eng_jn_mem_charge(&r->mem, (n + 1) * sizeof *out->span)) return eng_jn_oom(r);
    out->span = sk_calloc(SK_MEM_REQUEST, n + 1, sizeof *out->span);
    sk_buf_add(&out->text, g->used ? g->p : "", g->used);
    if (!out->span || !sk_buf_ok(&out->text))
        return sk_fail(e, SK_E_NOMEM, "no memory for the rendered chat template");
    for (size_t i = 0, from = 0; i < g->used; i++) {
        bool ends = i + 1 == g->used || (g->mk && g->mk[i + 1] != g->mk[i]);
        if (!ends) continue;
        bool message = (g->mk ? g->mk[i] : b->mark) == JN_MESSAGE;
        out->span[k++] = (eng_jinja_span){i + 1 - from, message};
        from = i + 1;
    }
    assert(k == n);
    out->n_span = n;
    return SK_OK;
}

/* One pool for all values, freed at the end; the text is copied out of it. */
sk_status eng_jinja_render(const eng_jinja *t, const eng_jinja_input *in, eng_jinja_text *out,
                           sk_err *e)
{
    jn_sb b;
    eng_jinja_text_fini(out);
    jn_run r = render_run(t, in, e);
    uint64_t max = in->limits.max_bytes;
    for (size_t i = 0; !in->limits.max_bytes && i < in->n_var; i++)
        max += var_bytes(&in->var[i]) * 64;
    if (!in->limits.max_bytes) max += 64 * (uint64_t)MIB;
    if (!eng_jn_mem_init(&r.mem, max)) return sk_fail(e, SK_E_NOMEM, "no memory to render with");
    eng_jn_sb_init(&b, &r);
    b.max = r.max_output;
    r.out = &b;
    r.scope = eng_jn_scope_new(&r, NULL);
    sk_status st = r.scope ? set_vars(&r, t, in) : eng_jn_oom(&r);
    if (!st) st = eng_jn_exec(&r, t->program.body);
    if (!st) st = b.st;
    if (!st) st = take_text(&r, &b, out, e);
    if (st) eng_jinja_text_fini(out);
    eng_jn_mem_fini(&r.mem);
    return st;
}

/* Ready to be rendered into again. */
void eng_jinja_text_fini(eng_jinja_text *t)
{
    sk_buf_fini(&t->text);
    sk_free(t->span);
    *t = (eng_jinja_text){SK_BUF_INIT, NULL, 0};
}
