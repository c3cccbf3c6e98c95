/* provider.c - stoke fleet provider: who sells compute. */
#include "cli/fleet/rows.h"
#include "cli/verbs.h"

static const sk_opt rows[] = {
    CMD_FIELD(0, "kind", "KIND", "aws, azure, gcp, own or other; other if not given"),
    CMD_FLEET_DB_ROW(cmd_rows_opts),
    CMD_FLEET_JSON_ROW(cmd_rows_opts),
    CMD_COMMON_ROWS(cmd_rows_opts),
    {0},
};

static const char *const columns[] = {"kind", NULL};

static sk_status provider(int argc, char **argv, sk_err *e)
{
    return cmd_rows_run(&cmd_fleet_provider_verb, FLT_ROW_PROVIDER, columns, argc, argv, e);
}

const cmd_verb cmd_fleet_provider_verb = {
    {"fleet-provider", "who sells compute",
     "[list | add NAME | show NAME | set NAME | remove NAME]", 0, 2,
     "Providers of compute: clouds, or oneself. Without a word it lists them. One that pools, "
     "offers or contracts belong to can't be removed.",
     "stoke fleet provider add aws --kind aws\n  a cloud\n"
     "stoke fleet provider add lab --kind own\n  machines of one's own\n",
     rows},
    provider};
