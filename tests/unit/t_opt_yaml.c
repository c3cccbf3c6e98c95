/* t_opt_yaml.c - flags given by a file: words, and every refusal with its line. */
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "base/opt_yaml.h"

#include <stdio.h>

/* What the table below fills. */
typedef struct conf {
    bool json, color;
    int64_t steps;
    double rate;
    const char *name, *kind;
    sk_opt_list data;
} conf;

static const sk_opt rows[] = {
    {"", 0, SK_OPT_BOOL, NULL, NULL, "input", 0},
    {"data", 'd', SK_OPT_LIST, "FILE", NULL, "texts", offsetof(conf, data)},
    {"steps", 'n', SK_OPT_INT, "N", "900", "steps", offsetof(conf, steps), 1, 1e6},
    {"rate", 'r', SK_OPT_FLOAT, "X", "0.5", "learning rate", offsetof(conf, rate), 0, 1},
    {"name", 0, SK_OPT_STRING, "S", NULL, "a name", offsetof(conf, name)},
    {"kind", 0, SK_OPT_STRING, "K", "f32", "format", offsetof(conf, kind),
     .complete = SK_COMPLETE_WORDS, .words = "f32 bf16"},
    {"json", 'j', SK_OPT_BOOL, NULL, "false", "print JSON", offsetof(conf, json)},
    {"color", 'c', SK_OPT_BOOL, NULL, "true", "use colours", offsetof(conf, color)},
    {0},
};

static const sk_opt_verb verb = {"train", "train a model", "", 0, 0, NULL, NULL, rows};

static sk_arena *mem;

/* The words of a document, with a verb's name in front for sk_opt_parse. */
static sk_status words_of(const char *text, sk_opt_list *words, sk_err *e)
{
    sk_yaml *y = NULL;
    words->n = 0;
    words->item[words->n++] = "train";
    sk_status st = sk_yaml_parse("c.yaml", text, strlen(text), &y, e);
    if (!st) st = sk_opt_words_of(&verb, y, sk_yaml_root(y), mem, words, e);
    sk_yaml_free(y);
    return st;
}

static void all_kinds(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_opt_list words;
    conf c = {0};
    bool help;
    assert_status_ok(words_of("data: [a.txt, -b, '']\nsteps: 5k\nrate: 4e-3\nname: 007\n"
                              "kind: bf16\njson: true\ncolor: false\n",
                              &words, &e),
                     e);
    assert_int_equal(words.n, 10);
    assert_string_equal(words.item[2], "--data=-b");
    assert_status_ok(
        sk_opt_parse(&verb, (int)words.n, (char **)(uintptr_t)words.item, &c, NULL, &help, &e), e);
    assert_int_equal(c.data.n, 3);
    assert_string_equal(c.data.item[1], "-b");
    assert_string_equal(c.data.item[2], "");
    assert_int_equal(c.steps, 5000);
    assert_true(c.rate == 4e-3);
    assert_string_equal(c.name, "007");
    assert_string_equal(c.kind, "bf16");
    assert_true(c.json && !c.color);
}

static void refused(const char *text, const char *part)
{
    sk_err e = SK_ERR_INIT;
    sk_opt_list words;
    assert_status(words_of(text, &words, &e), SK_E_USAGE, e, part);
    assert_int_equal(words_of(text, &words, NULL), SK_E_USAGE);
}

static void refusals(void **state)
{
    (void)state;
    refused("rate: 1\nstep: 3\n", "c.yaml:2: unknown flag step: did you mean steps?");
    refused("zzzzzz: 3\n", "c.yaml:1: unknown flag zzzzzz: see train --help");
    refused("'': 3\n", "c.yaml:1: unknown flag");
    refused("\n\nsteps: 0\n", "c.yaml:3: --steps must be from 1 to 1000000, it is 0");
    refused("steps: many\n", "c.yaml:1: --steps needs a whole number");
    refused("rate: yes\n", "c.yaml:1: --rate needs a number");
    refused("kind: f64\n", "c.yaml:1: --kind: 'f64' is not one of: f32 bf16");
    refused("json: yes\n", "c.yaml:1: json is true or false");
    refused("json: 1\n", "json is true or false");
    refused("name:\n", "c.yaml:1: name has no value");
    refused("name: [a]\n", "name takes one value, no list");
    refused("name: {a: b}\n", "name takes no list and no mapping here");
    refused("data: []\n", "data has no value");
    refused("data:\n  - a\n  - [b]\n", "c.yaml:3: data takes no list");
    refused("data:\n  - a\n  -\n", "c.yaml:3: data has no value");
}

static void too_many(void **state)
{
    (void)state;
    char text[4096] = "data: [x";
    for (int i = 0; i < 254; i++)
        memcpy(text + strlen(text), ", x", 4);
    sk_err e = SK_ERR_INIT;
    sk_opt_list words;
    memcpy(text + strlen(text), "]", 2);
    assert_status_ok(words_of(text, &words, &e), e);
    assert_int_equal(words.n, 256);
    memcpy(text + strlen(text), "\nsteps: 1", 10);
    assert_status(words_of(text, &words, &e), SK_E_USAGE, e, "c.yaml:2: steps is one flag more");
}

static sk_status words_starved(void *yaml, sk_err *e)
{
    sk_opt_list words = {.n = 0};
    sk_arena *a = sk_arena_new(SK_MEM_MISC);
    if (!a) return sk_fail(e, SK_E_NOMEM, "no memory for an arena");
    sk_status st = sk_opt_words_of(&verb, yaml, sk_yaml_root(yaml), a, &words, e);
    if (st) assert_contains(e->text, "no memory");
    sk_arena_free(a);
    return st;
}

static void out_of_memory(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_yaml *y = NULL;
    static const char text[] = "data: [a, b]\nname: c\n";
    assert_status_ok(sk_yaml_parse("c.yaml", text, sizeof text - 1, &y, &e), e);
    unit_starve(words_starved, y, 20, UNIT_TOLD);
    sk_yaml_free(y);
}

static int open_arena(void **state)
{
    (void)state;
    mem = sk_arena_new(SK_MEM_MISC);
    return mem ? 0 : -1;
}

static int close_arena(void **state)
{
    (void)state;
    sk_arena_free(mem);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_kinds),
        cmocka_unit_test(refusals),
        cmocka_unit_test(too_many),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
