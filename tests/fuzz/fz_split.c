/* fz_split.c - any bytes as what a model writes: whole and in pieces they come apart alike. */
#include "serve/api/split.h"

#include "serve/api/turn.h"
#include "tests/fuzz/promise.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_part(void *arg, srv_part part, size_t call, const char *p, size_t n)
{
    (void)call;
    srv_turn_add(arg, part, p, n);
}

/* The turn in bytes[0..n), fed `piece` bytes at a time. */
static void take_apart(uint8_t how, const char *p, size_t n, size_t piece, srv_turn *t)
{
    srv_split s = {.fn = on_part,
                   .arg = t,
                   .calls = how & 32 ? SRV_CALLS_HARMONY : (srv_calls)(how & 3),
                   .no_calls = how & 16,
                   .mid = how & 64,
                   .reasoning = how & 4,
                   .in_reason = (how & 12) == 12};
    for (size_t i = 0; i < n; i += piece)
        srv_split_feed(&s, p + i, n - i < piece ? n - i : piece);
    srv_split_end(&s);
    must(srv_split_ok(&s));
    srv_split_fini(&s);
}

static bool same(const sk_buf *a, const sk_buf *b)
{
    return a->len == b->len && (!a->len || memcmp(a->p, b->p, a->len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 4096) return 0;
    srv_turn a = {.oom = false}, b = {.oom = false};
    const char *p = (const char *)data + 2;
    fuzz_watch_begin();
    take_apart(data[0], p, size - 2, size, &a);
    take_apart(data[0], p, size - 2, 1 + data[1] % 16, &b);
    must(srv_turn_ok(&a) && srv_turn_ok(&b));
    must(same(&a.text, &b.text) && same(&a.reason, &b.reason) && a.n_calls == b.n_calls);
    for (size_t i = 0; i < a.n_calls; i++)
        must(same(&a.call[i].name, &b.call[i].name) && same(&a.call[i].args, &b.call[i].args));
    fuzz_watch_end(size, 64 * size);
    srv_turn_fini(&a);
    srv_turn_fini(&b);
    return 0;
}
