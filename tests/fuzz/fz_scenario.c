/* fz_scenario.c - any bytes as a scenario: refused with file and line, or a simulation in which
 * nothing is lost. */
#include "fleet/sim/fluid.h"
#include "tests/fuzz/promise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Chips and requests of a few buckets add up. */
static void run(const flt_scenario *s)
{
    sk_err e = SK_ERR_INIT;
    flt_fluid *f = NULL;
    for (size_t i = 0; i < s->n_site; i++)
        if (*s->site[i].spot_trace) return; /* names of files are not tried */
    if (flt_fluid_new(s, s->book, &f, &e)) {
        must(e.text[0]);
        return;
    }
    must(flt_fluid_run(f, 20, &e) == SK_OK);
    const flt_sim_sum *sum = flt_fluid_sum(f);
    must(sum->asked == sum->served + sum->refused + sum->waiting);
    for (size_t i = 0; i < sum->n_pool; i++) {
        const flt_sim_pool_sum *p = &sum->pool[i];
        must(p->capacity == p->serving + p->training + p->idle + p->down);
    }
    flt_fluid_free(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sk_err e = SK_ERR_INIT;
    sk_yaml *y = NULL;
    flt_scenario s;
    if (sk_yaml_parse("f", (const char *)data, size, &y, &e)) return 0;
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    must(mem != NULL);
    sk_status st = flt_scenario_read(y, mem, &s, &e);
    sk_yaml_free(y);
    if (st)
        must(e.text[0] == 'f' && e.text[1] == ':');
    else if (s.book)
        run(&s);
    sk_arena_free(mem);
    return 0;
}
