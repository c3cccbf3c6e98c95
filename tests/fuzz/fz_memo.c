/* fz_memo.c - any bytes as what a supervisor kept: the first line is its memo, the rest its list of
 * versions.  No crash, and what is made of them is a house that can go on. */
#include "up/memo.h"

#include "tests/fuzz/promise.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Versions as they stand in the house: by number, all of them known. */
static void check(const up_house *h, const up_versions *v)
{
    must(h->n_versions > 0 && h->n_versions <= UP_VERSIONS && h->last == v->last);
    for (size_t i = 0; i < h->n_versions; i++) {
        must(up_versions_find(v, h->version[i].number));
        must(!i || h->version[i].number > h->version[i - 1].number);
    }
    must(up_house_version(h, h->live) && h->round > 0 && h->phase <= UP_PHASE_KEEP);
    must(!h->before || up_house_version(h, h->before));
    must(!h->pinned || up_house_version(h, h->pinned));
    must(h->stage <= h->n_stages);
}

/* Half an hour of nothing and of processes that end. */
static void live_on(up_house *h)
{
    up_actions out;
    for (unsigned i = 0; i < 400 && !h->ended; i++) {
        up_event ev = {.kind = UP_EV_TIME};
        if (i % 5 == 4)
            ev = (up_event){.kind = UP_EV_EXITED,
                            .role = (up_role)(i % UP_ROLES),
                            .end = (up_end)(i % (UP_END_UNKNOWN + 1))};
        if (i % 11 == 10) ev = (up_event){.kind = UP_EV_KEPT, .version = h->last + 1};
        up_house_step(h, (uint64_t)i * 5 * UP_SECOND, &ev, &out);
        must(up_house_version(h, h->live));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const up_dir d = {.path = "/dev", .share = "/shm/up", .lock = -1, .fd = -1};
    static up_row first[3] = {{.number = 1}, {.number = 2, .round = 1}, {.number = 5, .round = 4}};
    const char *text = (const char *)data, *end = size ? memchr(text, '\n', size) : NULL;
    size_t n = end ? (size_t)(end - text) : size, rest = end ? size - n - 1 : 0;
    up_versions v, three = {.row = first, .n = 3, .room = 3, .last = 6};
    up_house h;
    uint32_t micro;
    sk_err e = SK_ERR_INIT;
    fuzz_watch_begin();
    must(up_versions_parse(&d, end ? end + 1 : "", rest, &v, &e) == SK_OK);
    fuzz_watch_within(size, (size_t)2 * UP_VERSIONS_MOST * sizeof(up_row),
                      (size_t)4 * UP_VERSIONS_MOST * sizeof(up_row));
    must(v.n <= UP_VERSIONS_MOST && (!v.n || v.row[v.n - 1].number <= v.last));
    const up_versions *of = v.n ? &v : &three;
    up_house_init(&h, 1, 3, 2, 0);
    sk_status st = up_memo_parse(text, n, of, &h, &micro, &e);
    must(st == e.status && (!st || e.text[0]));
    must(!st || micro == 0);
    check(&h, of);
    live_on(&h);
    up_versions_free(&v);
    return 0;
}
