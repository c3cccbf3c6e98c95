/* offer.c - stoke fleet offer: what compute is sold for, from a date on. */
#include "cli/fleet/rows.h"
#include "cli/verbs.h"

static const sk_opt rows[] = {
    CMD_FIELD(0, "provider", "NAME", "who asks it"),
    CMD_FIELD(1, "chip", "NAME", "for which chip"),
    CMD_FIELD(2, "price", "MONEY", "of a chip-hour; none if not given"),
    CMD_FIELD(3, "currency", "CODE", "USD if not given"),
    CMD_FIELD(4, "region", "NAME", "where it holds; everywhere if not given"),
    CMD_FIELD(5, "sku", "NAME", "the instance it is sold as, such as p5.48xlarge"),
    CMD_FIELD(6, "chips-per-unit", "N", "chips of one of those; 1 if not given"),
    CMD_FIELD(7, "category", "WORD", "on-demand, spot, block or reserved"),
    CMD_FIELD(8, "limit-chips", "N", "so many can be had at most"),
    CMD_FIELD(9, "from", "DATE", "from when it holds"),
    CMD_FIELD(10, "to", "DATE", "until when; until further notice if not given"),
    CMD_FIELD(11, "source", "TEXT", "where the price is from"),
    CMD_ROW(cmd_rows_opts, "at", 0, SK_OPT_STRING, "DATE", NULL, "when the offer ends (end)", at, 0,
            NULL),
    CMD_FLEET_DB_ROW(cmd_rows_opts),
    CMD_FLEET_JSON_ROW(cmd_rows_opts),
    CMD_COMMON_ROWS(cmd_rows_opts),
    {0},
};

static const char *const columns[] = {"provider", "chip", "sku", "region", "category", "price",
                                      "currency", "from", "to",  "source", NULL};

static sk_status offer(int argc, char **argv, sk_err *e)
{
    return cmd_rows_run(&cmd_fleet_offer_verb, FLT_ROW_OFFER, columns, argc, argv, e);
}

const cmd_verb cmd_fleet_offer_verb = {
    {"fleet-offer", "what compute is sold for",
     "[list | add | show NUMBER | end NUMBER | remove NUMBER]", 0, 2,
     "Offers: the price of a chip-hour from a date on, with its source. A price that changes is a "
     "new offer from another date: the one that begins last holds. Without a word it lists them.",
     "stoke fleet offer add --provider aws --chip h100 --sku p5.48xlarge --chips-per-unit 8 \\\n"
     "    --price 6.88 --from 2026-01-01 --source \"price list of the day\"\n"
     "  55.04 an hour for eight\n",
     rows},
    offer};
