/* cmd.h - what a verb of the program looks like, and what all verbs share.
 *
 * A verb is one file, cmd_VERB.c, that defines `const cmd_verb cmd_VERB_verb`: an option table and
 * a function.  main.c lists the verbs.  The function returns a status and its sentence; main prints
 * "stoke VERB: sentence" and turns the status into the exit code, so a verb neither prints errors
 * nor exits.
 *
 *     typedef struct generate_opts {
 *         cmd_common common;
 *         const char *model;
 *         int64_t n;
 *     } generate_opts;
 *
 *     static const sk_opt rows[] = {
 *         {"model", 'm', SK_OPT_STRING, "FILE", NULL, "the model, a path or a name",
 *          offsetof(generate_opts, model), .required = true, .complete = SK_COMPLETE_MODEL},
 *         ...
 *         CMD_COMMON_ROWS(generate_opts),
 *         {0},
 *     };
 *
 *     static sk_status generate(int argc, char **argv, sk_err *e)
 *     {
 *         generate_opts o = {0};
 *         bool done;
 *         sk_status st = cmd_parse(&cmd_generate_verb, argc, argv, &o, &o.common, NULL, &done, e);
 *         if (st || done)
 *             return st;
 *         ...
 *     }
 *
 *     const cmd_verb cmd_generate_verb = {{"generate", "continue a text", ...}, generate};
 */
#ifndef CMD_CLI_CMD_H
#define CMD_CLI_CMD_H

#include "base/opt.h"
#include "base/status.h"
#include "cli/model_path.h"
#include "cli/stop.h"
#include "engine/engine.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cmd_verb {
    sk_opt_verb opt;
    sk_status (*run)(int argc, char **argv, sk_err *e); /* argv[0] is the verb's name */
} cmd_verb;

/* The program's name in messages and pages. */
#define CMD_PROGRAM "stoke"

/* All verbs in the order help shows them, and one by name (NULL if there is none). */
const cmd_verb *const *cmd_verbs(size_t *n);

/* The verb that words[0..n) begin with, static storage, NULL if there is none, and how many of the
 * words are its name: 2 for `fleet plan`, whose table calls it fleet-plan, and for `fleet-plan` 1.
 */
const cmd_verb *cmd_find_words(char *const *words, size_t n, size_t *used);

/* The verb of that exact name; NULL if there is none. */
const cmd_verb *cmd_find(const char *name);

/* Flags every verb understands. */
typedef struct cmd_common {
    int64_t threads; /* 0: all cores this process may use */
    const char *cpu, *log_level;
    bool log_json, quiet;
} cmd_common;

/* One row of a table whose target is T's member `field`; at least 0 if a number, words or NULL. */
#define CMD_ROW(T, name, c, type, value, deflt, help, field, max, words)                           \
    {                                                                                              \
        name, c, type, value, deflt, help, offsetof(T, field), 0, max, false,                      \
            words ? SK_COMPLETE_WORDS : SK_COMPLETE_NONE, words                                    \
    }

/* The common rows, for the end of a verb's table; T has a member `common`. */
#define CMD_COMMON_ROWS(T)                                                                         \
    {"", 0, SK_OPT_BOOL, NULL, NULL, "Common", 0, 0, 0, false, SK_COMPLETE_NONE, NULL},            \
        CMD_ROW(T, "threads", 't', SK_OPT_INT, "N", "0",                                           \
                "threads to compute with; 0 means all cores", common.threads, 1024, NULL),         \
        CMD_ROW(T, "cpu", 0, SK_OPT_STRING, "LEVEL", NULL,                                         \
                "use no more of the processor than this level; default $STOKE_CPU, or all",        \
                common.cpu, 0, "auto c avx2 avx512 avx512vnni avx512bf16 amx neon dotprod i8mm"),  \
        CMD_ROW(T, "log-level", 0, SK_OPT_STRING, "LEVEL", "warn", "what to log on stderr",        \
                common.log_level, 0, "error warn info debug trace"),                               \
        CMD_ROW(T, "log-json", 0, SK_OPT_BOOL, NULL, NULL, "log lines are JSON objects",           \
                common.log_json, 0, NULL),                                                         \
        CMD_ROW(T, "quiet", 'q', SK_OPT_BOOL, NULL, NULL, "no progress line and no remarks",       \
                common.quiet, 0, NULL)

/* How the verbs that run a model keep keys and values; T has a member `kv_type`, a string. */
#define CMD_KV_ROW(T, deflt)                                                                       \
    CMD_ROW(T, "kv-type", 0, SK_OPT_STRING, "TYPE", deflt,                                         \
            "keys and values are kept as this type; f32 is exact, the others take less memory",    \
            kv_type, 0, "f32 f16 bf16 q8_0")
/* How a model is opened: of the verbs that compute with one. */
typedef struct cmd_load {
    bool no_repack, pack_cache;
} cmd_load;

/* Its rows; T has a member `load`. */
#define CMD_LOAD_ROWS(T)                                                                           \
    CMD_ROW(T, "no-repack", 0, SK_OPT_BOOL, NULL, NULL,                                            \
            "compute with quantised weights as they lie in the file: opens at once, takes no "     \
            "further memory, is slower",                                                           \
            load.no_repack, 0, NULL),                                                              \
        CMD_ROW(T, "pack-cache", 0, SK_OPT_BOOL, NULL, NULL,                                       \
                "keep the repacked weights in a file beside the model (or in ~/.cache), and open " \
                "from it the next time: faster, with less memory, for the model's size on disk",   \
                load.pack_cache, 0, NULL)

/* The engine's options of them. */
eng_model_opts cmd_load_opts(const cmd_load *l);

/* Reads argv into `into` by the verb's table, then puts the common flags to work (cpu mask, log).
 * *done is set when --help was asked for and has been printed: return SK_OK then.  common may be
 * NULL (a verb without common rows), args too (no positional arguments). */
sk_status cmd_parse(const cmd_verb *v, int argc, char **argv, void *into, cmd_common *common,
                    sk_opt_list *args, bool *done, sk_err *e);

/* Width to print help in: the terminal's, 100 at most; 80 where there is none. */
int cmd_columns(void);

/* Writes to stdout at once; a reader that went away or a full disk is an error like any other. */
sk_status cmd_out(const char *p, size_t n, sk_err *e);

/* The same by a form of printf. */
sk_status cmd_outf(sk_err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same for a buffer, which is checked for lost appends and freed. */
sk_status cmd_out_buf(sk_buf *b, sk_err *e);

#endif
