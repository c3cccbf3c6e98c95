/* fleet.c - stoke fleet: the list of its own verbs. */
#include "cli/fleet/fleet.h"

#include "cli/suggest.h"
#include "cli/verbs.h"

#include <string.h>

static const sk_opt rows[] = {{0}};

/* The verbs whose names go on from v's. */
static void overview(const cmd_verb *v, sk_buf *out)
{
    size_t n, len = strlen(v->opt.name);
    const cmd_verb *const *all = cmd_verbs(&n);
    sk_buf name = SK_BUF_INIT;
    for (size_t i = 0; i < n; i++) {
        const char *s = all[i]->opt.name;
        if (strncmp(s, v->opt.name, len) != 0 || s[len] != '-') continue;
        sk_buf_reset(&name);
        sk_opt_typed(&all[i]->opt, &name);
        sk_buf_addf(out, "  %-18s %s\n", name.len ? name.p : "", all[i]->opt.summary);
    }
    out->oom |= !sk_buf_ok(&name);
    sk_buf_fini(&name);
}

/* Alone it is a question, so the list is an answer; a word it does not know is a mistake. */
sk_status cmd_fleet_list(const cmd_verb *v, int argc, char **argv, sk_err *e)
{
    sk_opt_list args = {.n = 0};
    sk_buf out = SK_BUF_INIT;
    char none[1];
    bool done;
    sk_status st = cmd_parse(v, argc, argv, none, NULL, &args, &done, e);
    if (st || done) return st;
    if (args.n) {
        sk_opt_typed(&v->opt, &out);
        sk_buf_addf(&out, " %.40s", args.item[0]);
        st = cmd_unknown(out.len ? out.p : args.item[0], e);
        sk_buf_fini(&out);
        return st;
    }
    overview(v, &out);
    return cmd_out_buf(&out, e);
}

static sk_status fleet(int argc, char **argv, sk_err *e)
{
    return cmd_fleet_list(&cmd_fleet_verb, argc, argv, e);
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
