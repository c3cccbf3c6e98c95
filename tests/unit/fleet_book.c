/* fleet_book.c - a small book for tests. */
#include "tests/unit/fleet_book.h"

#include <string.h>

#define UNTIL_NOTICE                                                                               \
    {                                                                                              \
        FLEET_T0, SK_UTC_END                                                                       \
    }

static const flt_provider providers[] = {{1, "aws", "aws"}, {2, "azure", "azure"}};

static const flt_chip chips[] = {
    {1, "h100", 989e12, 80e9, 3.35e12, 9212.5, 1850, "NVIDIA data sheet"},
    {2, "trainium2", 667e12, 96e9, 2.9e12, 0, 0, "AWS"},
};

static const flt_pool pools[] = {
    {1, 1, 1, "aws-us-east", "us-east-1", "us-east-1a", "sim", "", 4, 8, 3200, 90000, "USD", 0, 0},
    {2, 1, 2, "aws-trn", "us-east-1", "us-east-1b", "sim", "", 2, 16, 3200, 90000, "USD", 0, 0},
    {3, 2, 1, "azure-eastus", "eastus", "", "sim", "", 2, 8, 3200, 87000, "USD", 0, 0},
};

static const flt_offer offers[] = {
    {1, 1, 1, "", "p5.48xlarge", FLT_ON_DEMAND, true, 6880000, "USD", 8, 0, UNTIL_NOTICE, "test"},
    {2,
     1,
     1,
     "",
     "p5.48xlarge",
     FLT_ON_DEMAND,
     true,
     5500000,
     "USD",
     8,
     0,
     {1782864000, SK_UTC_END},
     "test"},
    {3, 1, 1, "", "p5.48xlarge", FLT_SPOT, true, 2500000, "USD", 8, 0, UNTIL_NOTICE, "test"},
    {4, 1, 2, "", "trn2.48xlarge", FLT_ON_DEMAND, false, 0, "USD", 16, 0, UNTIL_NOTICE, "test"},
    {5, 1, 2, "", "trn2.48xlarge", FLT_BLOCK, true, 2000000, "USD", 16, 0, UNTIL_NOTICE, "test"},
    {6, 2, 1, "eastus", "nd96isr", FLT_ON_DEMAND, true, 12290000, "USD", 8, 0, UNTIL_NOTICE,
     "test"},
};

static const flt_contract contracts[] = {
    {1, 1, "aws-edp", "USD", {FLEET_T0, FLEET_T1}},
    {2, 1, "aws-plan", "USD", {FLEET_T0, FLEET_T1}},
};

static const flt_commitment commitments[] = {
    {.id = 1,
     .contract = 1,
     .name = "spend",
     .kind = FLT_SPEND,
     .model = FLT_DISCONTINUOUS,
     .interval = FLT_QUARTERLY,
     .term = {FLEET_T0, FLEET_T1},
     .amount = 1000000 * FLT_MICRO,
     .discount_ppm = 300000,
     .overage_ppm = -1,
     .region = "",
     .sku = ""},
    {.id = 2,
     .contract = 2,
     .name = "plan",
     .kind = FLT_SPEND,
     .model = FLT_CONTINUOUS,
     .interval = FLT_HOURLY,
     .term = {FLEET_T0, FLEET_T1},
     .amount = 100 * FLT_MICRO,
     .discount_ppm = 450000,
     .overage_ppm = -1,
     .chip = 1,
     .region = "",
     .sku = ""},
};

static const flt_workload workloads[] = {
    {.id = 1,
     .name = "train",
     .kind = FLT_TRAIN,
     .model = "70b",
     .chip = 1,
     .min_chips = 16,
     .max_chips = 32,
     .priority = 10,
     .memory_bytes = 1.2e12,
     .checkpoint_bytes = 1e12,
     .checkpoint_s = 1800,
     .restart_s = 300,
     .min_run_s = 600},
    {.id = 2,
     .name = "chat",
     .kind = FLT_SERVE,
     .model = "70b",
     .min_chips = 8,
     .max_chips = 24,
     .priority = 100,
     .memory_bytes = 160e9,
     .restart_s = 120,
     .slo_ttft_s = 0.8,
     .slo_tpot_s = 0.05},
};

/* Copies one kind's rows into its array and points the book there. */
#define PUT(T, from)                                                                               \
    do {                                                                                           \
        memcpy(f->T, from, sizeof from);                                                           \
        f->b.T = f->T;                                                                             \
        f->b.n_##T = sizeof from / sizeof *from;                                                   \
    } while (0)

void fleet_book_init(fleet_book *f)
{
    memset(f, 0, sizeof *f);
    PUT(provider, providers);
    PUT(chip, chips);
    PUT(pool, pools);
    PUT(offer, offers);
    PUT(contract, contracts);
    PUT(commitment, commitments);
    PUT(workload, workloads);
    f->b.reservation = f->reservation;
}
