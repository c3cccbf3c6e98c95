/* t_opt_doc.c - help, manual page, markdown and bash completion: right by the programs that read
 * them. */
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "base/opt.h"

#include <stdio.h>
#include <unistd.h>

static const sk_opt train_rows[] = {
    {"", 0, SK_OPT_BOOL, NULL, NULL, "input", 0, 0, 0, false, SK_COMPLETE_NONE, NULL},
    {"data", 'd', SK_OPT_LIST, "FILE", NULL, "texts to read", 0, 0, 0, true, SK_COMPLETE_FILE,
     NULL},
    {"model", 'm', SK_OPT_STRING, "FILE", NULL, "model to start from", 0, 0, 0, false,
     SK_COMPLETE_MODEL, NULL},
    {"", 0, SK_OPT_BOOL, NULL, NULL, "training's \"inner\" life", 0, 0, 0, false, SK_COMPLETE_NONE,
     NULL},
    {"steps", 'n', SK_OPT_INT, "N", "900",
     "number of steps, each of which takes one batch of tokens and moves the weights once", 0, 1,
     1e6, false, SK_COMPLETE_NONE, NULL},
    {"temp", 0, SK_OPT_FLOAT, "T", "0.8",
     ".5 is 'cool', -1 isn't; a \\ stays | as <it> is \xE2\x89\xA5 0 \xF0\x9F\x98\x80", 0, 0, 1e300,
     false, SK_COMPLETE_NONE, NULL},
    {"out", 'o', SK_OPT_STRING, "DIR", NULL, "folder for the results", 0, 0, 0, false,
     SK_COMPLETE_DIR, NULL},
    {"kind", 0, SK_OPT_STRING, "K", "f32", "number format", 0, 0, 0, false, SK_COMPLETE_WORDS,
     "f32 bf16 it's"},
    {"a-very-long-name-for-a-flag-indeed", 0, SK_OPT_STRING, "VALUE", NULL, "long", 0, 0, 0, false,
     SK_COMPLETE_NONE, NULL},
    {"json", 'j', SK_OPT_BOOL, NULL, "false", "print JSON", 0, 0, 0, false, SK_COMPLETE_NONE, NULL},
    {"color", 0, SK_OPT_BOOL, NULL, "true", "use colours", 0, 0, 0, false, SK_COMPLETE_NONE, NULL},
    {NULL, 0, SK_OPT_BOOL, NULL, NULL, NULL, 0, 0, 0, false, SK_COMPLETE_NONE, NULL},
};

static const sk_opt no_rows[] = {
    {NULL, 0, SK_OPT_BOOL, NULL, NULL, NULL, 0, 0, 0, false, SK_COMPLETE_NONE, NULL}};

static const sk_opt_verb train = {"train",
                                  "train a model from text",
                                  "",
                                  0,
                                  0,
                                  "Reads text, makes a model - and keeps it.\n'Quoted' lines "
                                  "and\n.dotted ones are no requests.\n\n  a table   stays\n"
                                  "  as it is\n\nLast \\fBparagraph\\fR.\n",
                                  "stoke train --data 'a b.txt' --out run\n  trains on one "
                                  "file\n\nstoke train -d .hidden\n  and on a hidden one\n",
                                  train_rows};
static const sk_opt_verb show = {"show", "show a file", "[FILE]", 0, 1, NULL, NULL, no_rows};
static const sk_opt_verb show_all = {"show-all", "show all files", "", 0, 0, NULL, NULL, no_rows};
static const sk_opt_verb show_part = {"show-part-two", "show one", "", 0, 0, NULL, NULL, no_rows};
static const sk_opt_verb *const verbs[] = {&train, &show, &show_all, &show_part};
enum { N_VERBS = sizeof verbs / sizeof *verbs };

static sk_buf b;

static int drop(void **state)
{
    (void)state;
    sk_fault_plan(SK_FAULT_ALLOC, 0, false);
    sk_buf_fini(&b);
    return 0;
}

/* Columns of the widest line that could have been broken: one with a space after column `from`, the
 * line of the long flag's bare name left out. */
static size_t widest(const char *s, size_t from)
{
    size_t most = 0;
    while (*s) {
        size_t n = strcspn(s, "\n"), width = 0, space = 0;
        for (size_t i = 0; i < n; i++) {
            width += ((unsigned char)s[i] & 0xC0) != 0x80;
            if (s[i] == ' ' && width > from) space = width;
        }
        bool bare_flag = n > 48 - 1 && strncmp(s, "      --a-very-long", 19) == 0;
        if (space && width > most && !bare_flag) most = width;
        s += n + (s[n] == '\n');
    }
    return most;
}

static void help_has_it_all(void **state)
{
    (void)state;
    sk_opt_help(&train, "stoke", 80, &b);
    static const char *const parts[] = {
        "stoke train - train a model from text\n",
        "usage: stoke train --data FILE... [flags]\n",
        "\ninput:\n",
        "  -d, --data FILE...          texts to read (required)\n",
        "(default 900;\n                              from 1 to 1000000)\n",
        "(default 0.8; at least 0)\n",
        "one of: f32, bf16,\n                              it's)\n",
        "  -j, --json                  print JSON\n",
        "off with --no-color)\n",
        "      --a-very-long-name-for-a-flag-indeed VALUE\n                              long\n",
        "  a table   stays\n  as it is\n",
        "\nexamples:\n  stoke train --data 'a b.txt' --out run\n    trains on one file\n\n",
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        assert_contains(b.p, parts[i]);
    sk_buf_reset(&b);
    sk_opt_help(&show, "stoke", 80, &b);
    assert_string_equal(b.p, "stoke show - show a file\n\nusage: stoke show [FILE]\n");
}

/* No line is wider than asked for, down to the least width; senseless widths are mended. */
static void help_keeps_to_the_width(void **state)
{
    (void)state;
    static const int widths[] = {-5, 0, 1, 20, 40, 41, 59, 60, 61, 72, 80, 100, 200, 10000};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        sk_buf_reset(&b);
        sk_opt_help(&train, "stoke", widths[i], &b);
        assert_true(sk_buf_ok(&b));
        size_t most = widths[i] <= 0 ? 80 : widths[i] < 40 ? 40 : (size_t)widths[i];
        char *end = strstr(b.p, "\nexamples:");
        assert_non_null(end);
        *end = 0;
        assert_true(widest(b.p, 31) <= most);
    }
}

static sk_status write_starved(void *writer, sk_err *e)
{
    sk_buf out = SK_BUF_INIT;
    switch (*(const int *)writer) {
    case 0:
        sk_opt_help(&train, "stoke", 80, &out);
        break;
    case 1:
        sk_opt_man(&train, "stoke", "1", &out);
        break;
    case 2:
        sk_opt_markdown(&train, "stoke", &out);
        break;
    default:
        sk_opt_bash(verbs, N_VERBS, "stoke", &out);
        break;
    }
    return unit_starved_buf(&out, e);
}

/* Every allocation on the way fails once: the buffer says so, nothing else happens. */
static void no_memory(void **state)
{
    (void)state;
    for (int writer = 0; writer < 4; writer++)
        unit_starve(write_starved, &writer, 500, 0);
}

/* Runs a script with the buffer in a file as $1; its output replaces the buffer's text.  Returns
 * the exit status. */
static int run_on_buffer(const char *script)
{
    char path[600];
    (void)snprintf(path, sizeof path, "%s/text", unit_tmpdir());
    unit_write(path, b.p, b.len);
    int rc = unit_shell(script, path, &b);
    *strrchr(path, '/') = 0;
    unit_rm_rf(path);
    return rc;
}

/* groff has no warning about the page, and shows what was written. */
static void manual_page(void **state)
{
    (void)state;
    if (!unit_have("groff")) skip();
    sk_opt_man(&train, "stoke", "0.1", &b);
    sk_buf copy = SK_BUF_INIT;
    sk_buf_add(&copy, b.p, b.len);
    assert_int_equal(run_on_buffer("groff -man -ww -Tutf8 -z $1"), 0);
    assert_string_equal(b.p, "");
    sk_buf_reset(&b);
    sk_buf_add(&b, copy.p, copy.len);
    sk_buf_fini(&copy);
    assert_int_equal(run_on_buffer("groff -man -ww -Tutf8 -P-cbou $1"), 0);
    static const char *const parts[] = {
        "STOKE-TRAIN(1)",
        "stoke-train - train a model from text",
        "stoke train --data FILE... [flags]",
        "-n, --steps N",
        "and .dotted",
        "  a table   stays",
        "\\fBparagraph\\fR",
        "'cool',", /* lines are justified: where the spaces go depends on the locale */
        "-1 isn't; a \\ stays",
        "\xE2\x89\xA5 0 \xF0\x9F\x98\x80",
        "stoke train --data 'a b.txt' --out run",
        "stoke train -d .hidden",
        "training's \"inner\" life",
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        assert_contains(b.p, parts[i]);
}

static void manual_page_without_flags(void **state)
{
    (void)state;
    if (!unit_have("groff")) skip();
    sk_opt_man(&show, "stoke", "0.1", &b);
    assert_null(strstr(b.p, "OPTIONS"));
    assert_int_equal(run_on_buffer("groff -man -ww -Tutf8 -z $1"), 0);
    assert_string_equal(b.p, "");
}

static void markdown(void **state)
{
    (void)state;
    sk_opt_markdown(&train, "stoke", &b);
    assert_memory_equal(b.p, "# stoke train\n", 14);
    assert_contains(b.p, "| `-n`, `--steps N` | number of steps");
    assert_contains(b.p, "stays \\| as \\<it\\> is");
    assert_contains(b.p,
                    "\n## input\n\n| flag | what |\n| --- | --- |\n| `-d`, `--data FILE...` |");
    int fences = 0;
    for (char *s = b.p; (s = strstr(s, "```")); s += 3)
        fences++;
    assert_int_equal(fences, 4);
}

/* A name of several words is typed with spaces, and filed with dashes. */
static void several_words(void **state)
{
    (void)state;
    sk_opt_help(&show_part, "stoke", 80, &b);
    assert_contains(b.p, "stoke show part two - show one\n");
    assert_contains(b.p, "usage: stoke show part two\n");
    sk_buf_reset(&b);
    sk_opt_man(&show_part, "stoke", "1", &b);
    assert_contains(b.p, "stoke\\-show\\-part\\-two \\- show one");
    assert_contains(b.p, ".B stoke show part two");
    sk_buf_reset(&b);
    sk_opt_markdown(&show_part, "stoke", &b);
    assert_memory_equal(b.p, "# stoke show part two\n", 22);
}

/* What bash offers for a line; "|" marks the words, the last is to be completed.  The folder holds
 * files to offer. */
static void offers(const char *words, const char *want)
{
    char command[1500];
    sk_buf_reset(&b);
    sk_opt_bash(verbs, N_VERBS, "stoke", &b);
    (void)snprintf(
        command, sizeof command,
        "mkdir $1.d; cd $1.d; mkdir sub; : >a.gguf; : >b.txt; : >'c d.txt'; bash --norc -c 'set "
        "-u; source \"$0\"; "
        "IFS=\"|\" read -r -a COMP_WORDS <<<\"$1\"; [[ $1 == *\"|\" ]] && COMP_WORDS+=(\"\"); "
        "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _stoke; for w in \"${COMPREPLY[@]}\"; do printf "
        "\"%%s,\" \"$w\"; done' "
        "$1 '%s'",
        words);
    assert_int_equal(run_on_buffer(command), 0);
    assert_string_equal(b.p, want);
}

static void bash_completion(void **state)
{
    (void)state;
    if (!unit_have("bash")) skip();
    offers("stoke|", "train,show,");
    offers("stoke|t", "train,");
    offers("stoke|x", "");
    offers("stoke|train|--st", "--steps,");
    offers("stoke|train|--no", "--no-color,");
    offers("stoke|train|-", "--help,--data,--model,--steps,--temp,--out,--kind,--a-very-long-name-"
                            "for-a-flag-indeed,--json,--color,--no-color,");
    offers("stoke|train|--kind|b", "bf16,");
    offers("stoke|train|--kind|=|b", "bf16,");
    offers("stoke|train|--kind|=", "f32,bf16,its,");
    offers("stoke|train|--out|", "sub,");
    offers("stoke|train|-o|", "sub,");
    offers("stoke|train|-m|", "a.gguf,sub,");
    offers("stoke|train|--data|b", "b.txt,");
    offers("stoke|train|--data|b.txt|c", "c d.txt,");
    offers("stoke|train|--steps|", "");
    offers("stoke|train|--json|", "");
    offers("stoke|show|part|two|--", "--help,");
    offers("stoke|show|all|--h", "--help,");
    offers("stoke|show|", "all,part,");
    offers("stoke|show|p", "part,");
    offers("stoke|show|part|", "two,");
    offers("stoke|show|b", "b.txt,");
    offers("stoke|nonsense|--", "");
}

/* Names that are no words of the shell still give a script that bash reads. */
static void bash_odd_program(void **state)
{
    (void)state;
    if (!unit_have("bash")) skip();
    sk_opt_bash(verbs, N_VERBS, "my-stoke.2", &b);
    assert_contains(b.p, "complete -F _my_stoke_2 my-stoke.2\n");
    assert_int_equal(run_on_buffer("bash -n $1"), 0);
    assert_string_equal(b.p, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(help_has_it_all, drop),
        cmocka_unit_test_teardown(help_keeps_to_the_width, drop),
        cmocka_unit_test_teardown(no_memory, drop),
        cmocka_unit_test_teardown(manual_page, drop),
        cmocka_unit_test_teardown(manual_page_without_flags, drop),
        cmocka_unit_test_teardown(markdown, drop),
        cmocka_unit_test_teardown(several_words, drop),
        cmocka_unit_test_teardown(bash_completion, drop),
        cmocka_unit_test_teardown(bash_odd_program, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
