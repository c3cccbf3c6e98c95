/* buy_file.h - a question of what to buy, read from a YAML file (docs/format/plan.md has its form).
 */
#ifndef FLT_FLEET_PLAN_BUY_FILE_H
#define FLT_FLEET_PLAN_BUY_FILE_H

#include "base/yaml.h"
#include "fleet/plan/buy.h"

/* Reads the document into *out, whose texts and arrays live in mem.  What is unknown, missing or of
 * the wrong kind is refused with its line; whether the figures make a plan is flt_buy_solve's
 * matter.  *currency is "USD" unless the file says so. */
sk_status flt_buy_read(const sk_yaml *y, sk_arena *mem, flt_buy *out, const char **currency,
                       sk_err *e);

#endif
