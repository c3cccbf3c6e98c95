/* recipe_report.h - what a recipe came to: DIR/report.md with its curves. */
#ifndef CMD_CLI_RECIPE_REPORT_H
#define CMD_CLI_RECIPE_REPORT_H

#include "cli/recipe_state.h"

/* Writes DIR/report.md and DIR/NAME-loss.svg, NAME-bpb.svg of each training stage.  The prompts are
 * answered by the last model that was tuned, else the last trained. */
sk_status cmd_recipe_report(const cmd_recipe *r, const cmd_state *s, sk_err *e);

#endif
