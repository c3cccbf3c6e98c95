/* ledger.h - what the verbs of the ledger share: which time they speak of, sums for people. */
#ifndef CMD_CLI_FLEET_LEDGER_H
#define CMD_CLI_FLEET_LEDGER_H

#include "base/utc.h"
#include "cli/cmd.h"

/* Rows for --month, --from and --to; T has strings of these names. */
#define CMD_LEDGER_SPAN_ROWS(T)                                                                    \
    CMD_ROW(T, "month", 0, SK_OPT_STRING, "YYYY-MM", NULL, "of this month", month, 0, NULL),       \
        CMD_ROW(T, "from", 0, SK_OPT_STRING, "DATE", NULL, "from this day on", from, 0, NULL),     \
        CMD_ROW(T, "to", 0, SK_OPT_STRING, "DATE", NULL, "up to this day, which is left out", to,  \
                0, NULL)

/* The span they name; all of time where none is given. */
sk_status cmd_ledger_span(const char *month, const char *from, const char *to, sk_span *out,
                          sk_err *e);

/* Appends `"key":v` with a comma before it unless first. */
void cmd_ledger_json_int(sk_buf *b, bool first, const char *key, int64_t v);
void cmd_ledger_json_num(sk_buf *b, const char *key, double v);
void cmd_ledger_json_str(sk_buf *b, bool first, const char *key, const char *v);

#endif
