/* plan.c - stoke fleet plan: the list of its verbs, and what they share. */
#include "cli/fleet/plan.h"

#include "base/json.h"
#include "cli/fleet/fleet.h"
#include "cli/verbs.h"
#include "fleet/fleet.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

sk_status cmd_plan_price(const char *name, const char *text, int64_t none, int64_t *micros,
                         sk_err *e)
{
    int64_t v = none;
    if (text) {
        sk_status st = flt_money_parse(text, strlen(text), &v, NULL, e);
        if (st) return sk_while(e, "--%s", name);
        if (v < 0) return sk_fail(e, SK_E_USAGE, "--%s must be at least 0, it is %s", name, text);
    }
    *micros = v;
    return SK_OK;
}

static void add_key(sk_buf *b, const char *key)
{
    if (b->len && b->p[b->len - 1] != '{') sk_buf_addc(b, ',');
    sk_buf_addf(b, "\"%s\":", key);
}

void cmd_plan_num(sk_buf *b, const char *key, double v)
{
    add_key(b, key);
    sk_json_add_num(b, v);
}

void cmd_plan_micros(sk_buf *b, const char *key, int64_t micros)
{
    add_key(b, key);
    if (micros < 0)
        sk_buf_adds(b, "null");
    else
        sk_buf_addf(b, "%" PRId64, micros);
}

void cmd_plan_line(sk_buf *b, const char *name, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    sk_buf_addf(b, "%-26s %s\n", name, text);
}

void cmd_plan_money(sk_buf *b, const char *name, int64_t micros, const char *currency)
{
    char text[FLT_MONEY_TEXT];
    if (micros < 0) return;
    flt_money_table(micros, text);
    cmd_plan_line(b, name, "%s %s", text, currency);
}

/* ---- the verb ---- */

static const sk_opt rows[] = {{0}};

static sk_status plan(int argc, char **argv, sk_err *e)
{
    return cmd_fleet_list(&cmd_fleet_plan_verb, argc, argv, e);
}

const cmd_verb cmd_fleet_plan_verb = {
    {"fleet-plan", "what a model takes: chips, days, dollars, what to buy", "[VERB]", 0, 255,
     "Arithmetic before anything is bought or started. Without a verb: the list of the plan's "
     "verbs. docs/format/plan.md has each formula and what it makes of published runs.",
     "stoke fleet plan train --params 405e9 --tokens 15.6e12 --chips 16384 --chip h100 --mfu 0.40\n"
     "  days, chip-hours and cost of a training run\n",
     rows},
    plan};
