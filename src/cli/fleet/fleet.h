/* fleet.h - what verbs do that only have verbs of their own. */
#ifndef CMD_CLI_FLEET_FLEET_H
#define CMD_CLI_FLEET_FLEET_H

#include "cli/cmd.h"

/* Lists the verbs whose names go on from v's ("fleet-plan" for "fleet"); SK_E_USAGE, with the
 * nearest one, for a word that is none of them. */
sk_status cmd_fleet_list(const cmd_verb *v, int argc, char **argv, sk_err *e);

#endif
