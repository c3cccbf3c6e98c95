/* check_thing.c - checks of providers, chips and pools: what there is. */
#include "fleet/book/check.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum {
    WHAT = FLT_NAME_MAX + 32, /* bytes of a row's name in a sentence */
    MAX_NODES = 10000000,
    MAX_MACHINE = 16384 /* chips in one network are sold as one unit, at most */
};

/* Whether text is one of the n words, and the sentence that lists them if not. */
static sk_status one_of(const char *what, const char *field, const char *text,
                        const char *const *words, size_t n, sk_err *e)
{
    char list[128] = "";
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(text, words[i])) return SK_OK;
        int len = snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", words[i]);
        used += (size_t)len;
    }
    return sk_fail(e, SK_E_INVALID, "%s: the %s \"%.32s\" is none of %s", what, field, text, list);
}

sk_status flt_book_check_provider(const flt_book *b, const flt_provider *row, sk_err *e)
{
    static const char *const kinds[] = {"aws", "azure", "gcp", "own", "other"};
    char what[WHAT];
    sk_status st = flt_check_name("provider", row->name, e);
    if (st) return st;
    (void)snprintf(what, sizeof what, "provider \"%s\"", row->name);
    const flt_provider *same = flt_book_provider_named(b, row->name);
    if (same && same->id != row->id)
        return sk_fail(e, SK_E_INVALID, "there is a %s already; choose another name", what);
    return one_of(what, "kind", row->kind, kinds, sizeof kinds / sizeof *kinds, e);
}

sk_status flt_book_check_chip(const flt_book *b, const flt_chip *row, sk_err *e)
{
    char what[WHAT];
    sk_status st = flt_check_name("chip", row->name, e);
    if (st) return st;
    (void)snprintf(what, sizeof what, "chip \"%s\"", row->name);
    for (const char *p = row->name; *p; p++)
        if (isupper((unsigned char)*p))
            return sk_fail(e, SK_E_INVALID, "%s: names of chips are in lower case", what);
    const flt_chip *same = flt_book_chip_named(b, row->name);
    if (same && same->id != row->id)
        return sk_fail(e, SK_E_INVALID, "there is a %s already; choose another name", what);
    st = flt_check_size(what, "the peak", row->peak_bf16_flops, e);
    if (!st) st = flt_check_size(what, "the memory", row->memory_bytes, e);
    if (!st) st = flt_check_size(what, "the memory's bandwidth", row->memory_bandwidth, e);
    if (!st) st = flt_check_size(what, "the prefill rate", row->prefill_rate, e);
    if (!st) st = flt_check_size(what, "the decode rate", row->decode_rate, e);
    if (!st) st = flt_check_text(what, "the source", row->source, e);
    return st;
}

/* ---- machines as they are sold ----------------------------------------------------------------
 */

/* Chips of one machine, 0 ends the list. */
typedef struct machine {
    const char *chip; /* the name's beginning; a digit or letter that follows makes another chip */
    int sizes[8];
} machine;

/* From the clouds' lists of instance types (AWS EC2 accelerated computing, Azure ND/NC series,
 * Google A2/A3/A4/G2, TPU host shapes), 2026. */
static const machine machines[] = {
    {"h100", {1, 2, 4, 8}},       {"h200", {1, 2, 4, 8}},
    {"b200", {1, 2, 4, 8}},       {"b300", {1, 2, 4, 8}},
    {"gb200", {1, 2, 4, 36, 72}}, {"gb300", {1, 2, 4, 36, 72}},
    {"a100", {1, 2, 4, 8, 16}},   {"a10g", {1, 4, 8}},
    {"l4", {1, 2, 4, 8}},         {"l40s", {1, 2, 4, 8}},
    {"v100", {1, 2, 4, 8, 16}},   {"t4", {1, 2, 4, 8}},
    {"mi300x", {1, 8}},           {"mi325x", {1, 8}},
    {"mi355x", {1, 8}},           {"trainium", {1, 16}},
    {"trainium1", {1, 16}},       {"trn1", {1, 16}},
    {"trainium2", {1, 16, 64}},   {"trn2", {1, 16, 64}},
    {"inferentia", {1, 4, 16}},   {"inferentia2", {1, 2, 6, 12}},
    {"inf2", {1, 2, 6, 12}},
};

static const machine *machine_of(const char *chip)
{
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
        size_t n = strlen(machines[i].chip);
        if (!strncmp(chip, machines[i].chip, n) && !isalnum((unsigned char)chip[n]))
            return &machines[i];
    }
    return NULL;
}

sk_status flt_check_machine(const char *what, const char *word, const char *chip, int64_t chips,
                            sk_err *e)
{
    sk_status st = flt_check_range(what, word, chips, 1, MAX_MACHINE, e);
    const machine *m = st ? NULL : machine_of(chip);
    if (!m) return st;
    char list[64] = "";
    size_t used = 0;
    for (const int *s = m->sizes; *s; s++) {
        if (*s == chips) return SK_OK;
        int len = snprintf(list + used, sizeof list - used, "%s%d",
                           s == m->sizes ? "" : (s[1] ? ", " : " or "), *s);
        used += (size_t)len;
    }
    return sk_fail(e, SK_E_INVALID,
                   "%s: %s is %lld, but machines with %s are sold with %s; a mistake in the "
                   "catalogue?",
                   what, word, (long long)chips, chip, list);
}

/* Where the pool is, and how it is reached. */
static sk_status check_place(const char *what, const flt_pool *row, sk_err *e)
{
    static const char *const engines[] = {"local", "slurm-cli", "slurm-rest", "sim"};
    sk_status st =
        one_of(what, "engine", row->engine, engines, sizeof engines / sizeof *engines, e);
    if (!st) st = flt_check_text(what, "the region", row->region, e);
    if (!st) st = flt_check_text(what, "the zone", row->zone, e);
    if (!st) st = flt_check_text(what, "the endpoint", row->endpoint, e);
    if (!st) st = flt_check_range(what, "the state", (int64_t)row->state, 0, FLT_POOL_GONE, e);
    if (!st) st = flt_check_range(what, "the epoch", row->epoch, 0, INT64_MAX, e);
    return st;
}

/* How much of it there is: one's own machines may be of any size. */
static sk_status check_extent(const char *what, const flt_pool *row, const flt_provider *p,
                              const flt_chip *c, sk_err *e)
{
    bool cloud = strcmp(p->kind, "own") != 0 && strcmp(p->kind, "other") != 0;
    sk_status st = flt_check_range(what, "the number of nodes", row->nodes, 0, MAX_NODES, e);
    if (!st)
        st =
            flt_check_machine(what, "chips per node", cloud ? c->name : "", row->chips_per_node, e);
    if (!st) st = flt_check_size(what, "the network's speed", row->net_gbps, e);
    return st;
}

/* In the order in which a person would mend it: the name, what it refers to, its own figures, and
 * last what it does to the currencies of its provider's contracts. */
sk_status flt_book_check_pool(const flt_book *b, const flt_pool *row, sk_err *e)
{
    char what[WHAT];
    sk_status st = flt_check_name("pool", row->name, e);
    if (st) return st;
    (void)snprintf(what, sizeof what, "pool \"%s\"", row->name);
    const flt_pool *same = flt_book_pool_named(b, row->name);
    if (same && same->id != row->id)
        return sk_fail(e, SK_E_INVALID, "there is a %s already; choose another name", what);
    const flt_provider *p = flt_book_provider(b, row->provider);
    const flt_chip *c = flt_book_chip(b, row->chip);
    if (!p) return sk_fail(e, SK_E_INVALID, "%s: its provider is not known; add it first", what);
    if (!c) return sk_fail(e, SK_E_INVALID, "%s: its chip is not known; add it first", what);
    st = check_place(what, row, e);
    if (!st) st = check_extent(what, row, p, c, e);
    if (!st) st = flt_check_currency(what, row->currency, e);
    if (!st)
        st = flt_check_range(what, "the price of egress", row->egress_micros_per_gb, 0, INT64_MAX,
                             e);
    if (!st && row->egress_micros_per_gb > 0)
        st = flt_check_mix(b, what, row->provider, row->currency, 0, 0, e);
    return st;
}
