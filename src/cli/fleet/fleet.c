/* fleet.c - stoke fleet: the list of its own verbs. */
#include "cli/cmd.h"
#include "cli/suggest.h"
#include "cli/verbs.h"

#include <stdio.h>
#include <string.h>

static const sk_opt rows[] = {{0}};

/* The verbs whose names begin with "fleet-". */
static void overview(sk_buf *out)
{
    size_t n;
    const cmd_verb *const *v = cmd_verbs(&n);
    sk_buf name = SK_BUF_INIT;
    for (size_t i = 0; i < n; i++) {
        if (strncmp(v[i]->opt.name, "fleet-", 6) != 0) continue;
        sk_buf_reset(&name);
        sk_opt_typed(&v[i]->opt, &name);
        sk_buf_addf(out, "  %-18s %s\n", name.len ? name.p : "", v[i]->opt.summary);
    }
    out->oom |= !sk_buf_ok(&name);
    sk_buf_fini(&name);
}

/* Alone it is a question, so the list is an answer; a word it does not know is a mistake. */
static sk_status fleet(int argc, char **argv, sk_err *e)
{
    sk_opt_list args = {.n = 0};
    sk_buf out = SK_BUF_INIT;
    char none[1];
    bool done;
    sk_status st = cmd_parse(&cmd_fleet_verb, argc, argv, none, NULL, &args, &done, e);
    if (st || done) return st;
    if (args.n) {
        char name[64];
        (void)snprintf(name, sizeof name, "fleet %.40s", args.item[0]);
        return cmd_unknown(name, e);
    }
    overview(&out);
    return cmd_out_buf(&out, e);
}

const cmd_verb cmd_fleet_verb = {
    {"fleet", "compute from several providers: contracts, costs, plans", "[VERB]", 0, 255,
     "Pools of compute from several clouds and machines of one's own, what was promised for them, "
     "what they cost, and what to buy next. A fleet is a file, or a PostgreSQL database (--db). "
     "Without a verb: the list of the fleet's verbs.",
     "stoke fleet init --example\n  writes a fleet to look at\n"
     "stoke help fleet plan train\n  the flags of one of its verbs\n",
     rows},
    fleet};
