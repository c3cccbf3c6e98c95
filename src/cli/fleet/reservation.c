/* reservation.c - stoke fleet reservation: chips that are held for a time. */
#include "cli/fleet/rows.h"
#include "cli/verbs.h"

static const sk_opt rows[] = {
    CMD_FIELD(0, "pool", "NAME", "where"),
    CMD_FIELD(1, "chips", "N", "how many"),
    CMD_FIELD(2, "from", "DATE", "from when"),
    CMD_FIELD(3, "to", "DATE", "until when (or --term)"),
    CMD_FIELD(4, "commitment", "NAME", "what pays for them: CONTRACT/COMMITMENT"),
    CMD_ROW(cmd_rows_opts, "term", 0, SK_OPT_STRING, "TIME", NULL, "how long: 30d, 6mo, 1y", term,
            0, NULL),
    CMD_FLEET_DB_ROW(cmd_rows_opts),
    CMD_FLEET_JSON_ROW(cmd_rows_opts),
    CMD_COMMON_ROWS(cmd_rows_opts),
    {0},
};

static const char *const columns[] = {"pool", "chips", "from", "to", "commitment", NULL};

static sk_status reservation(int argc, char **argv, sk_err *e)
{
    return cmd_rows_run(&cmd_fleet_reservation_verb, FLT_ROW_RESERVATION, columns, argc, argv, e);
}

const cmd_verb cmd_fleet_reservation_verb = {
    {"fleet-reservation", "chips that are held for a time",
     "[list | add | show NUMBER | set NUMBER | remove NUMBER]", 0, 2,
     "Chips of a pool that are held for a time, used or not. Without a word it lists them.",
     "stoke fleet reservation add --pool aws-us-east --chips 64 --from 2026-03-01 --term 6mo\n"
     "  eight machines for half a year\n",
     rows},
    reservation};
