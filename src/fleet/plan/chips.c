/* chips.c - the table of known accelerators. */
#include "fleet/plan/chips.h"

#include <string.h>
#include <strings.h>

#define GB 1e9
#define GIB 1073741824.0

/* name, bf16 FLOP/s, bytes, bytes/s, chips of a node, source */
#define CHIPS(ROW)                                                                                 \
    ROW("h100", 989e12, 80 * GB, 3.35e12, 8, "NVIDIA H100 data sheet (SXM5), dense bf16")          \
    ROW("h800", 989e12, 80 * GB, 3.35e12, 8, "as H100 SXM5, with slower NVLink (NVIDIA)")          \
    ROW("h200", 989e12, 141 * GB, 4.8e12, 8, "NVIDIA H200 data sheet (SXM), dense bf16")           \
    ROW("b200", 2250e12, 180 * GB, 8e12, 8, "NVIDIA DGX B200 data sheet, dense bf16")              \
    ROW("gb200", 2500e12, 186 * GB, 8e12, 4, "NVIDIA GB200 NVL72 data sheet, dense bf16, a GPU")   \
    ROW("a100", 312e12, 80 * GB, 2.039e12, 8, "NVIDIA A100 data sheet (SXM4 80 GB), dense bf16")   \
    ROW("v100", 125e12, 32 * GB, 0.9e12, 8, "NVIDIA V100 data sheet (SXM2), fp16: it has no bf16") \
    ROW("mi300x", 1307e12, 192 * GB, 5.3e12, 8, "AMD Instinct MI300X data sheet, dense bf16")      \
    ROW("trainium", 190e12, 32 * GIB, 820 * GIB, 16, "AWS Neuron documentation, Trainium")         \
    ROW("trainium2", 667e12, 96 * GIB, 2.9e12, 16, "AWS Neuron documentation, Trainium2")          \
    ROW("trainium3", 671e12, 144 * GIB, 4.9e12, 16, "AWS Neuron documentation, Trainium3")         \
    ROW("inferentia2", 190e12, 32 * GIB, 820 * GIB, 12, "AWS Neuron documentation, Inferentia2")   \
    ROW("tpu-v5e", 197e12, 16 * GB, 0.819e12, 8, "Google Cloud TPU v5e documentation")             \
    ROW("tpu-v5p", 459e12, 95 * GB, 2.765e12, 4, "Google Cloud TPU v5p documentation")

static const flt_known_chip known[] = {
#define ROW(n, flops, bytes, rate, node, from)                                                     \
    {.chip = {.name = (n),                                                                         \
              .peak_bf16_flops = (flops),                                                          \
              .memory_bytes = (bytes),                                                             \
              .memory_bandwidth = (rate),                                                          \
              .source = (from)},                                                                   \
     .chips_per_node = (node)},
    CHIPS(ROW)
#undef ROW
};

const flt_known_chip *flt_known_chips(size_t *n)
{
    *n = sizeof known / sizeof *known;
    return known;
}

const flt_known_chip *flt_known_chip_named(const char *name)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcasecmp(known[i].chip.name, name) == 0) return &known[i];
    return NULL;
}

/* Goes through the rows itself: a plan has the book of a fleet or a few rows without ids. */
sk_status flt_plan_chip(const flt_book *b, const char *name, const flt_chip **out, sk_err *e)
{
    for (size_t i = 0; b && i < b->n_chip; i++) {
        if (strcasecmp(b->chip[i].name, name) != 0) continue;
        *out = &b->chip[i];
        return SK_OK;
    }
    const flt_known_chip *k = flt_known_chip_named(name);
    if (k) {
        *out = &k->chip;
        return SK_OK;
    }
    char all[256] = "";
    size_t at = 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t len = strlen(known[i].chip.name);
        if (at + len + 3 > sizeof all) break;
        memcpy(all + at, known[i].chip.name, len);
        memcpy(all + at + len, ", ", 3);
        at += len + 2;
    }
    if (at) all[at - 2] = 0;
    return sk_fail(e, SK_E_NOTFOUND, "no chip is called %s (known are %s%s)", name, all,
                   b && b->n_chip ? ", and those of the fleet" : "");
}
