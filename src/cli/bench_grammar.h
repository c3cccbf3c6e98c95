/* bench_grammar.h - stoke bench --grammar: schemas with instances, as MaskBench has them. */
#ifndef CMD_CLI_BENCH_GRAMMAR_H
#define CMD_CLI_BENCH_GRAMMAR_H

#include "base/buf.h"
#include "base/status.h"

/* Runs every *.json of a folder: {"schema": ..., "tests": [{"data": ..., "valid": bool}, ...]},
 * with the vocabulary of the file `model`.  A schema passes when all its valid instances are taken
 * token by token, and of each invalid one some token is not.  What each schema that does not pass
 * comes to is printed; the figures go to out, as lines or one JSON object. */
sk_status cmd_bench_grammar_run(const char *model, const char *folder, bool json, sk_buf *out,
                                sk_err *e);

#endif
