/* pool.c - stoke fleet pool: machines that work together. */
#include "cli/fleet/rows.h"
#include "cli/verbs.h"

static const sk_opt rows[] = {
    CMD_FIELD(0, "provider", "NAME", "whose machines they are"),
    CMD_FIELD(1, "chip", "NAME", "the one kind of chip they have"),
    CMD_FIELD(2, "nodes", "N", "how many machines"),
    CMD_FIELD(3, "chips-per-node", "N", "chips of each"),
    CMD_FIELD(4, "region", "NAME", "as the provider calls it; prices may depend on it"),
    CMD_FIELD(5, "zone", "NAME", "the part of the region that fails together"),
    CMD_FIELD(6, "engine", "WORD", "what starts work there: local, slurm-cli, slurm-rest or sim"),
    CMD_FIELD(7, "endpoint", "URL", "where that is reached"),
    CMD_FIELD(8, "net-gbps", "GBIT", "a second between two of its machines"),
    CMD_FIELD(9, "egress-per-gb", "MONEY", "for 10^9 bytes that leave it"),
    CMD_FIELD(10, "currency", "CODE", "of that; USD if not given"),
    CMD_FIELD(11, "state", "WORD", "up, draining, no-launch, silent or gone"),
    CMD_FLEET_DB_ROW(cmd_rows_opts),
    CMD_FLEET_JSON_ROW(cmd_rows_opts),
    CMD_COMMON_ROWS(cmd_rows_opts),
    {0},
};

static const char *const columns[] = {"provider",       "region", "chip",  "nodes",
                                      "chips_per_node", "engine", "state", NULL};

static sk_status pool(int argc, char **argv, sk_err *e)
{
    return cmd_rows_run(&cmd_fleet_pool_verb, FLT_ROW_POOL, columns, argc, argv, e);
}

const cmd_verb cmd_fleet_pool_verb = {
    {"fleet-pool", "machines that work together",
     "[list | add NAME | show NAME | set NAME | remove NAME]", 0, 2,
     "Pools: machines with one kind of chip in one place on one network. Without a word it lists "
     "them. A pool whose state is set otherwise begins a new epoch.",
     "stoke fleet pool add aws-us-east --provider aws --chip h100 --nodes 64 --chips-per-node 8\n"
     "  512 chips\n"
     "stoke fleet pool set aws-us-east --state draining\n  it takes nothing new\n",
     rows},
    pool};
