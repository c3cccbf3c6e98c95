/* verbs.h - every verb of the program, in the order of help. */
#ifndef CMD_CLI_VERBS_H
#define CMD_CLI_VERBS_H

#include "cli/cmd.h"

/* One row a verb: the NAME of cmd_NAME.c (of cli/fleet/NAME.c for fleet_NAME).  To add one:
 * docs/adding.md. */
#define CMD_VERBS(ROW)                                                                             \
    /* making models */                                                                            \
    ROW(tokenizer)                                                                                 \
    ROW(data)                                                                                      \
    ROW(train)                                                                                     \
    ROW(tune)                                                                                      \
    ROW(run)                                                                                       \
    ROW(watch)                                                                                     \
    /* using them */                                                                               \
    ROW(chat)                                                                                      \
    ROW(generate)                                                                                  \
    ROW(serve)                                                                                     \
    ROW(up)                                                                                        \
    ROW(keys)                                                                                      \
    ROW(embed)                                                                                     \
    /* changing them */                                                                            \
    ROW(export)                                                                                    \
    ROW(convert)                                                                                   \
    ROW(imatrix)                                                                                   \
    ROW(quantize)                                                                                  \
    /* looking inside */                                                                           \
    ROW(inspect)                                                                                   \
    ROW(tokenize)                                                                                  \
    ROW(template)                                                                                  \
    ROW(logits)                                                                                    \
    ROW(perplexity)                                                                                \
    ROW(eval)                                                                                      \
    ROW(gate)                                                                                      \
    /* compute from several providers; the dashes of names are spaces */                           \
    ROW(fleet)                                                                                     \
    ROW(fleet_init)                                                                                \
    ROW(fleet_status)                                                                              \
    ROW(fleet_provider)                                                                            \
    ROW(fleet_chip)                                                                                \
    ROW(fleet_pool)                                                                                \
    ROW(fleet_offer)                                                                               \
    ROW(fleet_contract)                                                                            \
    ROW(fleet_reservation)                                                                         \
    ROW(fleet_workload)                                                                            \
    ROW(fleet_place)                                                                               \
    ROW(fleet_plan)                                                                                \
    ROW(fleet_plan_train)                                                                          \
    ROW(fleet_plan_serve)                                                                          \
    ROW(fleet_plan_buy)                                                                            \
    ROW(fleet_import)                                                                              \
    ROW(fleet_ledger)                                                                              \
    ROW(fleet_pace)                                                                                \
    ROW(fleet_export)                                                                              \
    ROW(fleet_sim)                                                                                 \
    /* the machine and the program */                                                              \
    ROW(bench)                                                                                     \
    ROW(version)                                                                                   \
    ROW(help)

#define CMD_DECLARE_VERB(name) extern const cmd_verb cmd_##name##_verb;
CMD_VERBS(CMD_DECLARE_VERB)
#undef CMD_DECLARE_VERB

#endif
