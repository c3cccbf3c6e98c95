/* opt.h - option tables: one row is a flag, its type, default, help and completion.
 *
 * Parsing, --help, the man page, the bash completion and docs/cli come from the same rows, so they
 * cannot differ. Accepted: --flag VALUE, --flag=VALUE, -f VALUE, -fVALUE, --switch, --no-switch;
 * "--" ends the flags.  An unknown flag is refused with the nearest known one.
 */
#ifndef SK_BASE_OPT_H
#define SK_BASE_OPT_H

#include "base/buf.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum sk_opt_type {
    SK_OPT_BOOL, /* bool *      */
    SK_OPT_INT, /* int64_t *   min..max checked; suffixes k, M, G (powers of 1000) and Ki, Mi, Gi */
    SK_OPT_FLOAT,  /* double *    min..max checked */
    SK_OPT_STRING, /* const char ** (points into argv or the table) */
    SK_OPT_LIST /* sk_opt_list *: --data A B C takes values up to the next flag; may be repeated */
} sk_opt_type;

typedef struct sk_opt_list {
    const char *item[256];
    size_t n;
} sk_opt_list;

/* What the shell may complete after the flag. */
typedef enum sk_opt_complete {
    SK_COMPLETE_NONE,
    SK_COMPLETE_FILE,
    SK_COMPLETE_DIR,
    SK_COMPLETE_MODEL,
    SK_COMPLETE_WORDS
} sk_opt_complete;

typedef struct sk_opt {
    const char *
        name; /* "steps", without dashes; NULL ends the table; "" with help starts a titled group */
    char letter; /* 'n' or 0 */
    sk_opt_type type;
    const char *value; /* how help names the value: "N", "FILE"; NULL for BOOL */
    const char *deflt; /* default as text, parsed like a value; NULL: none, target untouched */
    const char *help;  /* one sentence, lower case, no full stop */
    size_t offset;     /* offsetof the target in the options struct */
    double min, max;   /* numbers only; both 0: no bounds */
    bool required;
    sk_opt_complete complete;
    const char *words; /* for SK_COMPLETE_WORDS: the words, space between; also checked */
} sk_opt;

/* A verb of the program, as help sees it. */
typedef struct sk_opt_verb {
    /* "train", "train a model from text".  A name of several words has dashes between them
     * ("fleet-plan"), which a person types as spaces; pages and files carry the dashes. */
    const char *name, *summary;
    const char *args; /* positional arguments in the synopsis: "[FILE]" or "" */
    size_t min_args, max_args;
    const char *describe; /* paragraphs of plain text for --help and the man page */
    const char *examples; /* lines "command\n  what it does\n" */
    const sk_opt *opts;
} sk_opt_verb;

/* Sets defaults, then reads argv[1..argc) into the struct at `into`; positional arguments are
 * collected in args (may be NULL if the verb takes none).  --help gives SK_OK with *help = true and
 * stops reading. */
sk_status sk_opt_parse(const sk_opt_verb *verb, int argc, char **argv, void *into,
                       sk_opt_list *args, bool *help, sk_err *e);

/* Appends the verb's name as it is typed: "fleet plan" for fleet-plan. */
void sk_opt_typed(const sk_opt_verb *verb, sk_buf *out);

/* The row of that name, NULL if there is none; and the sentence for a name that has none, with the
 * nearest one there is.  `dashes` stands before names: "--" or "". */
const sk_opt *sk_opt_find(const sk_opt_verb *verb, const char *name);
sk_status sk_opt_unknown(const sk_opt_verb *verb, const char *dashes, const char *name, sk_err *e);

/* Checks a value as reading it from a command line would, without storing it. */
sk_status sk_opt_check(const sk_opt *row, const char *text, sk_err *e);

/* Appends the text of --help in lines of at most `columns` (0: 80, least 40). */
void sk_opt_help(const sk_opt_verb *verb, const char *program, int columns, sk_buf *out);

/* Appends the manual page PROGRAM-VERB(1) in the man macros. */
void sk_opt_man(const sk_opt_verb *verb, const char *program, const char *version, sk_buf *out);

/* Appends the page for docs/cli. */
void sk_opt_markdown(const sk_opt_verb *verb, const char *program, sk_buf *out);

/* Bash completion for all verbs. */
void sk_opt_bash(const sk_opt_verb *const *verbs, size_t n_verbs, const char *program, sk_buf *out);

/* Edits (insert, delete, replace a byte) that turn a into b, at most `limit` of them counted: how
 * far a mistyped name is from a known one. */
size_t sk_edit_distance(const char *a, const char *b, size_t limit);

#endif
