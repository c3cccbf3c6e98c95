/* fz_plan.c - any bytes as the plan of a round: no crash, and the commands of one that is accepted
 * are what the trainer and the gate are promised. */
#include "up/round.h"

#include "tests/fuzz/promise.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Longest plan given; a few bytes of one may stand for the folder's name each. */
enum { MOST = 4096 };

static bool has(const sk_opt_list *w, const char *word)
{
    for (size_t i = 0; i < w->n; i++)
        if (strcmp(w->item[i], word) == 0) return true;
    return false;
}

static void check(const up_round *r)
{
    must(r->n > 0 && r->n <= UP_STAGES && !r->why);
    for (size_t i = 0; i < r->n; i++) {
        const sk_opt_list *w = &r->stage[i];
        must(w->n > 0 && w->n <= sizeof w->item / sizeof *w->item && r->out[i]);
        must(strcmp(w->item[0], "train") == 0 || strcmp(w->item[0], "tune") == 0);
        must(has(w, "--resume") && has(w, "--share"));
    }
    must(strncmp(r->candidate, r->out[r->n - 1], strlen(r->out[r->n - 1])) == 0);
    must(has(&r->gate, "--json") && has(&r->gate, r->candidate));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const up_learn l = {.data = {{"/a", "/b"}, 2}, .chat = {{"/c"}, 1}, .valid = "/v"};
    static const up_dir d = {.path = "/up", .share = "/shm/up", .lock = -1, .fd = -1};
    sk_err e = SK_ERR_INIT;
    up_round r;
    if (size > MOST) return 0;
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    char *text = malloc(size + 1);
    must(mem && text);
    if (size) memcpy(text, data, size);
    text[size] = 0;
    fuzz_watch_begin();
    sk_status st = up_round_parse(&l, text, &d, 7, "/base.gguf", "/live.gguf", 1, mem, &r, &e);
    fuzz_watch_end(size, 64 * size);
    must(st == e.status && (!st || e.text[0]));
    if (!st) check(&r);
    free(text);
    sk_arena_free(mem);
    return 0;
}
