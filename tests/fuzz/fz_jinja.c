/* fz_jinja.c - a template and, behind the first NUL, variables as JSON: no crash, bounded work, and
 * what is rendered is UTF-8 whose spans make it up. */
#include "base/json.h"
#include "base/mem.h"
#include "engine/jinja/jinja.h"
#include "tests/fuzz/promise.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const eng_jinja_text *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n_span; i++) {
        must(t->span[i].n > 0 && (!i || t->span[i].message != t->span[i - 1].message));
        n += t->span[i].n;
    }
    must(n == t->text.len && sk_utf8_valid(t->text.p, t->text.len));
}

/* Bounds of a rendering: values may take 4 MiB, the result 1 MiB. */
enum { MOST_VALUES = 4 << 20, MOST_OUTPUT = 1 << 20 };

/* Renders with the members of vars and a few of our own. */
static void render(const eng_jinja *t, json_t *vars)
{
    eng_jinja_var var[16];
    eng_jinja_input in = {.var = var,
                          .now = 1741964966,
                          .utc = true,
                          .limits = {100000, MOST_VALUES, MOST_OUTPUT, 200}};
    eng_jinja_text text = {SK_BUF_INIT, NULL, 0};
    sk_err e = SK_ERR_INIT;
    const char *key;
    json_t *value;
    json_object_foreach(vars, key, value) if (in.n_var < 16) var[in.n_var++] =
        (eng_jinja_var){.name = key, .value = value, .message = !eng_jinja_is_own(key)};
    fuzz_watch_begin();
    sk_status st = eng_jinja_render(t, &in, &text, &e);
    fuzz_watch_end(MOST_VALUES / 2, MOST_VALUES + 2 * MOST_OUTPUT);
    if (st)
        must(e.status != SK_OK && e.text[0] && sk_utf8_valid(e.text, strlen(e.text)));
    else
        check_text(&text);
    eng_jinja_text_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *p = (const char *)data, *nul = memchr(p, 0, size);
    size_t n = nul ? (size_t)(nul - p) : size;
    sk_err e = SK_ERR_INIT;
    eng_jinja *t = NULL;
    json_t *vars = NULL;
    static const char own[] =
        "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi <|x|>\\n\"},"
        "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{}]}],"
        "\"s\":\"a\\u00e9\\n b\",\"l\":[3,1.5,\"x\"],\"d\":{\"b\":1,\"a\":[]},"
        "\"n\":5,\"bos_token\":\"<s>\",\"add_generation_prompt\":true}";
    fuzz_watch_begin();
    sk_status st = eng_jinja_compile(p, n, &t, &e);
    fuzz_watch_end(n, (1 << 20) + 1024 * n);
    if (st) {
        must(e.status != SK_OK && e.text[0] && sk_utf8_valid(e.text, strlen(e.text)));
        return 0;
    }
    if (nul && sk_json_parse(nul + 1, size - n - 1, 64, &vars, &e)) vars = NULL;
    if (!vars) must(sk_json_parse(own, strlen(own), 64, &vars, &e) == SK_OK);
    render(t, vars);
    json_decref(vars);
    eng_jinja_free(t);
    return 0;
}
