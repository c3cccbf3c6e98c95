/* cmd_version.c - stoke version: what is running, for bug reports. */
#define PCRE2_CODE_UNIT_WIDTH 8

#include "base/cpu.h"
#include "base/json.h"
#include "base/thread.h"
#include "cli/cmd.h"
#include "cli/verbs.h"

#include <event2/event.h>
#include <pcre2.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

typedef struct version_opts {
    cmd_common common;
    bool json;
} version_opts;

static const sk_opt rows[] = {
    CMD_ROW(version_opts, "json", 0, SK_OPT_BOOL, NULL, NULL, "print one JSON object", json, 0,
            NULL),
    CMD_COMMON_ROWS(version_opts),
    {0},
};

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

enum { N_FACTS = 10 };
typedef struct fact {
    const char *name, *text;
} fact;

/* pcre: 64 bytes, cores: 16 bytes, both alive as long as the facts are read. */
static void collect(fact f[N_FACTS], char *pcre, char *cores)
{
    pcre2_config(PCRE2_CONFIG_VERSION, pcre);
    snprintf(cores, 16, "%zu", sk_cores());
    const fact all[N_FACTS] = {{"version", SK_VERSION},
                               {"compiler", COMPILER},
                               {"cpu", sk_cpu_name(sk_cpu())},
                               {"cpu_best", sk_cpu_name(sk_cpu_best())},
                               {"cores", cores},
                               {"libevent", event_get_version()},
                               {"jansson", JANSSON_VERSION},
                               {"pcre2", pcre},
                               {"zstd", ZSTD_versionString()},
                               {"zlib", zlibVersion()}};
    for (size_t i = 0; i < N_FACTS; i++)
        f[i] = all[i];
}

/* The verb: what was built, with what, and what it runs on. */
static sk_status version(int argc, char **argv, sk_err *e)
{
    version_opts o = {.json = false};
    bool done;
    sk_status st = cmd_parse(&cmd_version_verb, argc, argv, &o, &o.common, NULL, &done, e);
    if (st || done) return st;

    fact f[N_FACTS];
    char pcre[64], cores[16];
    sk_buf out = SK_BUF_INIT;
    collect(f, pcre, cores);
    if (!o.json) sk_buf_addf(&out, "%s %s\n", CMD_PROGRAM, SK_VERSION);
    for (size_t i = 0; i < N_FACTS; i++) {
        if (o.json) {
            sk_buf_addf(&out, "%s\"%s\":", i ? "," : "{", f[i].name);
            sk_json_add_str(&out, f[i].text, strlen(f[i].text));
        } else if (i) {
            sk_buf_addf(&out, "  %-9s %s\n", f[i].name, f[i].text);
        }
    }
    sk_buf_adds(&out, o.json ? "}\n" : "");
    return cmd_out_buf(&out, e);
}

const cmd_verb cmd_version_verb = {
    {"version", "show the version, the processor level and the libraries", "", 0, 0,
     "Prints what a bug report needs: the version, the compiler, the processor level in use and "
     "the best one of this machine, the cores this process may use, and the libraries.",
     "stoke version --json\n  the same as one JSON object\n", rows},
    version};
