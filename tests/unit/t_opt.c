/* t_opt.c - reading a command line by a table: every form, every refusal. */
#include "tests/unit/unit.h"

#include "base/opt.h"

#include <float.h>
#include <stdio.h>

/* What the table below fills. */
typedef struct conf {
    bool json, color;
    int64_t steps, any;
    double rate, temp;
    const char *out, *kind, *name;
    sk_opt_list data, modes;
} conf;

static const sk_opt rows[] = {
    {"", 0, SK_OPT_BOOL, NULL, NULL, "input", 0, 0, 0, false, SK_COMPLETE_NONE, NULL},
    {"data", 'd', SK_OPT_LIST, "FILE", NULL, "texts to read", offsetof(conf, data), 0, 0, true,
     SK_COMPLETE_FILE, NULL},
    {"modes", 0, SK_OPT_LIST, "M", "fast", "modes", offsetof(conf, modes), 0, 0, false,
     SK_COMPLETE_WORDS, "fast slow"},
    {"", 0, SK_OPT_BOOL, NULL, NULL, "training", 0, 0, 0, false, SK_COMPLETE_NONE, NULL},
    {"steps", 'n', SK_OPT_INT, "N", "900", "number of steps", offsetof(conf, steps), 1, 1e6, false,
     SK_COMPLETE_NONE, NULL},
    {"any", 0, SK_OPT_INT, "N", NULL, "any whole number", offsetof(conf, any), 0, 0, false,
     SK_COMPLETE_NONE, NULL},
    {"rate", 'r', SK_OPT_FLOAT, "X", "0.5", "learning rate", offsetof(conf, rate), 0, 1, false,
     SK_COMPLETE_NONE, NULL},
    {"temp", 0, SK_OPT_FLOAT, "T", NULL, "temperature", offsetof(conf, temp), 0, DBL_MAX, false,
     SK_COMPLETE_NONE, NULL},
    {"out", 'o', SK_OPT_STRING, "DIR", NULL, "where to", offsetof(conf, out), 0, 0, false,
     SK_COMPLETE_DIR, NULL},
    {"kind", 0, SK_OPT_STRING, "K", "f32", "number format", offsetof(conf, kind), 0, 0, false,
     SK_COMPLETE_WORDS, "f32 bf16"},
    {"name", 0, SK_OPT_STRING, "S", NULL, "a name", offsetof(conf, name), 0, 0, false,
     SK_COMPLETE_NONE, NULL},
    {"json", 'j', SK_OPT_BOOL, NULL, "false", "print JSON", offsetof(conf, json), 0, 0, false,
     SK_COMPLETE_NONE, NULL},
    {"color", 'c', SK_OPT_BOOL, NULL, "true", "use colours", offsetof(conf, color), 0, 0, false,
     SK_COMPLETE_NONE, NULL},
    {NULL, 0, SK_OPT_BOOL, NULL, NULL, NULL, 0, 0, 0, false, SK_COMPLETE_NONE, NULL},
};

static const sk_opt_verb verb = {"train", "train a model", "[FILE] [FILE]", 0, 2, NULL, NULL, rows};

static conf c;
static sk_opt_list args;
static bool help;
static sk_err e;

enum { MOST_WORDS = 600 };

/* Parses the words of one line, separated by single spaces; "~" stands for an empty word. */
static sk_status parse(const char *line)
{
    static char copy[8192];
    static char *argv[MOST_WORDS];
    int argc = 0;
    assert_true(strlen(line) < sizeof copy);
    memcpy(copy, line, strlen(line) + 1);
    argv[argc++] = copy;
    for (char *s = copy; *s; s++) {
        if (*s != ' ') continue;
        *s = 0;
        assert_true(argc < MOST_WORDS);
        argv[argc++] = s + 1;
    }
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "~") == 0) argv[i][0] = 0;
    memset(&c, 0, sizeof c);
    e = (sk_err)SK_ERR_INIT;
    return sk_opt_parse(&verb, argc, argv, &c, &args, &help, &e);
}

/* Parses a line that must be right, "--data x" added in front. */
static void good(const char *line)
{
    char full[4096];
    (void)snprintf(full, sizeof full, "train --data x%s%s", *line ? " " : "", line);
    assert_status_ok(parse(full), e);
    assert_false(help);
}

/* Parses a line that must be refused with `part` in the sentence. */
static void bad(const char *line, const char *part)
{
    char full[4096];
    (void)snprintf(full, sizeof full, "train --data x %s", line);
    assert_status(parse(full), SK_E_USAGE, e, part);
}

static void defaults(void **state)
{
    (void)state;
    good("");
    assert_int_equal(c.steps, 900);
    assert_true(c.rate == 0.5);
    assert_string_equal(c.kind, "f32");
    assert_true(c.color);
    assert_false(c.json);
    assert_null(c.out);
    assert_int_equal(c.any, 0);
    assert_int_equal(c.data.n, 1);
    assert_int_equal(c.modes.n, 1);
    assert_string_equal(c.modes.item[0], "fast");
    assert_int_equal(args.n, 0);
}

static void every_form(void **state)
{
    (void)state;
    good("--steps 5");
    assert_int_equal(c.steps, 5);
    good("--steps=6");
    assert_int_equal(c.steps, 6);
    good("-n 7");
    assert_int_equal(c.steps, 7);
    good("-n8");
    assert_int_equal(c.steps, 8);
    good("--steps 1 --steps=2 -n3");
    assert_int_equal(c.steps, 3);
    good("--json --no-color");
    assert_true(c.json);
    assert_false(c.color);
    good("-j --color=false");
    assert_true(c.json);
    assert_false(c.color);
    good("-jc");
    assert_true(c.json && c.color);
    good("-jn9");
    assert_true(c.json);
    assert_int_equal(c.steps, 9);
    good("-jn 9");
    assert_int_equal(c.steps, 9);
    good("--json=yes --no-json");
    assert_false(c.json);
    good("--color=off --color=on");
    assert_true(c.color);
    good("--name=--steps");
    assert_string_equal(c.name, "--steps");
    good("--name=a=b");
    assert_string_equal(c.name, "a=b");
    good("--name=");
    assert_string_equal(c.name, "");
    good("--name ~");
    assert_string_equal(c.name, "");
    good("--name -x");
    assert_string_equal(c.name, "-x");
    good("--name --dashes");
    assert_string_equal(c.name, "--dashes");
    good("--name -");
    assert_string_equal(c.name, "-");
    good("--any -5");
    assert_int_equal(c.any, -5);
}

static void lists(void **state)
{
    (void)state;
    assert_status_ok(parse("train --data a b c --json -d d --modes slow fast slow"), e);
    assert_int_equal(c.data.n, 4);
    assert_string_equal(c.data.item[2], "c");
    assert_string_equal(c.data.item[3], "d");
    assert_int_equal(c.modes.n, 3);
    assert_string_equal(c.modes.item[0], "slow");
    assert_status_ok(parse("train --data=a b"), e);
    assert_int_equal(c.data.n, 1);
    assert_int_equal(args.n, 1);
    assert_string_equal(args.item[0], "b");
    assert_status_ok(parse("train --data a - b -- d"), e);
    assert_int_equal(c.data.n, 3);
    assert_string_equal(args.item[0], "d");
    assert_status_ok(parse("train -da b"), e);
    assert_int_equal(c.data.n, 1);
    assert_int_equal(args.n, 1);
    bad("--modes slow quick", "'quick' is not one of: fast slow");
    char line[2048] = "train --data";
    for (int i = 0; i < 256; i++)
        memcpy(line + strlen(line), " f", 3);
    assert_status_ok(parse(line), e);
    assert_int_equal(c.data.n, 256);
    memcpy(line + strlen(line), " f", 3);
    assert_status(parse(line), SK_E_USAGE, e, "at most 256");
}

static void positional(void **state)
{
    (void)state;
    good("--json a b");
    assert_int_equal(args.n, 2);
    assert_string_equal(args.item[1], "b");
    good("--json -- --steps -x");
    assert_int_equal(args.n, 2);
    assert_string_equal(args.item[0], "--steps");
    good("--json - ~");
    assert_string_equal(args.item[0], "-");
    assert_string_equal(args.item[1], "");
    good("--json -- a --");
    assert_string_equal(args.item[1], "--");
    bad("--json a b c", "'c' is one too many");
    bad("-- a b c", "at most 2 arguments");
}

static void whole_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } fine[] = {{"0", 0},
                {"-0", 0},
                {"+7", 7},
                {"12k", 12000},
                {"3M", 3000000},
                {"2G", 2000000000},
                {"4Ki", 4096},
                {"1Mi", 1 << 20},
                {"1Gi", 1 << 30},
                {"-2k", -2000},
                {"007", 7},
                {"9223372036854775807", INT64_MAX},
                {"-9223372036854775808", INT64_MIN}};
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        char line[64];
        (void)snprintf(line, sizeof line, "--any=%s", fine[i].text);
        good(line);
        assert_true(c.any == fine[i].value);
    }
    static const char *const wrong[] = {"",    "x",  "1x",  "1.5", "1e3", "0x10", "k",  "1 k",
                                        "1kk", "1K", "1ki", "--",  "1m",  "\t1",  "\n1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char line[64];
        (void)snprintf(line, sizeof line, "--any=%s", wrong[i]);
        if (!strchr(wrong[i], ' ')) bad(line, "whole number");
    }
    bad("--any=9223372036854775808", "too large");
    bad("--any=9223372036854775807k", "too large");
    bad("--any=-99999999999999999999", "too large");
    bad("--steps 0", "--steps must be from 1 to 1000000, it is 0");
    bad("--steps 2M", "it is 2M");
    bad("--steps -1", "it is -1");
    good("--steps 1M");
    assert_int_equal(c.steps, 1000000);
}

static void numbers(void **state)
{
    (void)state;
    good("--rate 1e-3 --temp 1e300");
    assert_true(c.rate == 1e-3 && c.temp == 1e300);
    good("--rate .25");
    assert_true(c.rate == 0.25);
    static const char *const wrong[] = {"",     "x",     "0.5x", "nan", "inf",
                                        "-inf", "1e999", "0,5",  "--",  "\t0.5"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char line[64];
        (void)snprintf(line, sizeof line, "--rate=%s", wrong[i]);
        bad(line, "--rate needs a number");
    }
    bad("--rate 1.01", "from 0 to 1, it is 1.01");
    bad("--rate=-0.1", "it is -0.1");
    bad("--temp -1", "--temp must be at least 0, it is -1");
}

static void refusals(void **state)
{
    (void)state;
    bad("--stpes 5", "unknown flag --stpes: did you mean --steps?");
    bad("--step=5", "did you mean --steps?");
    bad("--jsn", "did you mean --json?");
    bad("--xyzzy", "unknown flag --xyzzy: see train --help");
    bad("-x", "unknown flag -x");
    bad("-jx", "unknown flag -x in '-jx'");
    bad("--steps", "--steps needs a value: --steps N");
    bad("-n", "--steps needs a value");
    bad("--steps --json", "--steps needs a value");
    bad("--name --help", "--name needs a value");
    bad("--name --steps=3", "--name needs a value");
    bad("--name --", "--name needs a value");
    bad("--no-steps", "no switch");
    bad("--no-nothing", "unknown flag --no-nothing");
    bad("--no-json=true", "unknown flag");
    bad("--json=maybe", "--json is true or false, not 'maybe'");
    bad("--json=", "not ''");
    bad("--kind f16", "--kind: 'f16' is not one of: f32 bf16");
    bad("--kind f3", "not one of");
    bad("--kind=", "not one of");
    bad("---", "unknown flag");
    bad("--=5", "unknown flag");
    bad("-=", "unknown flag -=");
    assert_status(parse("train --json"), SK_E_USAGE, e, "train needs --data FILE");
    assert_status(parse("train"), SK_E_USAGE, e, "train needs --data");
    assert_status(parse("train --data"), SK_E_USAGE, e, "--data needs a value");
    assert_status(parse("train --data --json"), SK_E_USAGE, e, "--data needs a value");
    char line[600] = "train --";
    memset(line + 8, 'z', 500);
    assert_status(parse(line), SK_E_USAGE, e, "unknown flag --zzz");
}

/* --help ends the reading: what is wrong behind it or missing does not matter, what is wrong before
 * it does. */
static void help_stops(void **state)
{
    (void)state;
    static const char *const lines[] = {"train --help", "train -h", "train -jh",
                                        "train --help --nonsense", "train a --help b c d"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_status_ok(parse(lines[i]), e);
        assert_true(help);
    }
    assert_status(parse("train --nonsense --help"), SK_E_USAGE, e, "nonsense");
    assert_status(parse("train --data x -- a --help c"), SK_E_USAGE, e, "one too many");
}

static void arguments_needed(void **state)
{
    (void)state;
    static const sk_opt none[] = {
        {NULL, 0, SK_OPT_BOOL, NULL, NULL, NULL, 0, 0, 0, false, SK_COMPLETE_NONE, NULL}};
    const sk_opt_verb needs = {"show", "show", "FILE", 1, 1, NULL, NULL, none};
    const sk_opt_verb takes_none = {"stop", "stop", "", 0, 0, NULL, NULL, none};
    char *two[] = {"x", "file", NULL};
    bool h;
    assert_status(sk_opt_parse(&needs, 1, two, &c, &args, &h, &e), SK_E_USAGE, e,
                  "show needs FILE");
    assert_status_ok(sk_opt_parse(&needs, 2, two, &c, &args, &h, &e), e);
    assert_status(sk_opt_parse(&takes_none, 2, two, &c, NULL, &h, &e), SK_E_USAGE, e,
                  "takes no argument 'file'");
    assert_status(sk_opt_parse(&takes_none, 2, two, &c, &args, &h, &e), SK_E_USAGE, e,
                  "takes no argument");
    assert_status_ok(sk_opt_parse(&takes_none, 0, two, &c, NULL, &h, &e), e);
    assert_int_equal(sk_opt_parse(&needs, 1, two, &c, &args, &h, NULL), SK_E_USAGE);
}

/* A default that its own row refuses is a mistake in the table, and called that. */
static void wrong_default(void **state)
{
    (void)state;
    static const sk_opt wrong[] = {
        {"n", 0, SK_OPT_INT, "N", "0", "n", 0, 1, 2, false, SK_COMPLETE_NONE, NULL},
        {NULL, 0, SK_OPT_BOOL, NULL, NULL, NULL, 0, 0, 0, false, SK_COMPLETE_NONE, NULL},
    };
    const sk_opt_verb v = {"v", "v", "", 0, 0, NULL, NULL, wrong};
    int64_t n = 0;
    bool h;
    assert_status(sk_opt_parse(&v, 0, NULL, &n, NULL, &h, &e), SK_E_INTERNAL, e, "default of --n");
    assert_int_equal(sk_opt_parse(&v, 0, NULL, &n, NULL, &h, NULL), SK_E_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(every_form),
        cmocka_unit_test(lists),
        cmocka_unit_test(positional),
        cmocka_unit_test(whole_numbers),
        cmocka_unit_test(numbers),
        cmocka_unit_test(refusals),
        cmocka_unit_test(help_stops),
        cmocka_unit_test(arguments_needed),
        cmocka_unit_test(wrong_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
