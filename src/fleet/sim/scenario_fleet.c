/* scenario_fleet.c - chips, pools and contracts of a scenario into a book. */
#include "fleet/sim/scenario_fleet.h"

#include <string.h>

enum { MOST_CHIPS_KINDS = 64, MOST_CONTRACTS = 64 };

#define F(T, name, type, member, min, max)                                                         \
    {                                                                                              \
        name, FLT_FIELD_##type, offsetof(T, member), min, max, NULL                                \
    }
#define W(T, name, member, words)                                                                  \
    {                                                                                              \
        name, FLT_FIELD_WORD, offsetof(T, member), 0, 0, words                                     \
    }

/* A pool as it is written: the book's row, its site, and names that become ids. */
typedef struct pool_row {
    flt_sim_site site;
    flt_pool pool;
    const char *provider, *chip;
    int64_t price_micros;
} pool_row;

/* A contract with its one commitment. */
typedef struct contract_row {
    flt_commitment c;
    const char *provider, *currency, *chip, *kind, *model, *interval, *shortfall, *category;
    int64_t from;
    double term_s;
} contract_row;

#define SITE_ROWS(T, m)                                                                            \
    W(T, "category", m.category, "on-demand spot block reserved"),                                 \
        F(T, "spot-up", SECONDS, m.spot_up_s, 0, 3.2e9),                                           \
        F(T, "spot-down", SECONDS, m.spot_down_s, 0, 3.2e9),                                       \
        F(T, "spot-trace", TEXT, m.spot_trace, 0, 0),                                              \
        F(T, "failure-factor", NUM, m.failures, 0, 1000), F(T, "rtt", SECONDS, m.rtt_s, 0, 60),    \
        F(T, "wan-gbps", NUM, m.wan_gbps, 0, 1e6)

typedef struct site_row {
    flt_sim_site s; /* alone: a row is read as a flt_sim_site */
} site_row;

static const flt_field site_rows[] = {
    F(site_row, "pool", TEXT, s.pool, 0, 0),
    SITE_ROWS(site_row, s),
    {0},
};

static const flt_field chip_rows[] = {
    F(flt_chip, "chip", TEXT, name, 0, 0),
    F(flt_chip, "peak-flops", NUM, peak_bf16_flops, 0, 1e18),
    F(flt_chip, "memory-bytes", NUM, memory_bytes, 0, 1e15),
    F(flt_chip, "memory-bandwidth", NUM, memory_bandwidth, 0, 1e18),
    F(flt_chip, "prefill-rate", NUM, prefill_rate, 0, 1e9),
    F(flt_chip, "decode-rate", NUM, decode_rate, 0, 1e9),
    F(flt_chip, "source", TEXT, source, 0, 0),
    {0},
};

static const flt_field pool_rows[] = {
    F(pool_row, "pool", TEXT, pool.name, 0, 0),
    F(pool_row, "provider", TEXT, provider, 0, 0),
    F(pool_row, "chip", TEXT, chip, 0, 0),
    F(pool_row, "region", TEXT, pool.region, 0, 0),
    F(pool_row, "zone", TEXT, pool.zone, 0, 0),
    F(pool_row, "nodes", INT, pool.nodes, 1, 1e6),
    F(pool_row, "chips-per-node", INT, pool.chips_per_node, 1, 1024),
    F(pool_row, "price", MICROS, price_micros, 0, 1e6),
    F(pool_row, "egress", MICROS, pool.egress_micros_per_gb, 0, 1e6),
    F(pool_row, "currency", TEXT, pool.currency, 0, 0),
    SITE_ROWS(pool_row, site),
    {0},
};

static const flt_field contract_rows[] = {
    F(contract_row, "contract", TEXT, c.name, 0, 0),
    F(contract_row, "provider", TEXT, provider, 0, 0),
    F(contract_row, "currency", TEXT, currency, 0, 0),
    W(contract_row, "kind", kind, "spend usage"),
    W(contract_row, "model", model, "continuous discontinuous"),
    W(contract_row, "interval", interval,
      "hourly daily weekly monthly quarterly semi-annual annual full"),
    W(contract_row, "shortfall", shortfall, "charge carry"),
    W(contract_row, "category", category, "on-demand spot block reserved"),
    F(contract_row, "amount", MICROS, c.amount, 0, 9e12),
    F(contract_row, "discount", PPM, c.discount_ppm, 0, 1),
    F(contract_row, "upfront", PPM, c.upfront_ppm, 0, 1),
    F(contract_row, "rate", MICROS, c.rate_micros, 0, 1e6),
    F(contract_row, "chip", TEXT, chip, 0, 0),
    F(contract_row, "region", TEXT, c.region, 0, 0),
    F(contract_row, "from", TIME, from, 0, 0),
    F(contract_row, "term", SECONDS, term_s, 3600, 3.2e9),
    {0},
};

/* A book in the making: the rows that may still be added to. */
typedef struct maker {
    const flt_fields *f;
    flt_scenario *s;
    flt_provider *provider;
    size_t n_provider;
    flt_book *book;
} maker;

static sk_status no_memory(const flt_fields *f, sk_err *e)
{
    return sk_fail(e, SK_E_NOMEM, "no memory to read %s", sk_yaml_name(f->y));
}

flt_sim_site flt_sim_site_unsaid(const char *pool)
{
    return (flt_sim_site){
        .pool = pool, .category = "on-demand", .spot_trace = "", .failures = 1, .wan_gbps = 100};
}

static sk_status check_site(void *arg, void *rows, size_t i, unsigned line, sk_err *e)
{
    const flt_sim_site *s = rows;
    return *s[i].pool ? SK_OK : sk_yaml_fail(arg, line, e, SK_E_INVALID, "a site has no pool");
}

static sk_status read_sites(const flt_fields *f, json_t *root, flt_scenario *s, sk_err *e)
{
    const flt_sim_site none = flt_sim_site_unsaid("");
    const flt_list list = {"sites", FLT_SIM_POOLS, sizeof none, site_rows, &none, check_site};
    void *rows;
    sk_status st = flt_fields_rows(f, root, &list, (void *)(uintptr_t)f->y, &rows, &s->n_site, e);
    if (!st) s->site = rows;
    return st;
}

/* Numbers chip i and puts it into the book. */
static sk_status check_chip(void *arg, void *rows, size_t i, unsigned line, sk_err *e)
{
    maker *m = arg;
    flt_chip *c = rows;
    c[i].id = (int64_t)i + 1;
    if (!*c[i].name) return sk_yaml_fail(m->f->y, line, e, SK_E_INVALID, "a chip has no name");
    m->book->chip = c;
    m->book->n_chip = i + 1;
    if (flt_book_chip_named(m->book, c[i].name) == &c[i]) return SK_OK;
    return sk_yaml_fail(m->f->y, line, e, SK_E_INVALID, "chip \"%s\" is there twice", c[i].name);
}

static sk_status read_chips(maker *m, json_t *root, sk_err *e)
{
    static const flt_chip none = {.name = "", .source = "scenario"};
    const flt_list list = {"chips", MOST_CHIPS_KINDS, sizeof none, chip_rows, &none, check_chip};
    void *rows;
    size_t n;
    return flt_fields_rows(m->f, root, &list, m, &rows, &n, e);
}

/* Id of the provider of that name, which is made if there is none yet. */
static int64_t provider_id(maker *m, const char *name)
{
    for (size_t i = 0; i < m->n_provider; i++)
        if (strcmp(m->provider[i].name, name) == 0) return m->provider[i].id;
    flt_provider *p = &m->provider[m->n_provider++];
    *p = (flt_provider){.id = (int64_t)m->n_provider, .name = name, .kind = "other"};
    return p->id;
}

/* The offer of a pool's price: of its provider, chip and region, from 1970 on. */
static flt_offer offer_of(const maker *m, const pool_row *r, int64_t id)
{
    return (flt_offer){.id = id,
                       .provider = r->pool.provider,
                       .chip = r->pool.chip,
                       .region = r->pool.region,
                       .sku = "",
                       .category = (flt_category)flt_category_of(r->site.category),
                       .priced = true,
                       .price_micros = r->price_micros,
                       .currency = r->pool.currency,
                       .chips_per_unit = 1,
                       .valid = {0, SK_UTC_END},
                       .source = m->s->name};
}

/* Names into ids, and what a pool must have. */
static sk_status pool_finish(maker *m, pool_row *r, unsigned line, sk_err *e)
{
    const flt_chip *chip = flt_book_chip_named(m->book, r->chip);
    if (!*r->pool.name || !*r->provider || r->pool.nodes < 1)
        return sk_yaml_fail(m->f->y, line, e, SK_E_INVALID,
                            "a pool has a name, a provider, a chip and nodes");
    if (!chip)
        return sk_yaml_fail(m->f->y, line, e, SK_E_INVALID, "pool \"%s\": no chip \"%s\" in chips",
                            r->pool.name, r->chip);
    if (flt_book_pool_named(m->book, r->pool.name))
        return sk_yaml_fail(m->f->y, line, e, SK_E_INVALID, "pool \"%s\" is there twice",
                            r->pool.name);
    r->pool.chip = chip->id;
    r->pool.provider = provider_id(m, r->provider);
    r->site.pool = r->pool.name;
    /* Prices are by region: pools that name none must not overwrite each other's. */
    if (!*r->pool.region) r->pool.region = r->pool.name;
    return SK_OK;
}

static sk_status read_pools(maker *m, json_t *root, sk_err *e)
{
    json_t *list;
    size_t n;
    sk_status st = flt_fields_list(m->f, root, "pools", FLT_SIM_POOLS, &list, &n, e);
    if (st || !n) return st;
    flt_pool *pool = sk_new_n(m->f->mem, flt_pool, n);
    flt_offer *offer = sk_new_n(m->f->mem, flt_offer, n);
    flt_sim_site *site = sk_new_n(m->f->mem, flt_sim_site, n + m->s->n_site);
    m->provider = sk_new_n(m->f->mem, flt_provider, n);
    if (!pool || !offer || !site || !m->provider) return no_memory(m->f, e);
    m->book->pool = pool;
    m->book->offer = offer;
    for (size_t i = 0; i < n; i++) {
        unsigned line = sk_yaml_line(m->f->y, list, NULL, i);
        pool_row r = {flt_sim_site_unsaid(""),
                      {.id = (int64_t)i + 1,
                       .name = "",
                       .region = "",
                       .zone = "",
                       .engine = "sim",
                       .endpoint = "",
                       .chips_per_node = 8,
                       .currency = "USD"},
                      "",
                      "",
                      -1};
        st = flt_fields_read(m->f, json_array_get(list, i), line, "pools", pool_rows, &r, e);
        if (!st) st = pool_finish(m, &r, line, e);
        if (st) return st;
        pool[i] = r.pool;
        site[i] = r.site;
        m->book->n_pool = i + 1;
        if (r.price_micros >= 0) {
            size_t k = m->book->n_offer++;
            offer[k] = offer_of(m, &r, (int64_t)k + 1);
        }
    }
    /* What `sites` says goes before. */
    if (m->s->n_site) {
        memmove(site + m->s->n_site, site, n * sizeof *site);
        memcpy(site, m->s->site, m->s->n_site * sizeof *site);
    }
    m->s->site = site;
    m->s->n_site += n;
    m->book->provider = m->provider;
    m->book->n_provider = m->n_provider;
    return SK_OK;
}

/* Words and names into the rows of the book. */
static sk_status contract_finish(maker *m, const contract_row *r, unsigned line, flt_contract *con,
                                 flt_commitment *com, sk_err *e)
{
    const flt_provider *p = flt_book_provider_named(m->book, r->provider);
    const flt_chip *chip = *r->chip ? flt_book_chip_named(m->book, r->chip) : NULL;
    if (!*r->c.name || !p || r->c.amount < 0)
        return sk_yaml_fail(m->f->y, line, e, SK_E_INVALID,
                            "a contract has a name, the provider of a pool, and an amount");
    if (*r->chip && !chip)
        return sk_yaml_fail(m->f->y, line, e, SK_E_INVALID, "no chip \"%s\" in chips", r->chip);
    if (flt_book_contract_named(m->book, r->c.name))
        return sk_yaml_fail(m->f->y, line, e, SK_E_INVALID, "contract \"%s\" is there twice",
                            r->c.name);
    int64_t id = (int64_t)m->book->n_contract + 1, from = r->from ? r->from : m->s->start;
    sk_span term = {from, from + (int64_t)r->term_s};
    *con = (flt_contract){id, p->id, r->c.name, r->currency, term};
    *com = r->c;
    com->id = com->contract = id;
    com->kind = (flt_kind)flt_kind_of(r->kind);
    com->model = (flt_model)flt_model_of(r->model);
    com->interval = (flt_interval)flt_interval_of(r->interval);
    com->shortfall = (flt_shortfall)flt_shortfall_of(r->shortfall);
    com->term = term;
    com->chip = chip ? chip->id : 0;
    if (*r->category) com->categories = 1u << flt_category_of(r->category);
    return SK_OK;
}

static sk_status read_contracts(maker *m, json_t *root, sk_err *e)
{
    json_t *list;
    size_t n;
    sk_status st = flt_fields_list(m->f, root, "contracts", MOST_CONTRACTS, &list, &n, e);
    if (st || !n) return st;
    flt_contract *con = sk_new_n(m->f->mem, flt_contract, n);
    flt_commitment *com = sk_new_n(m->f->mem, flt_commitment, n);
    if (!con || !com) return no_memory(m->f, e);
    m->book->contract = con;
    m->book->commitment = com;
    for (size_t i = 0; i < n; i++) {
        unsigned line = sk_yaml_line(m->f->y, list, NULL, i);
        contract_row r = {{.name = "", .amount = -1, .overage_ppm = -1, .region = "", .sku = ""},
                          "",
                          "USD",
                          "",
                          "spend",
                          "discontinuous",
                          "full",
                          "charge",
                          "",
                          0,
                          365 * 86400.0};
        st =
            flt_fields_read(m->f, json_array_get(list, i), line, "contracts", contract_rows, &r, e);
        if (!st) st = contract_finish(m, &r, line, &con[i], &com[i], e);
        if (st) return st;
        m->book->n_contract = m->book->n_commitment = i + 1;
    }
    return SK_OK;
}

/* That all sites of a scenario with pools of its own are about one of them. */
static sk_status check_sites(const maker *m, json_t *root, sk_err *e)
{
    for (size_t i = 0; i < m->s->n_site; i++)
        if (!flt_book_pool_named(m->book, m->s->site[i].pool))
            return sk_yaml_fail(m->f->y, sk_yaml_line(m->f->y, root, "sites", 0), e, SK_E_INVALID,
                                "sites: no pool \"%s\"", m->s->site[i].pool);
    return SK_OK;
}

/* What the book itself refuses: names that are none, contracts that overlap, mixed currencies. */
static sk_status check_book(const maker *m, json_t *root, sk_err *e)
{
    sk_err why = SK_ERR_INIT;
    sk_status st = flt_book_check(m->book, &why);
    return st ? sk_yaml_fail(m->f->y, sk_yaml_line(m->f->y, root, "pools", 0), e, st, "%s",
                             why.text)
              : SK_OK;
}

sk_status flt_scenario_fleet(const flt_fields *f, json_t *root, flt_scenario *s, sk_err *e)
{
    sk_status st = read_sites(f, root, s, e);
    maker m = {.f = f, .s = s, .book = sk_new(f->mem, flt_book)};
    if (!st && !m.book) st = no_memory(f, e);
    if (!st) st = read_chips(&m, root, e);
    if (!st) st = read_pools(&m, root, e);
    if (!st && !m.book->n_pool) {
        if (json_object_get(root, "contracts"))
            return sk_yaml_fail(f->y, sk_yaml_line(f->y, root, "contracts", 0), e, SK_E_INVALID,
                                "contracts without pools");
        return SK_OK;
    }
    if (!st) st = read_contracts(&m, root, e);
    if (!st) st = check_sites(&m, root, e);
    if (!st) st = check_book(&m, root, e);
    if (!st) s->book = m.book;
    return st;
}
