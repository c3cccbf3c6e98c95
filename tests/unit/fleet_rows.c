/* fleet_rows.c - a book's rows as INSERT statements. */
#include "tests/unit/unit.h"

#include "tests/unit/fleet_rows.h"

#include <stdio.h>

static void run(flt_db *db, sk_buf *sql)
{
    sk_err e = SK_ERR_INIT;
    assert_true(sk_buf_ok(sql));
    assert_status_ok(flt_db_exec(db, sql->p, &e), e);
    sk_buf_reset(sql);
}

static void put_things(flt_db *db, const flt_book *b, sk_buf *s)
{
    for (size_t i = 0; i < b->n_provider; i++)
        sk_buf_addf(s, "INSERT INTO provider(name, kind) VALUES ('%s', '%s');", b->provider[i].name,
                    b->provider[i].kind);
    for (size_t i = 0; i < b->n_chip; i++)
        sk_buf_addf(s,
                    "INSERT INTO chip(name, peak_bf16, memory, bandwidth, prefill_rate, "
                    "decode_rate, source) VALUES ('%s', 1, 1, 1, 1, 1, '');",
                    b->chip[i].name);
    for (size_t i = 0; i < b->n_pool; i++)
        sk_buf_addf(s,
                    "INSERT INTO pool(name, provider, chip, region, zone, engine, endpoint, nodes, "
                    "chips_per_node, net_gbps, egress_micros, currency, state, epoch) VALUES "
                    "('%s', %lld, %lld, '%s', '', 'sim', '', %lld, %lld, 0, 0, '%s', 'up', 0);",
                    b->pool[i].name, (long long)b->pool[i].provider, (long long)b->pool[i].chip,
                    b->pool[i].region, (long long)b->pool[i].nodes,
                    (long long)b->pool[i].chips_per_node, b->pool[i].currency);
    for (size_t i = 0; i < b->n_workload; i++)
        sk_buf_addf(s,
                    "INSERT INTO workload(name, kind, model, min_chips, max_chips, priority, "
                    "memory, checkpoint, checkpoint_s, restart_s, min_run_s, slo_ttft_s, "
                    "slo_tpot_s, deadline) VALUES ('%s', '%s', '', 1, 1000, 0, 0, 0, 0, 0, 0, 0, "
                    "0, 0);",
                    b->workload[i].name, flt_word_work_kind(b->workload[i].kind));
    run(db, s);
}

static void put_promises(flt_db *db, const flt_book *b, sk_buf *s)
{
    for (size_t i = 0; i < b->n_contract; i++)
        sk_buf_addf(s,
                    "INSERT INTO contract(provider, name, currency, term_from, term_to) VALUES "
                    "(%lld, '%s', '%s', %lld, %lld);",
                    (long long)b->contract[i].provider, b->contract[i].name,
                    b->contract[i].currency, (long long)b->contract[i].term.from,
                    (long long)b->contract[i].term.to);
    for (size_t i = 0; i < b->n_commitment; i++) {
        const flt_commitment *c = &b->commitment[i];
        sk_buf_addf(s,
                    "INSERT INTO commitment(contract, name, kind, model, fulfilment, amount, "
                    "discount_ppm, rate_micros, upfront_ppm, overage_ppm, chip, region, sku, "
                    "categories, shortfall, term_from, term_to) VALUES (%lld, '%s', '%s', '%s', "
                    "'%s', %lld, %lld, %lld, %lld, -1, NULLIF(%lld, 0), '', '', 0, 'charge', "
                    "%lld, %lld);",
                    (long long)c->contract, c->name, flt_word_kind(c->kind),
                    flt_word_model(c->model), flt_word_interval(c->interval), (long long)c->amount,
                    (long long)c->discount_ppm, (long long)c->rate_micros,
                    (long long)c->upfront_ppm, (long long)c->chip, (long long)c->term.from,
                    (long long)c->term.to);
    }
    run(db, s);
}

void fleet_rows_put(flt_db *db, const flt_book *b)
{
    sk_buf s = SK_BUF_INIT;
    put_things(db, b, &s);
    put_promises(db, b, &s);
    sk_buf_fini(&s);
}
