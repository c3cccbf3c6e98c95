/* plan.h - what the verbs of stoke fleet plan share: prices from flags, figures for people. */
#ifndef CMD_CLI_FLEET_PLAN_H
#define CMD_CLI_FLEET_PLAN_H

#include "base/buf.h"
#include "base/status.h"

#include <stdint.h>

/* Reads the price of flag --NAME into micro-units; `none` where text is NULL.  A negative one is
 * refused. */
sk_status cmd_plan_price(const char *name, const char *text, int64_t none, int64_t *micros,
                         sk_err *e);

/* Appends `,"key":v` (without the comma before the first member of an object): a number as JSON
 * has it, null for one that is none; micro-units, null below 0. */
void cmd_plan_num(sk_buf *b, const char *key, double v);
void cmd_plan_micros(sk_buf *b, const char *key, int64_t micros);

/* Appends a line of a table for people: the name, and what the form makes of it. */
void cmd_plan_line(sk_buf *b, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for money, left out below 0. */
void cmd_plan_money(sk_buf *b, const char *name, int64_t micros, const char *currency);

#endif
