/* guide.h - answers bound to a JSON Schema or a grammar: flags, and the mask of each choice. */
#ifndef CMD_CLI_GUIDE_H
#define CMD_CLI_GUIDE_H

#include "cli/cmd.h"
#include "engine/engine.h"

/* What an answer must satisfy, as flags. */
typedef struct cmd_guide_flags {
    const char *grammar, *schema; /* NULL: none */
} cmd_guide_flags;

/* Their rows; T has a member `guide`. */
#define CMD_GUIDE_ROWS(T)                                                                          \
    {"json-schema",                                                                                \
     0,                                                                                            \
     SK_OPT_STRING,                                                                                \
     "FILE|TEXT",                                                                                  \
     NULL,                                                                                         \
     "the answer is JSON that satisfies this JSON Schema (a file, or the schema itself)",          \
     offsetof(T, guide.schema),                                                                    \
     .complete = SK_COMPLETE_FILE},                                                                \
    {                                                                                              \
        "grammar", 0, SK_OPT_STRING, "FILE", NULL,                                                 \
            "the answer follows the grammar (GBNF) in FILE", offsetof(T, guide.grammar),           \
            .complete = SK_COMPLETE_FILE                                                           \
    }

/* One answer's guide. */
typedef struct cmd_guide {
    eng_tokentrie *trie;
    eng_grammar *grammar;
    eng_matcher *matcher;
    uint64_t *mask;
} cmd_guide;

/* Opens what the flags name, for the vocabulary v, which must outlive it; *out is NULL without such
 * flags.  SK_E_USAGE for both of them. */
sk_status cmd_guide_open(const eng_vocab *v, const cmd_guide_flags *f, cmd_guide **out, sk_err *e);

/* NULL is allowed. */
void cmd_guide_close(cmd_guide *g);

/* The tokens that may come next, valid until the next call; NULL into *allowed for no guide. */
sk_status cmd_guide_mask(cmd_guide *g, const uint64_t **allowed, sk_err *e);

/* Takes the token that was chosen. */
sk_status cmd_guide_take(cmd_guide *g, int32_t id, sk_err *e);

#endif
