/* export_promise.c - the data set Contract Commitment out of the book. */
#include "fleet/focus/export.h"

#include "fleet/focus/put.h"
#include "fleet/rate/intervals.h"

#include <stdio.h>
#include <string.h>

typedef struct told {
    const flt_commitment *m;
    const flt_contract *k;
    const flt_provider *p;
    int64_t now;
} told;

static const char *interval_word(flt_interval v)
{
    static const char *const words[FLT_INTERVAL_N] = {"Hourly",  "Daily",      "Weekly",
                                                      "Monthly", "Quarterly",  "Semi-Annual",
                                                      "Annual",  "Full Period"};
    return words[v];
}

/* How long it runs: whole months where they fit, else days or hours. */
static void put_duration(sk_csv_out *o, sk_span s)
{
    char text[48];
    int64_t months = 0;
    while (months < 1200 && sk_utc_add_months(s.from, months + 1) <= s.to)
        months++;
    if (months && sk_utc_add_months(s.from, months) == s.to)
        (void)snprintf(text, sizeof text, "%lld Month%s", (long long)months, months > 1 ? "s" : "");
    else if ((s.to - s.from) % 86400 == 0)
        (void)snprintf(text, sizeof text, "%lld Days", (long long)((s.to - s.from) / 86400));
    else
        (void)snprintf(text, sizeof text, "%lld Seconds", (long long)(s.to - s.from));
    sk_csv_put(o, text);
}

/* Where it is in its life, as of now. */
static const char *state(const told *t)
{
    if (t->now < t->m->term.from) return "Pending";
    return t->now < t->m->term.to ? "Active" : "Expired";
}

static const char *payment(const told *t)
{
    return t->m->upfront_ppm == 0         ? "No Upfront"
           : t->m->upfront_ppm == FLT_PPM ? "All Upfront"
                                          : "Partial Upfront";
}

/* What usage counts for it. */
static void put_applicability(sk_csv_out *o, const told *t)
{
    bool all = !t->m->chip && !*t->m->region && !*t->m->sku;
    sk_csv_put(o, all ? "{\"IsGlobalScope\":true,\"IsComplexScope\":false}"
                      : "{\"IsGlobalScope\":false,\"IsComplexScope\":true}");
}

static void put_amounts(sk_csv_out *o, const told *t, int column)
{
    bool spend = t->m->kind == FLT_SPEND;
    if (column == FLT_FP_ContractCommitmentCost && spend)
        flt_focus_put_money(o, flt_committed_total(t->m));
    else if (column == FLT_FP_ContractCommitmentQuantity && !spend)
        flt_focus_put_money(o, flt_committed_total(t->m));
    else if (column == FLT_FP_ContractCommitmentUnit && !spend)
        sk_csv_put(o, "Chip-Hours");
    else
        sk_csv_put(o, "");
}

/* The columns that came with 1.4. */
static void put_newer(sk_csv_out *o, const told *t, int column)
{
    switch (column) {
    case FLT_FP_ContractCommitmentApplicability:
        put_applicability(o, t);
        break;
    case FLT_FP_ContractCommitmentBenefitCategory:
        sk_csv_put(o, "Discount");
        break;
    case FLT_FP_ContractCommitmentCreated:
    case FLT_FP_ContractCommitmentLastUpdated:
        flt_focus_put_time(o, t->now);
        break;
    case FLT_FP_ContractCommitmentDiscountPercentage:
        flt_focus_put_money(o, t->m->discount_ppm);
        break;
    case FLT_FP_ContractCommitmentDurationType:
        put_duration(o, t->m->term);
        break;
    case FLT_FP_ContractCommitmentFulfillmentInterval:
        /* A continuous one is a floor of each hour, however long its intervals are. */
        sk_csv_put(o, interval_word(t->m->model == FLT_CONTINUOUS ? FLT_HOURLY : t->m->interval));
        break;
    case FLT_FP_ContractCommitmentLifecycleStatus:
        sk_csv_put(o, state(t));
        break;
    case FLT_FP_ContractCommitmentModel:
        sk_csv_put(o, t->m->model == FLT_CONTINUOUS ? "Continuous" : "Discontinuous");
        break;
    case FLT_FP_ContractCommitmentOfferCategory:
        sk_csv_put(o, "Negotiated");
        break;
    case FLT_FP_ContractCommitmentPaymentInterval:
        sk_csv_put(o, t->m->upfront_ppm == FLT_PPM ? "One-Time" : "Custom");
        break;
    case FLT_FP_ContractCommitmentPaymentModel:
        sk_csv_put(o, payment(t));
        break;
    case FLT_FP_ContractCommitmentPaymentUpfrontPercentage:
        flt_focus_put_money(o, t->m->upfront_ppm);
        break;
    default:
        sk_csv_put(o, t->p ? t->p->name : "");
        break;
    }
}

/* Columns that came with later versions of the standard are put_newer's. */
static void put_column(sk_csv_out *o, const told *t, int column)
{
    switch (column) {
    case FLT_FP_BillingCurrency:
        sk_csv_put(o, t->k->currency);
        break;
    case FLT_FP_ContractCommitmentCategory:
        sk_csv_put(o, t->m->kind == FLT_SPEND ? "Spend" : "Usage");
        break;
    case FLT_FP_ContractCommitmentCost:
    case FLT_FP_ContractCommitmentQuantity:
    case FLT_FP_ContractCommitmentUnit:
        put_amounts(o, t, column);
        break;
    case FLT_FP_ContractCommitmentDescription:
        sk_csv_put(o, t->m->name);
        break;
    case FLT_FP_ContractCommitmentId:
        flt_focus_put_commitment(o, t->k, t->m);
        break;
    case FLT_FP_ContractCommitmentPeriodEnd:
        flt_focus_put_time(o, t->m->term.to);
        break;
    case FLT_FP_ContractCommitmentPeriodStart:
        flt_focus_put_time(o, t->m->term.from);
        break;
    case FLT_FP_ContractCommitmentType:
        sk_csv_put(o, t->m->model == FLT_CONTINUOUS ? "Commitment Discount" : "Spend Agreement");
        break;
    case FLT_FP_ContractId:
        sk_csv_put(o, t->k->name);
        break;
    case FLT_FP_ContractPeriodEnd:
        flt_focus_put_time(o, t->k->term.to);
        break;
    case FLT_FP_ContractPeriodStart:
        flt_focus_put_time(o, t->k->term.from);
        break;
    default:
        put_newer(o, t, column);
        break;
    }
}

/* Whether a column is written: those of the version, but for currencies that don't differ. */
static bool written(int column, int version)
{
    return flt_focus_in(&flt_focus_promise_set.column[column], version) &&
           column != FLT_FP_PricingCurrency &&
           column != FLT_FP_PricingCurrencyContractCommitmentCost;
}

void flt_focus_commitments(const flt_book *book, sk_span span, int version, int64_t now,
                           sk_buf *out)
{
    sk_csv_out o = {out, 0};
    if (version < 13) version = 13;
    for (int i = 0; i < FLT_FP_N; i++)
        if (written(i, version)) sk_csv_put(&o, flt_focus_promise_set.column[i].name);
    sk_csv_end(&o);
    for (size_t k = 0; k < book->n_commitment; k++) {
        told t = {.m = &book->commitment[k], .now = now};
        t.k = flt_book_contract(book, t.m->contract);
        if (!t.k || !sk_span_shared(t.m->term, span)) continue;
        t.p = flt_book_provider(book, t.k->provider);
        for (int i = 0; i < FLT_FP_N; i++)
            if (written(i, version)) put_column(&o, &t, i);
        sk_csv_end(&o);
    }
}
