/* cmd_template.c - stoke template: a chat template rendered with given variables. */
#include "base/file.h"
#include "base/json.h"
#include "cli/cmd.h"
#include "cli/verbs.h"
#include "engine/engine.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

typedef struct template_opts {
    cmd_common common;
    const char *vars, *now;
    bool spans, json;
} template_opts;

static const sk_opt rows[] = {
    {"vars", 'v', SK_OPT_STRING, "FILE", NULL, "a JSON object of variables; - is stdin",
     offsetof(template_opts, vars), 0, 0, false, SK_COMPLETE_FILE, NULL},
    CMD_ROW(template_opts, "now", 0, SK_OPT_STRING, "TIME", NULL,
            "what strftime_now shows, as 2025-03-14T15:09:26; default: the clock", now, 0, NULL),
    CMD_ROW(template_opts, "spans", 0, SK_OPT_BOOL, NULL, NULL,
            "one line a piece: where it comes from, and its text", spans, 0, NULL),
    CMD_ROW(template_opts, "json", 0, SK_OPT_BOOL, NULL, NULL, "print one JSON object", json, 0,
            NULL),
    CMD_COMMON_ROWS(template_opts),
    {0},
};

enum { MAX_FILE = 64 << 20, MAX_VARS = 256, MAX_DEPTH = 200 };

/* A moment as people write it. */
static sk_status read_moment(const char *text, int64_t *out, sk_err *e)
{
    struct tm t = {.tm_isdst = 0};
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &t);
    if (!end || *end)
        return sk_fail(e, SK_E_USAGE, "the time \"%.40s\" is not of the form 2025-03-14T15:09:26",
                       text);
    *out = timegm(&t);
    return SK_OK;
}

/* The members of the object as variables.  A text strftime_now is the moment to show. */
static sk_status collect(json_t *obj, eng_jinja_var *var, eng_jinja_input *in, sk_err *e)
{
    const char *key;
    json_t *value;
    json_object_foreach(obj, key, value)
    {
        if (strcmp(key, "strftime_now") == 0 && json_is_string(value)) {
            sk_status st = read_moment(json_string_value(value), &in->now, e);
            if (st) return st;
            in->utc = true;
            continue;
        }
        if (in->n_var == MAX_VARS)
            return sk_fail(e, SK_E_TOOBIG, "there are more than %d variables", MAX_VARS);
        var[in->n_var++] =
            (eng_jinja_var){.name = key, .value = value, .message = !eng_jinja_is_own(key)};
    }
    return SK_OK;
}

/* One line a span, or all as JSON. */
static void write_spans(const eng_jinja_text *t, bool json, sk_buf *out)
{
    const char *p = t->text.p;
    if (json) {
        sk_buf_adds(out, "{\"text\":");
        sk_json_add_str(out, t->text.p, t->text.len);
        sk_buf_adds(out, ",\"spans\":[");
    }
    for (size_t i = 0; i < t->n_span; i++) {
        const char *from = t->span[i].message ? "message" : "template";
        if (json)
            sk_buf_addf(out, "%s{\"from\":\"%s\",\"text\":", i ? "," : "", from);
        else
            sk_buf_addf(out, "%-8s ", from);
        sk_json_add_str(out, p, t->span[i].n);
        sk_buf_adds(out, json ? "}" : "\n");
        p += t->span[i].n;
    }
    if (json) sk_buf_adds(out, "]}\n");
}

static sk_status render(const eng_jinja *t, const eng_jinja_input *in, const template_opts *o,
                        sk_err *e)
{
    eng_jinja_text text = {SK_BUF_INIT, NULL, 0};
    sk_buf out = SK_BUF_INIT;
    sk_status st = eng_jinja_render(t, in, &text, e);
    if (!st && (o->spans || o->json)) {
        write_spans(&text, o->json, &out);
        st = cmd_out_buf(&out, e);
    } else if (!st) {
        st = cmd_out(text.text.p, text.text.len, e);
    }
    eng_jinja_text_fini(&text);
    return st;
}

/* The JSON object in the file of --vars, NULL without one; to be released with json_decref. */
static sk_status load_vars(const char *path, json_t **out, sk_err *e)
{
    sk_buf b = SK_BUF_INIT;
    *out = NULL;
    if (!path) return SK_OK;
    sk_status st = sk_file_load(path, MAX_FILE, &b, e);
    if (!st) st = sk_json_parse(b.p, b.len, MAX_DEPTH, out, e);
    sk_buf_fini(&b);
    if (st) return sk_while(e, "%s", path);
    if (json_is_object(*out)) return SK_OK;
    return sk_fail(e, SK_E_INVALID, "%s: the variables must be one JSON object", path);
}

/* Reads the variables and renders. */
static sk_status with_vars(const eng_jinja *t, const template_opts *o, sk_err *e)
{
    eng_jinja_var var[MAX_VARS];
    eng_jinja_input in = {.var = var, .now = -1, .utc = o->now != NULL};
    json_t *vars = NULL;
    sk_status st = load_vars(o->vars, &vars, e);
    if (!st && vars) st = collect(vars, var, &in, e);
    if (!st && o->now) st = read_moment(o->now, &in.now, e);
    if (!st) st = render(t, &in, o, e);
    json_decref(vars);
    return st;
}

/* The verb. */
static sk_status template(int argc, char **argv, sk_err *e)
{
    template_opts o = {.vars = NULL};
    sk_opt_list args = {{NULL}, 0};
    bool done;
    sk_status st = cmd_parse(&cmd_template_verb, argc, argv, &o, &o.common, &args, &done, e);
    if (st || done) return st;
    sk_buf b = SK_BUF_INIT;
    eng_jinja *t = NULL;
    st = sk_file_load(args.item[0], MAX_FILE, &b, e);
    if (!st) {
        st = eng_jinja_compile(b.p, b.len, &t, e);
        if (st) (void)sk_while(e, "%s", args.item[0]);
    }
    if (!st) st = with_vars(t, &o, e);
    eng_jinja_free(t);
    sk_buf_fini(&b);
    return st;
}

const cmd_verb cmd_template_verb = {
    {"template", "render a chat template", "FILE", 1, 1,
     "Renders a chat template (Jinja, as models carry it in tokenizer.chat_template) with the "
     "variables of a JSON object, exactly as Python's jinja2 does in the environment of "
     "transformers, and prints the text.\n\n"
     "With --spans each piece of the text is shown with its origin: the template, or a message. "
     "Special tokens are read in template text only, so that nobody forges a turn by writing its "
     "marker.",
     "stoke template chat.jinja --vars vars.json\n  the prompt\n"
     "echo '{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}' | stoke template chat.jinja "
     "-v - --spans\n  where each piece comes from\n",
     rows},
    template};
