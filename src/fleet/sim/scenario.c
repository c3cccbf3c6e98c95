/* scenario.c - a scenario's sections but its fleet. */
#include "fleet/sim/scenario.h"

#include "fleet/sim/fields.h"
#include "fleet/sim/scenario_fleet.h"

#include <string.h>

/* Bounds that keep every product of them in range. */
#define MOST_SECONDS 3.2e9 /* a century */
#define MOST_CHIPS 1e8

void flt_scenario_default(flt_scenario *s)
{
    *s = (flt_scenario){
        .name = "scenario",
        .start = 1767225600, /* 2026-01-01 */
        .days = 90,
        .seed = 1,
        .bucket_s = 60,
        .demand = {.prompts = 3,
                   .input_tokens = 1155, /* Azure's conversations of 2023 (AzurePublicDataset) */
                   .output_tokens = 211,
                   .peak_to_mean = 1.25,
                   .peak_hour = 20,
                   .weekend = 1,
                   .turns = 1,
                   .pause_s = 60,
                   .lengths = "exponential",
                   .noise = 1},
        .serve = {.replica_chips = 8,
                  .start_s = 300,
                  .headroom = 0.1,
                  .hold_s = 1800,
                  .max_share = 1,
                  .slo_s = 2,
                  .patience_s = 10,
                  .detect_s = 30,
                  .user_rate = 20, /* DeepSeek's users have 20 to 22 */
                  .tpot_floor = 0.5,
                  .timeout_s = 2,
                  .forecast = "perfect"},
        .resize_s = 3600,
        .zone_repair_s = 4 * 3600,
        .trace = "",
        .scale = 1,
    };
}

flt_sim_train flt_sim_train_unsaid(void)
{
    return (flt_sim_train){.workload = "",
                           .kind = "",
                           .chip = "",
                           .min_chips = -1,
                           .max_chips = -1,
                           .priority = INT64_MIN,
                           .checkpoint_s = -1,
                           .restart_s = -1,
                           .min_run_s = -1,
                           .write_s = -1,
                           .params = -1,
                           .mfu = -1,
                           .checkpoint_bytes = -1};
}

#define F(T, name, type, member, min, max)                                                         \
    {                                                                                              \
        name, FLT_FIELD_##type, offsetof(T, member), min, max, NULL                                \
    }
#define W(T, name, member, words)                                                                  \
    {                                                                                              \
        name, FLT_FIELD_WORD, offsetof(T, member), 0, 0, words                                     \
    }
#define OTHER(name)                                                                                \
    {                                                                                              \
        name, FLT_FIELD_OTHER, 0, 0, 0, NULL                                                       \
    }

static const flt_field top[] = {
    F(flt_scenario, "name", TEXT, name, 0, 0),
    F(flt_scenario, "start", TIME, start, 0, 0),
    F(flt_scenario, "days", NUM, days, 0.01, 36500),
    F(flt_scenario, "seed", INT, seed, 0, 9e15),
    F(flt_scenario, "bucket", INT, bucket_s, 1, 3600),
    F(flt_scenario, "trace", TEXT, trace, 0, 0),
    F(flt_scenario, "scale", NUM, scale, 1e-6, 1e9),
    F(flt_scenario, "zone-losses", NUM, zone_losses, 0, 10000),
    F(flt_scenario, "zone-repair", SECONDS, zone_repair_s, 1, MOST_SECONDS),
    F(flt_scenario, "resize", SECONDS, resize_s, 0, MOST_SECONDS),
    OTHER("demand"),
    OTHER("serve"),
    OTHER("train"),
    OTHER("failures"),
    OTHER("sites"),
    OTHER("outages"),
    OTHER("chips"),
    OTHER("pools"),
    OTHER("contracts"),
    {0},
};

static const flt_field demand_rows[] = {
    F(flt_demand, "users", NUM, users, 0, 1e11),
    F(flt_demand, "prompts", NUM, prompts, 0, 1e5),
    F(flt_demand, "input-tokens", NUM, input_tokens, 0, 1e7),
    F(flt_demand, "output-tokens", NUM, output_tokens, 0, 1e7),
    F(flt_demand, "cached", NUM, cached, 0, 1),
    F(flt_demand, "peak-to-mean", NUM, peak_to_mean, 1, 50),
    F(flt_demand, "peak-hour", NUM, peak_hour, 0, 24),
    F(flt_demand, "weekend", NUM, weekend, 0, 100),
    F(flt_demand, "growth", NUM, growth, -0.99, 100),
    F(flt_demand, "turns", NUM, turns, 1, 1e6),
    F(flt_demand, "pause", SECONDS, pause_s, 0, 86400),
    W(flt_demand, "lengths", lengths, "exponential constant"),
    F(flt_demand, "noise", NUM, noise, 0, 1),
    {0},
};

static const flt_field serve_rows[] = {
    F(flt_sim_serve, "replica-chips", INT, replica_chips, 1, 4096),
    F(flt_sim_serve, "prefill-rate", NUM, prefill_rate, 0, 1e9),
    F(flt_sim_serve, "decode-rate", NUM, decode_rate, 0, 1e9),
    F(flt_sim_serve, "start", SECONDS, start_s, 0, 7 * 86400.0),
    F(flt_sim_serve, "headroom", NUM, headroom, 0, 100),
    F(flt_sim_serve, "hold", SECONDS, hold_s, 0, 7 * 86400.0),
    F(flt_sim_serve, "max-share", NUM, max_share, 0.01, 1),
    F(flt_sim_serve, "slo", SECONDS, slo_s, 0.001, 86400),
    F(flt_sim_serve, "patience", SECONDS, patience_s, 0, 86400),
    F(flt_sim_serve, "user-rate", NUM, user_rate, 0.001, 1e6),
    F(flt_sim_serve, "tpot-floor", NUM, tpot_floor, 0, 1),
    F(flt_sim_serve, "timeout", SECONDS, timeout_s, 0.001, 3600),
    F(flt_sim_serve, "detect", SECONDS, detect_s, 0, 3600),
    W(flt_sim_serve, "forecast", forecast, "perfect now"),
    {0},
};

static const flt_field train_rows[] = {
    F(flt_sim_train, "workload", TEXT, workload, 0, 0),
    W(flt_sim_train, "kind", kind, "train batch"),
    F(flt_sim_train, "chip", TEXT, chip, 0, 0),
    F(flt_sim_train, "min-chips", INT, min_chips, 1, MOST_CHIPS),
    F(flt_sim_train, "max-chips", INT, max_chips, 1, MOST_CHIPS),
    F(flt_sim_train, "priority", INT, priority, -1e6, 1e6),
    F(flt_sim_train, "checkpoint-every", SECONDS, checkpoint_s, 1, 30 * 86400.0),
    F(flt_sim_train, "checkpoint-write", SECONDS, write_s, 0, 86400),
    F(flt_sim_train, "restart", SECONDS, restart_s, 0, 7 * 86400.0),
    F(flt_sim_train, "min-run", SECONDS, min_run_s, 0, 30 * 86400.0),
    F(flt_sim_train, "params", NUM, params, 0, 1e16),
    F(flt_sim_train, "mfu", NUM, mfu, 0, 1),
    F(flt_sim_train, "tokens", NUM, tokens, 0, 1e18),
    F(flt_sim_train, "checkpoint-bytes", NUM, checkpoint_bytes, 0, 1e18),
    {0},
};

static const flt_field cause_rows[] = {
    F(flt_sim_cause, "cause", TEXT, name, 0, 0),
    F(flt_sim_cause, "rate", NUM, rate, 0, 1e5),
    F(flt_sim_cause, "repair", SECONDS, repair_s, 1, MOST_SECONDS),
    {0},
};

/* A section that is one object; one that is absent is no error. */
static sk_status section(const flt_fields *f, json_t *root, const char *key, const flt_field *rows,
                         void *into, sk_err *e)
{
    json_t *v = json_object_get(root, key);
    if (!v || json_is_null(v)) return SK_OK;
    return flt_fields_read(f, v, sk_yaml_line(f->y, root, key, 0), key, rows, into, e);
}

/* That run i has a name of its own and bounds in order. */
static sk_status check_train(void *arg, void *rows, size_t i, unsigned line, sk_err *e)
{
    const sk_yaml *y = arg;
    const flt_sim_train *t = rows;
    if (!*t[i].workload) return sk_yaml_fail(y, line, e, SK_E_INVALID, "train has no workload");
    if (t[i].min_chips > 0 && t[i].max_chips > 0 && t[i].min_chips > t[i].max_chips)
        return sk_yaml_fail(y, line, e, SK_E_INVALID, "train: min-chips is over max-chips");
    for (size_t k = 0; k < i; k++)
        if (strcmp(t[k].workload, t[i].workload) == 0)
            return sk_yaml_fail(y, line, e, SK_E_INVALID, "workload \"%s\" is there twice",
                                t[i].workload);
    return SK_OK;
}

static sk_status check_cause(void *arg, void *rows, size_t i, unsigned line, sk_err *e)
{
    const flt_sim_cause *c = rows;
    if (*c[i].name && c[i].rate >= 0) return SK_OK;
    return sk_yaml_fail(arg, line, e, SK_E_INVALID,
                        "a failure has a cause and a rate (per 1,000 node-days)");
}

/* The lists of runs and of causes. */
static sk_status read_lists(const flt_fields *f, json_t *root, flt_scenario *s, sk_err *e)
{
    const flt_sim_train no_train = flt_sim_train_unsaid();
    const flt_sim_cause no_cause = {"", -1, 4 * 3600};
    const flt_list train = {"train",    FLT_SIM_JOBS, sizeof no_train,
                            train_rows, &no_train,    check_train};
    const flt_list causes = {"failures", FLT_SIM_CAUSES, sizeof no_cause,
                             cause_rows, &no_cause,      check_cause};
    void *rows, *arg = (void *)(uintptr_t)f->y;
    sk_status st = flt_fields_rows(f, root, &train, arg, &rows, &s->n_train, e);
    if (st) return st;
    s->train = rows;
    st = flt_fields_rows(f, root, &causes, arg, &rows, &s->n_cause, e);
    if (!st) s->cause = rows;
    return st;
}

/* An outage is a line of text as the command takes it. */
static sk_status read_outages(const flt_fields *f, json_t *root, flt_scenario *s, sk_err *e)
{
    json_t *v = json_object_get(root, "outages"), *item;
    size_t i;
    if (!v || json_is_null(v)) return SK_OK;
    if (!json_is_array(v))
        return sk_yaml_fail(f->y, sk_yaml_line(f->y, root, "outages", 0), e, SK_E_INVALID,
                            "outages is a list");
    json_array_foreach(v, i, item)
    {
        unsigned line = sk_yaml_line(f->y, v, NULL, i);
        const char *text = json_string_value(item);
        sk_err why = SK_ERR_INIT;
        if (!text)
            return sk_yaml_fail(f->y, line, e, SK_E_INVALID,
                                "an outage is text: aws@day12+15h:no-launch");
        sk_status st = flt_scenario_add_outage(s, text, f->mem, &why);
        if (st) return sk_yaml_fail(f->y, line, e, st, "%s", why.text);
    }
    return SK_OK;
}

sk_status flt_scenario_add_outage(flt_scenario *s, const char *text, sk_arena *mem, sk_err *e)
{
    if (s->n_outage == FLT_SIM_OUTAGES)
        return sk_fail(e, SK_E_TOOBIG, "more than %d outages", FLT_SIM_OUTAGES);
    sk_status st = flt_outage_parse(text, s->start, mem, &s->outage[s->n_outage], e);
    if (!st) s->n_outage++;
    return st;
}

sk_status flt_scenario_read(const sk_yaml *y, sk_arena *mem, flt_scenario *out, sk_err *e)
{
    flt_fields f = {y, mem};
    json_t *root = sk_yaml_root(y);
    flt_scenario s;
    flt_scenario_default(&s);
    sk_status st = flt_fields_read(&f, root, 1, "a scenario", top, &s, e);
    if (!st) st = section(&f, root, "demand", demand_rows, &s.demand, e);
    if (!st && s.demand.turns > 1 && s.demand.cached > 1 - 1 / s.demand.turns)
        st =
            sk_yaml_fail(y, sk_yaml_line(y, root, "demand", 0), e, SK_E_INVALID,
                         "demand.cached is over (turns - 1) / turns: first prompts have no prefix");
    if (!st) st = section(&f, root, "serve", serve_rows, &s.serve, e);
    if (!st) st = read_lists(&f, root, &s, e);
    if (!st) st = flt_scenario_fleet(&f, root, &s, e);
    if (!st) st = read_outages(&f, root, &s, e);
    if (!st) *out = s;
    return st;
}

sk_status flt_scenario_load(const char *path, sk_arena *mem, flt_scenario *out, sk_err *e)
{
    sk_yaml *y = NULL;
    sk_status st = sk_yaml_load(path, &y, e);
    if (st) return st;
    st = flt_scenario_read(y, mem, out, e);
    sk_yaml_free(y);
    return st;
}
