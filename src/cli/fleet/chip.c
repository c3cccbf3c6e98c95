/* chip.c - stoke fleet chip: kinds of accelerators. */
#include "cli/fleet/rows.h"
#include "cli/verbs.h"

static const sk_opt rows[] = {
    CMD_FIELD(0, "peak-bf16", "FLOPS", "dense bf16 FLOP/s at most, such as 989e12"),
    CMD_FIELD(1, "memory", "BYTES", "its memory, such as 80e9"),
    CMD_FIELD(2, "bandwidth", "BYTES", "of that memory, a second"),
    CMD_FIELD(3, "prefill-rate", "TOKENS", "a second that it reads of prompts, as measured"),
    CMD_FIELD(4, "decode-rate", "TOKENS", "a second that it writes of answers, as measured"),
    CMD_FIELD(5, "source", "TEXT", "where the figures are from"),
    CMD_FLEET_DB_ROW(cmd_rows_opts),
    CMD_FLEET_JSON_ROW(cmd_rows_opts),
    CMD_COMMON_ROWS(cmd_rows_opts),
    {0},
};

static const char *const columns[] = {"peak_bf16",    "memory",      "bandwidth",
                                      "prefill_rate", "decode_rate", NULL};

static sk_status chip(int argc, char **argv, sk_err *e)
{
    return cmd_rows_run(&cmd_fleet_chip_verb, FLT_ROW_CHIP, columns, argc, argv, e);
}

const cmd_verb cmd_fleet_chip_verb = {
    {"fleet-chip", "kinds of accelerators",
     "[list | add NAME | show NAME | set NAME | remove NAME]", 0, 2,
     "Accelerators and what they can do; 0 is what is not known. Without a word it lists them.",
     "stoke fleet chip add h100 --peak-bf16 989e12 --memory 80e9 --bandwidth 3.35e12\n"
     "  one that a pool may have\n",
     rows},
    chip};
