/* workload.c - stoke fleet workload: what is to run. */
#include "cli/fleet/rows.h"
#include "cli/verbs.h"

static const sk_opt rows[] = {
    CMD_FIELD(0, "kind", "WORD", "train, serve or batch"),
    CMD_FIELD(1, "model", "NAME", "what it trains or serves"),
    CMD_FIELD(2, "chip", "NAME", "the chip it needs; any if not given"),
    CMD_FIELD(3, "min-chips", "N", "below so many it does not run at all"),
    CMD_FIELD(4, "max-chips", "N", "more it can't use"),
    CMD_FIELD(5, "priority", "N", "higher goes first"),
    CMD_FIELD(6, "memory", "BYTES", "that its chips must have together"),
    CMD_FIELD(7, "checkpoint", "BYTES", "size of a checkpoint"),
    CMD_FIELD(8, "checkpoint-every", "TIME", "such as 30m"),
    CMD_FIELD(9, "restart", "TIME", "to come back after a stop"),
    CMD_FIELD(10, "min-run", "TIME", "not to be stopped before"),
    CMD_FIELD(11, "slo-ttft", "SECONDS", "to the first token, at most"),
    CMD_FIELD(12, "slo-tpot", "SECONDS", "from token to token, at most"),
    CMD_FIELD(13, "deadline", "DATE", "when it must be done"),
    CMD_FLEET_DB_ROW(cmd_rows_opts),
    CMD_FLEET_JSON_ROW(cmd_rows_opts),
    CMD_COMMON_ROWS(cmd_rows_opts),
    {0},
};

static const char *const columns[] = {"kind",      "model",    "chip",     "min_chips",
                                      "max_chips", "priority", "deadline", NULL};

static sk_status workload(int argc, char **argv, sk_err *e)
{
    return cmd_rows_run(&cmd_fleet_workload_verb, FLT_ROW_WORKLOAD, columns, argc, argv, e);
}

const cmd_verb cmd_fleet_workload_verb = {
    {"fleet-workload", "what is to run", "[list | add NAME | show NAME | set NAME | remove NAME]",
     0, 2, "Workloads: training runs, served models, batches. Without a word it lists them.",
     "stoke fleet workload add chat --kind serve --min-chips 16 --max-chips 400 --priority 100\n"
     "  goes before all below 100\n",
     rows},
    workload};
