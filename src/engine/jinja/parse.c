/* parse.c - statements, and what the parser stands on: tokens, nodes, names.
 *
 * Statements are found by their name in one table; a name that jinja2 knows and this engine
 * lacks is in it too, so that the sentence says "not supported" and not "unknown".  Tokens are
 * read through p->tok, which only moves forward.
 */
#include "engine/jinja/parser.h"
#include "engine/jinja/str.h"

#include <assert.h>
#include <string.h>

/* Levels of blocks and brackets.  A level of an expression costs some ten C frames, so 150 of
 * them stay well within the smallest stack a thread of the server has. */
enum { MAX_NESTING = 150 };

/* ---- tokens ---- */

/* Operators are compared as text: there are few, and the token keeps its spelling for messages. */
bool eng_jn_is_op(const jn_parser *p, const char *op)
{
    size_t n = strlen(op);
    return p->tok->type == JT_OP && p->tok->n == n && memcmp(p->tok->p, op, n) == 0;
}

/* Keywords are names. */
bool eng_jn_is_name(const jn_parser *p, const char *name)
{
    size_t n = strlen(name);
    return p->tok->type == JT_NAME && p->tok->n == n && memcmp(p->tok->p, name, n) == 0;
}

/* True when it was there. */
bool eng_jn_skip_op(jn_parser *p, const char *op)
{
    bool yes = eng_jn_is_op(p, op);
    p->tok += yes;
    return yes;
}

/* True when it was there. */
bool eng_jn_skip_name(jn_parser *p, const char *name)
{
    bool yes = eng_jn_is_name(p, name);
    p->tok += yes;
    return yes;
}

/* Names and operators are quoted (40 bytes at most), other tokens named by their kind. */
sk_status(eng_jn_unexpected)(jn_parser *p, const char *what)
{
    const jn_tok *t = p->tok;
    p->r->line = t->line;
    static const char *const kind[] = {
        [JT_EOF] = "the end",        [JT_DATA] = "text",
        [JT_VAR_BEGIN] = "\"{{\"",   [JT_VAR_END] = "the end of the tag",
        [JT_BLOCK_BEGIN] = "\"{%\"", [JT_BLOCK_END] = "the end of the tag",
        [JT_STRING] = "a string",    [JT_NAME] = "a name",
        [JT_OP] = "an operator",     [JT_INT] = "a number",
        [JT_FLOAT] = "a number"};
    char text[64] = "";
    if (t->type == JT_NAME || t->type == JT_OP) {
        size_t n = t->n < 40 ? t->n : 40;
        text[0] = '\'';
        memcpy(text + 1, t->p, n);
        text[n + 1] = '\'';
    }
    return eng_jn_fail(p->r, SK_E_FORMAT, "%s%sunexpected %s", what ? what : "",
                       what ? " is expected here: " : "", text[0] ? text : kind[t->type]);
}

/* The error names what is missing and what is there. */
sk_status eng_jn_want_op(jn_parser *p, const char *op)
{
    char what[8] = "'";
    if (eng_jn_skip_op(p, op)) return SK_OK;
    memcpy(what + 1, op, strlen(op));
    what[1 + strlen(op)] = '\'';
    return eng_jn_unexpected(p, what);
}

/* Takes the end of a "{% ... %}". */
static sk_status want_end(jn_parser *p)
{
    if (p->tok->type != JT_BLOCK_END) return eng_jn_unexpected(p, "\"%}\"");
    p->tok++;
    return SK_OK;
}

/* ---- nodes, lists, names ---- */

/* Cleared, so that fields a kind does not use are NULL. */
jn_node *eng_jn_node(jn_parser *p, jn_kind kind)
{
    jn_node *n = jn_new(&p->r->mem, jn_node);
    if (!n) return NULL;
    n->kind = (uint8_t)kind;
    n->line = p->tok->line;
    return n;
}

/* Doubles its room. */
sk_status eng_jn_list_add(jn_parser *p, jn_list *l, jn_node *n)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 4;
        jn_node **v = jn_new_n(&p->r->mem, jn_node *, cap);
        if (!v) return eng_jn_oom(p->r);
        if (l->n) memcpy(v, l->v, l->n * sizeof *v);
        l->v = v;
        l->cap = cap;
    }
    l->v[l->n++] = n;
    return SK_OK;
}

/* Templates have few names, so that a list will do; the steps of the search are counted. */
sk_status eng_jn_intern(jn_parser *p, const char *s, size_t n, jn_str **out)
{
    jn_names *t = &p->names;
    for (size_t i = 0; i < t->n; i++)
        if (t->name[i]->n == n && memcmp(t->name[i]->p, s, n) == 0) {
            *out = t->name[i];
            return eng_jn_step(p->r, i / 8);
        }
    if (t->n == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 64;
        jn_str **v = jn_new_n(&p->r->mem, jn_str *, cap);
        if (!v) return eng_jn_oom(p->r);
        if (t->n) memcpy(v, t->name, t->n * sizeof *v);
        t->name = v;
        t->cap = cap;
    }
    jn_str *name = eng_jn_str_view(p->r, s, n, JN_TEMPLATE);
    if (!name) return eng_jn_oom(p->r);
    t->name[t->n++] = name;
    *out = name;
    return eng_jn_step(p->r, t->n / 8);
}

/* ---- statements ---- */

static sk_status parse_body(jn_parser *p, const char *const *end, jn_node **out);

/* The body of a block: the tag's end, then statements up to one of the names in `end`
 * (NULL-terminated), which becomes the current token.  A colon behind the head is allowed, as
 * jinja2 has it for people who write Python. */
static sk_status parse_block(jn_parser *p, const char *const *end, jn_node **out)
{
    (void)eng_jn_skip_op(p, ":");
    sk_status st = want_end(p);
    return st ? st : parse_body(p, end, out);
}

/* The same with one end, which is taken. */
static sk_status parse_block_to(jn_parser *p, const char *end, jn_node **out)
{
    const char *const ends[] = {end, NULL};
    sk_status st = parse_block(p, ends, out);
    if (!st) p->tok++;
    return st;
}

/* An elif becomes an if in the else branch. p->soft is jinja2's "soft frame", raised over
 * condition and branches alike.  Recursion is by elif, hence the level. */
static sk_status parse_if(jn_parser *p, jn_node *n)
{
    static const char *const ends[] = {"elif", "else", "endif", NULL};
    n->kind = JK_IF;
    p->soft++;
    sk_status st = eng_jn_parse_tuple(p, false, NULL, &n->a);
    if (!st) st = parse_block(p, ends, &n->b);
    if (!st && eng_jn_skip_name(p, "elif")) {
        n->c = eng_jn_node(p, JK_IF);
        st = n->c ? eng_jn_enter(p->r) : eng_jn_oom(p->r);
        if (!st) {
            st = parse_if(p, n->c);
            eng_jn_leave(p->r);
        }
    } else if (!st && eng_jn_skip_name(p, "else")) {
        st = parse_block_to(p, "endif", &n->c);
    } else if (!st) {
        p->tok++;
    }
    p->soft--;
    return st;
}

/* The list has no inline if, since an if there is the loop's condition.  The body may break and
 * continue; the else branch, run when there was no item, may not, hence p->loops only around the
 * body. */
static sk_status parse_for(jn_parser *p, jn_node *n)
{
    static const char *const ends[] = {"endfor", "else", NULL};
    n->kind = JK_FOR;
    sk_status st = eng_jn_intern(p, "loop", 4, &n->name);
    if (!st) st = eng_jn_parse_target(p, false, "in", &n->a);
    if (!st && !eng_jn_skip_name(p, "in")) st = eng_jn_unexpected(p, "'in'");
    if (!st) st = eng_jn_parse_tuple(p, false, "recursive", &n->b);
    if (!st && eng_jn_skip_name(p, "if")) st = eng_jn_parse_expr(p, true, &n->c);
    n->flag = !st && eng_jn_skip_name(p, "recursive");
    p->loops++;
    if (!st) st = parse_block(p, ends, &n->body);
    p->loops--;
    if (st) return st;
    if (!eng_jn_skip_name(p, "else")) {
        p->tok++;
        return SK_OK;
    }
    return parse_block_to(p, "endfor", &n->other);
}

/* "=" makes the difference between the two forms. */
static sk_status parse_set(jn_parser *p, jn_node *n)
{
    sk_status st = eng_jn_parse_target(p, true, NULL, &n->a);
    if (st) return st;
    if (eng_jn_skip_op(p, "=")) {
        n->kind = JK_SET;
        return eng_jn_parse_tuple(p, true, NULL, &n->b);
    }
    n->kind = JK_SETBLOCK;
    if (eng_jn_skip_op(p, "|")) st = eng_jn_parse_filters(p, NULL, &n->b);
    return st ? st : parse_block_to(p, "endset", &n->body);
}

/* One parameter, "a" or "a=1"; *dflt is true once one had a default, as all behind it must then. */
static sk_status parse_param(jn_parser *p, bool *dflt, jn_node **out)
{
    jn_node *n = eng_jn_node(p, JK_NAME);
    if (!n) return eng_jn_oom(p->r);
    if (p->tok->type != JT_NAME) return eng_jn_unexpected(p, "the name of a parameter");
    sk_status st = eng_jn_intern(p, p->tok->p, p->tok->n, &n->name);
    p->tok++;
    if (st) return st;
    *out = n;
    if (eng_jn_skip_op(p, "=")) {
        *dflt = true;
        return eng_jn_parse_expr(p, true, &n->a);
    }
    return *dflt ? eng_jn_unexpected(p, "a default value") : SK_OK;
}

/* "(a, b=1)" of a macro or a call block. */
static sk_status parse_params(jn_parser *p, jn_params *m)
{
    jn_list l = {NULL, 0, 0};
    sk_status st = eng_jn_want_op(p, "(");
    bool dflt = false;
    while (!st && !eng_jn_is_op(p, ")")) {
        jn_node *n = NULL;
        if (l.n) st = eng_jn_want_op(p, ",");
        if (!st) st = parse_param(p, &dflt, &n);
        if (!st) st = eng_jn_list_add(p, &l, n);
    }
    if (st) return st;
    p->tok++;
    m->n = l.n;
    m->name = jn_new_n(&p->r->mem, jn_str *, l.n + 1);
    m->deflt = jn_new_n(&p->r->mem, jn_node *, l.n + 1);
    if (!m->name || !m->deflt) return eng_jn_oom(p->r);
    for (size_t i = 0; i < l.n; i++) {
        m->name[i] = l.v[i]->name;
        m->deflt[i] = l.v[i]->a;
    }
    return SK_OK;
}

/* The body of a macro up to `end`, with the special variables it reads noted. p->loops starts at
 * 0 in it: a break in a macro cannot end a loop at the place it is called from.  A parameter of
 * the name "caller", "varargs" or "kwargs" takes the special meaning away. */
static sk_status parse_macro_body(jn_parser *p, jn_node *n, const char *end)
{
    jn_params *outer = p->macro;
    int loops = p->loops;
    p->macro = n->params;
    p->loops = 0;
    sk_status st = parse_block_to(p, end, &n->body);
    p->macro = outer;
    p->loops = loops;
    for (size_t i = 0; !st && i < n->params->n; i++) {
        jn_params *m = n->params;
        m->caller &= !eng_jn_str_is(m->name[i], "caller");
        m->varargs &= !eng_jn_str_is(m->name[i], "varargs");
        m->kwargs &= !eng_jn_str_is(m->name[i], "kwargs");
    }
    return st;
}

/* Defaults are expressions, evaluated at each call. */
static sk_status parse_macro(jn_parser *p, jn_node *n)
{
    n->kind = JK_MACRO;
    n->params = jn_new(&p->r->mem, jn_params);
    if (!n->params) return eng_jn_oom(p->r);
    if (p->tok->type != JT_NAME) return eng_jn_unexpected(p, "the name of the macro");
    sk_status st = eng_jn_intern(p, p->tok->p, p->tok->n, &n->name);
    p->tok++;
    if (!st) st = parse_params(p, n->params);
    return st ? st : parse_macro_body(p, n, "endmacro");
}

/* The body becomes a macro without a name of its own.  {% call(user) list(users) %}...{% endcall
 * %}: the parameters in front are the block's, not the call's. */
static sk_status parse_call_block(jn_parser *p, jn_node *n)
{
    n->kind = JK_CALLBLOCK;
    n->b = eng_jn_node(p, JK_MACRO);
    jn_params *params = jn_new(&p->r->mem, jn_params);
    if (!n->b || !params) return eng_jn_oom(p->r);
    n->b->params = params;
    sk_status st = eng_jn_intern(p, "caller", 6, &n->b->name);
    if (!st && eng_jn_is_op(p, "(")) st = parse_params(p, params);
    if (!st) st = eng_jn_parse_expr(p, true, &n->a);
    if (!st && n->a->kind != JK_CALL) return eng_jn_unexpected(p, "a call");
    return st ? st : parse_macro_body(p, n->b, "endcall");
}

/* The filters have no operand: the block's text is theirs. */
static sk_status parse_filter_block(jn_parser *p, jn_node *n)
{
    n->kind = JK_FILTERBLOCK;
    sk_status st = eng_jn_parse_filters(p, NULL, &n->a);
    return st ? st : parse_block_to(p, "endfilter", &n->body);
}

/* One "name = value" of a with block: two nodes more in the list. */
static sk_status parse_binding(jn_parser *p, jn_list *l)
{
    if (p->tok->type != JT_NAME) return eng_jn_unexpected(p, "a name");
    jn_node *x = eng_jn_node(p, JK_NAME);
    if (!x) return eng_jn_oom(p->r);
    sk_status st = eng_jn_intern(p, p->tok->p, p->tok->n, &x->name);
    p->tok++;
    if (!st) st = eng_jn_list_add(p, l, x);
    if (!st) st = eng_jn_want_op(p, "=");
    if (!st) st = eng_jn_parse_expr(p, true, &x);
    return st ? st : eng_jn_list_add(p, l, x);
}

/* Names and values in turn.  All values are evaluated in the scope outside (exec_with), so a later
 * one does not see an earlier name. */
static sk_status parse_with(jn_parser *p, jn_node *n)
{
    jn_list l = {NULL, 0, 0};
    n->kind = JK_WITH;
    while (p->tok->type != JT_BLOCK_END) {
        sk_status st = l.n ? eng_jn_want_op(p, ",") : SK_OK;
        if (!st && p->tok->type == JT_BLOCK_END) break;
        if (!st) st = parse_binding(p, &l);
        if (st) return st;
    }
    n->list = l.v;
    n->n = l.n;
    return parse_block_to(p, "endwith", &n->body);
}

/* transformers marks the assistant's text with it for training; here it only groups. */
static sk_status parse_generation(jn_parser *p, jn_node *n)
{
    n->kind = JK_SCOPE;
    return parse_block_to(p, "endgeneration", &n->body);
}

/* break and continue need a loop around them. */
static sk_status parse_jump(jn_parser *p)
{
    if (p->loops) return SK_OK;
    p->tok--;
    return eng_jn_unexpected(p, "a loop");
}

/* break */
static sk_status parse_break(jn_parser *p, jn_node *n)
{
    n->kind = JK_BREAK;
    return parse_jump(p);
}

/* continue */
static sk_status parse_continue(jn_parser *p, jn_node *n)
{
    n->kind = JK_CONTINUE;
    return parse_jump(p);
}

/* The statements; those without a function are known and not supported. */
static const struct {
    const char *name;
    sk_status (*parse)(jn_parser *p, jn_node *n);
} statements[] = {
    {"if", parse_if},
    {"for", parse_for},
    {"set", parse_set},
    {"macro", parse_macro},
    {"call", parse_call_block},
    {"filter", parse_filter_block},
    {"with", parse_with},
    {"generation", parse_generation},
    {"break", parse_break},
    {"continue", parse_continue},
    {"include", NULL},
    {"import", NULL},
    {"from", NULL},
    {"extends", NULL},
    {"block", NULL},
    {"autoescape", NULL},
    {"do", NULL},
    {"print", NULL},
    {"trans", NULL},
    {"debug", NULL},
};

/* A statement behind "{%": its name is the current token. */
static sk_status parse_statement(jn_parser *p, jn_node **out)
{
    if (p->tok->type != JT_NAME) return eng_jn_unexpected(p, "the name of a statement");
    p->r->line = p->tok->line;
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        if (!eng_jn_is_name(p, statements[i].name)) continue;
        if (!statements[i].parse)
            return eng_jn_fail(p->r, SK_E_UNSUPPORTED, "the statement '%s' is not supported",
                               statements[i].name);
        jn_node *n = eng_jn_node(p, JK_IF);
        sk_status st = n ? eng_jn_enter(p->r) : eng_jn_oom(p->r);
        if (st) return st;
        p->tok++;
        st = statements[i].parse(p, n);
        eng_jn_leave(p->r);
        if (st) return st;
        *out = n;
        return want_end(p);
    }
    return eng_jn_fail(p->r, SK_E_FORMAT, "unknown statement '%.*s'",
                       (int)(p->tok->n < 40 ? p->tok->n : 40), p->tok->p);
}

/* Text between tags. */
static sk_status parse_data(jn_parser *p, jn_node **out)
{
    jn_node *n = eng_jn_node(p, JK_DATA);
    jn_str *s = n ? eng_jn_str_view(p->r, p->tok->p, p->tok->n, JN_TEMPLATE) : NULL;
    if (!s) return eng_jn_oom(p->r);
    n->val = jn_of_str(s);
    p->tok++;
    *out = n;
    return SK_OK;
}

/* "{{ expression }}", "{{" having been seen. */
static sk_status parse_print(jn_parser *p, jn_node **out)
{
    jn_node *n = eng_jn_node(p, JK_PRINT);
    if (!n) return eng_jn_oom(p->r);
    p->tok++;
    sk_status st = eng_jn_parse_tuple(p, true, NULL, &n->a);
    if (!st && p->tok->type != JT_VAR_END) return eng_jn_unexpected(p, "\"}}\"");
    p->tok++;
    *out = n;
    return st;
}

/* True when the current token is one of the names. */
static bool at_end(const jn_parser *p, const char *const *end)
{
    for (size_t i = 0; end && end[i]; i++)
        if (eng_jn_is_name(p, end[i])) return true;
    return false;
}

/* Without `end` up to the end of the template.  Statements hang on each other by `next`, so that
 * a list costs no array and no recursion. */
static sk_status parse_body(jn_parser *p, const char *const *end, jn_node **out)
{
    jn_node **tail = out;
    *out = NULL;
    for (;;) {
        sk_status st;
        jn_node *n = NULL;
        if (p->tok->type == JT_EOF) break;
        if (p->tok->type == JT_DATA) {
            st = parse_data(p, &n);
        } else if (p->tok->type == JT_VAR_BEGIN) {
            st = parse_print(p, &n);
        } else {
            assert(p->tok->type == JT_BLOCK_BEGIN);
            p->tok++;
            if (at_end(p, end)) return SK_OK;
            st = parse_statement(p, &n);
        }
        if (st) return st;
        *tail = n;
        tail = &n->next;
    }
    if (!end) return SK_OK;
    char what[32] = "'";
    memcpy(what + 1, end[0], strlen(end[0]));
    what[1 + strlen(end[0])] = '\'';
    return eng_jn_unexpected(p, what);
}

/* An unknown filter or test that will be reached. */
static sk_status refuse_unknown(jn_parser *p)
{
    const jn_node *n = p->unknown;
    p->r->line = n->line;
    return eng_jn_fail(p->r, SK_E_UNSUPPORTED, "the %s '%.*s' is not supported",
                       n->kind == JK_FILTER ? "filter" : "test",
                       (int)(n->name->n < 40 ? n->name->n : 40), n->name->p);
}

/* Lexes, parses and checks that what must be known is. */
sk_status eng_jn_parse(jn_run *r, const char *text, size_t n, jn_program *out)
{
    jn_tok *tok = NULL;
    r->max_depth = MAX_NESTING;
    sk_status st = eng_jn_lex(r, text, n, &tok);
    jn_parser p = {.r = r, .tok = tok};
    if (!st) st = parse_body(&p, NULL, &out->body);
    if (!st && p.unknown) st = refuse_unknown(&p);
    out->names = p.names;
    return st;
}
