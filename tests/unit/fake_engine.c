/* fake_engine.c - deterministic tokens out of a digest of the sequence. */
#include "tests/unit/fake_engine.h"

#include "base/clock.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>
#include <time.h>

enum { PAGE = ENG_PAGE_TOKENS };

static uint64_t mix(uint64_t h)
{
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccdull;
    h ^= h >> 29;
    h *= 0xc4ceb9fe1a85ec53ull;
    return h ^ h >> 32;
}

/* 24 bits of a sequence, exact in a float. */
static uint32_t digest(const int32_t *id, size_t n)
{
    uint64_t h = 1469598103934665603ull;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (uint64_t)(uint32_t)id[i]) * 1099511628211ull;
    return (uint32_t)(mix(h) & 0xffffff);
}

/* The token that follows a digest. */
static int32_t choose(const fake_engine *f, uint32_t mark, const eng_sample_opts *o, uint64_t pos)
{
    uint64_t h =
        mix(mark + 0x9e3779b97f4a7c15ull * pos + (o->temperature > 0 ? o->seed : 0) + f->salt);
    if (f->end_one_in && h % f->end_one_in == 0) return FAKE_END;
    static const char letters[] = "etaoin shrdlu cmfwyp vbgk jqxz,. ";
    return letters[(h >> 20) % (sizeof letters - 1)];
}

static void nap(unsigned us)
{
    struct timespec t = {us / 1000000, (long)(us % 1000000) * 1000};
    if (us) nanosleep(&t, NULL);
}

/* ---- pages ---- */

static void copy_page(void *arg, bool near, uint32_t to, uint32_t from)
{
    (void)near;
    fake_engine *f = arg;
    memcpy(f->page[to], f->page[from], sizeof f->page[to]);
}

static sk_status fake_begin(void *self, uint32_t slot, const int32_t *ids, size_t n, size_t n_all,
                            size_t *n_held, sk_err *e)
{
    fake_engine *f = self;
    eng_pages_seq s = {NULL, ids, n};
    sk_status st = eng_pages_begin(f->pages, slot, &s, n_all, n_held, e);
    f->len[slot] = st ? 0 : *n_held;
    return st;
}

/* Adapters change nothing here: that a model's answers differ by them is the engine's test. */
static sk_status fake_adapt(void *self, uint32_t slot, const eng_lora *l, sk_err *e)
{
    fake_engine *f = self;
    (void)e;
    assert(slot < f->engine.n_slots && !f->len[slot] && "before its begin");
    f->adapter[slot] = l;
    return SK_OK;
}

/* An adapter is a byte; a path of "bad" is none. */
static sk_status fake_adapter_open(void *self, const char *path, double scale, eng_lora **out,
                                   sk_err *e)
{
    (void)scale;
    if (strcmp(path, "bad") == 0) return sk_fail(e, SK_E_FORMAT, "bad is no adapter");
    *out = sk_alloc(SK_MEM_MISC, 1);
    if (!*out) return sk_fail(e, SK_E_NOMEM, "no memory for an adapter");
    atomic_fetch_add(&((fake_engine *)self)->n_adapters, 1);
    return SK_OK;
}

static void fake_adapter_close(void *self, eng_lora *l)
{
    fake_engine *f = self;
    for (size_t i = 0; i < f->engine.n_slots; i++)
        assert(!f->len[i] || f->adapter[i] != l);
    atomic_fetch_sub(&f->n_adapters, 1);
    sk_free(l);
}

static sk_status fake_extend(void *self, uint32_t slot, size_t n_all)
{
    return eng_pages_extend(((fake_engine *)self)->pages, slot, n_all);
}

static size_t fake_adopt(void *self, uint32_t slot, const int32_t *ids, size_t n)
{
    fake_engine *f = self;
    eng_pages_seq s = {NULL, ids, n};
    return f->len[slot] = eng_pages_adopt(f->pages, slot, &s, f->len[slot]);
}

/* ---- a disk ---- */

/* It has pages of a sequence that begins with what is there, behind what the slot holds. */
static bool fake_fetch(void *self, uint32_t slot, const int32_t *ids, size_t n)
{
    fake_engine *f = self;
    size_t most = f->n_on_disk < n - 1 ? f->n_on_disk : n - 1;
    assert(!f->waits[slot] && "it is asked once");
    bool same = most >= f->len[slot] + PAGE && !memcmp(ids, f->on_disk, most * sizeof *ids);
    return f->waits[slot] = same;
}

/* A page at a time, as far as they have been read. */
static size_t fake_arrive(void *self, uint32_t slot, const int32_t *ids, size_t most, bool *more)
{
    fake_engine *f = self;
    size_t at = f->len[slot] / PAGE * PAGE;
    assert(f->waits[slot] && most);
    if (at + PAGE <= f->n_come) {
        eng_pages_own(f->pages, slot, at, PAGE);
        uint32_t page = eng_pages_list(f->pages, slot)[at / PAGE];
        memcpy(f->page[page], f->on_disk + at, sizeof f->page[page]);
        at = f->len[slot] = at + PAGE;
        eng_pages_seq s = {NULL, ids, at};
        eng_pages_share(f->pages, slot, &s);
    }
    *more = f->waits[slot] = at + PAGE <= f->n_on_disk;
    return f->len[slot];
}

static void fake_listen(void *self, void (*fn)(void *arg), void *arg)
{
    (void)self;
    (void)fn;
    (void)arg;
}

void fake_engine_disk(fake_engine *f, const int32_t *ids, size_t n)
{
    f->on_disk = ids;
    f->n_on_disk = n;
    f->engine.fetch = fake_fetch;
    f->engine.arrive = fake_arrive;
    f->engine.listen = fake_listen;
}

static void fake_share(void *self, uint32_t slot, const int32_t *ids, size_t n)
{
    eng_pages_seq s = {NULL, ids, n};
    eng_pages_share(((fake_engine *)self)->pages, slot, &s);
}

static void fake_end(void *self, uint32_t slot, const int32_t *ids, size_t n)
{
    fake_engine *f = self;
    eng_pages_seq s = {NULL, ids, n};
    assert(n <= f->len[slot]);
    f->waits[slot] = false;
    eng_pages_end(f->pages, slot, n ? &s : NULL);
    f->len[slot] = 0;
}

static eng_kv_usage fake_usage(void *self)
{
    eng_pages_usage u = eng_pages_used(((fake_engine *)self)->pages);
    return (eng_kv_usage){u.all, u.held, u.kept, u.promised};
}

static void step_item(fake_engine *f, eng_step_item *it)
{
    assert(it->slot < f->engine.n_slots && it->n > 0 && !f->waits[it->slot]);
    assert(it->pos <= f->len[it->slot] && "positions below must have been stepped");
    assert(it->pos + it->n <= f->engine.n_ctx);
    size_t n = f->len[it->slot] = it->pos + it->n;
    const uint32_t *list = eng_pages_list(f->pages, it->slot);
    eng_pages_own(f->pages, it->slot, it->pos, it->n);
    for (size_t i = 0; i < it->n; i++)
        f->page[list[(it->pos + i) / PAGE]][(it->pos + i) % PAGE] = it->ids[i];
    for (size_t i = 0; i < n; i += PAGE)
        memcpy(f->seq + i, f->page[list[i / PAGE]], (n - i < PAGE ? n - i : PAGE) * sizeof *f->seq);
    f->mark[it->slot][0] = (float)digest(f->seq, n);
    f->mark[it->slot][1] = (float)f->len[it->slot];
    it->logits = it->want == ENG_WANT_NONE ? NULL : f->mark[it->slot];
    if (it->want != ENG_WANT_ALL) return;
    it->logits = f->rows + f->n_rows * f->engine.n_vocab;
    for (size_t i = 0; i < it->n; i++) {
        float *row = f->rows + f->n_rows++ * f->engine.n_vocab;
        row[0] = (float)digest(f->seq, it->pos + i + 1);
        row[1] = (float)(it->pos + i + 1);
    }
}

static sk_status fake_step(void *self, eng_step_item *item, size_t n, sk_err *e)
{
    fake_engine *f = self;
    size_t tokens = 0;
    uint64_t slots = 0;
    while (atomic_load(&f->hold))
        nap(200);
    for (size_t i = 0; i < n; i++) {
        assert(!(slots >> item[i].slot & 1) && "slots must differ");
        slots |= 1ull << item[i].slot;
        tokens += item[i].n;
    }
    assert(n > 0 && tokens <= f->engine.max_step);
    f->n_steps++;
    f->n_tokens += tokens;
    if (tokens > f->max_tokens) f->max_tokens = tokens;
    if (n > f->max_items) f->max_items = n;
    unsigned us = f->step_us + f->token_us * (unsigned)tokens;
    if (f->virtual_us)
        sk_clock_virtual(f->virtual_us += us);
    else
        nap(us);
    sk_status st = f->fail_next;
    f->fail_next = SK_OK;
    if (st) return sk_fail(e, st, "the fake was told to fail");
    f->n_rows = 0;
    for (size_t i = 0; i < n; i++)
        step_item(f, &item[i]);
    if (f->n_rows > f->most_rows) f->most_rows = f->n_rows;
    return SK_OK;
}

/* With a script: its next byte, counted from the first token after the prompt's newline or end. */
static int32_t scripted(const fake_engine *f, const float *logits)
{
    (void)logits;
    return (int32_t)(unsigned char)f->script[0];
}

static int32_t pick_one(fake_engine *f, const eng_pick *p)
{
    const float *logits = p->in.logits;
    assert(logits && logits[1] == (float)p->in.n_ids && "n_ids is where the token will stand");
    if (!f->script) return choose(f, (uint32_t)logits[0], &p->opts, p->in.n_ids);
    int32_t id = *f->script ? scripted(f, logits) : FAKE_END;
    if (*f->script) f->script++;
    return id;
}

static void fake_pick(void *self, eng_pick *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!p[i].status) p[i].id = pick_one(self, &p[i]);
}

static const char *fake_piece(void *self, int32_t id, size_t *n)
{
    static char bytes[256];
    (void)self;
    assert(id >= 0 && id <= FAKE_END);
    *n = id < 256;
    if (id >= 256) return "";
    bytes[id] = (char)id;
    return &bytes[id];
}

/* The end token is the fake's only control token. */
static const char *fake_piece_all(void *self, int32_t id, size_t *n)
{
    if (id != FAKE_END) return fake_piece(self, id, n);
    *n = 5;
    return "<end>";
}

static int32_t fake_special(void *self, const char *text)
{
    (void)self;
    return strcmp(text, "<end>") == 0 ? FAKE_END : -1;
}

/* Halves: of the token itself, then of the ids from 'a' on.  Which row it was is in the second
 * number of the first alternative. */
static sk_status fake_logprobs(void *self, const float *logits, int32_t id, size_t n_top,
                               double *of_id, eng_logprob *top, size_t *n_got, sk_err *e)
{
    (void)self;
    (void)e;
    assert(logits && id >= 0);
    *of_id = -0.5;
    for (size_t i = 0; i < n_top; i++)
        top[i] = (eng_logprob){.id = 'a' + (int32_t)i, .logprob = -1 - (double)i};
    if (n_top) top[0].logprob = -(double)logits[1];
    *n_got = n_top;
    return SK_OK;
}

static bool fake_is_end(void *self, int32_t id)
{
    (void)self;
    return id == FAKE_END;
}

static sk_status fake_encode(void *self, const char *text, size_t n, bool add, eng_ids *out,
                             sk_err *e)
{
    (void)self;
    (void)add;
    for (size_t i = 0; i < n; i++)
        if (!eng_ids_push(out, (unsigned char)text[i])) return sk_fail(e, SK_E_NOMEM, "no memory");
    return SK_OK;
}

static sk_status fake_decode(void *self, const int32_t *id, size_t n, sk_buf *out, sk_err *e)
{
    for (size_t i = 0; i < n; i++) {
        size_t len = 0;
        const char *p = fake_piece_all(self, id[i], &len);
        sk_buf_add(out, p, len);
    }
    return sk_buf_ok(out) ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory");
}

/* Two numbers: how many tokens, and the first of them. */
static sk_status fake_embed(void *self, const eng_lora *l, const eng_ids *ids, const srv_between *b,
                            float *out, sk_err *e)
{
    (void)self;
    (void)l;
    if (!b->fn(b->arg)) return sk_fail(e, SK_E_STOPPED, "stopped");
    out[0] = (float)ids->n;
    out[1] = (float)ids->id[0];
    return SK_OK;
}

/* First letters of roles and contents, then an 'a' where it is not open. */
static sk_status fake_chat_text(void *self, json_t *messages, json_t *vars, bool open,
                                eng_jinja_text *out, sk_err *e)
{
    size_t i;
    json_t *m;
    (void)self;
    (void)vars;
    json_array_foreach(messages, i, m)
    {
        const json_t *text = json_object_get(m, "content");
        sk_buf_add(&out->text, json_string_value(json_object_get(m, "role")), 1);
        sk_buf_add(&out->text, json_string_value(text), json_string_length(text));
    }
    if (!open) sk_buf_addc(&out->text, 'a');
    return sk_buf_ok(&out->text) ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory");
}

static sk_status fake_chat(void *self, json_t *messages, json_t *vars, bool open, eng_ids *out,
                           sk_err *e)
{
    eng_jinja_text t = {SK_BUF_INIT, NULL, 0};
    sk_status st = fake_chat_text(self, messages, vars, open, &t, e);
    if (!st) st = fake_encode(self, t.text.p, t.text.len, true, out, e);
    sk_buf_fini(&t.text);
    return st;
}

void fake_engine_init(fake_engine *f, size_t n_slots, size_t n_ctx, size_t max_step)
{
    fake_engine_init_pages(f, n_slots, n_ctx, max_step, n_slots * ((n_ctx - 1) / PAGE + 1));
}

void fake_engine_init_pages(fake_engine *f, size_t n_slots, size_t n_ctx, size_t max_step,
                            size_t n_pages)
{
    sk_err e = SK_ERR_INIT;
    assert(n_slots <= FAKE_MAX_SLOTS && n_ctx <= n_pages * PAGE);
    memset(f, 0, sizeof *f);
    eng_pages_opts po = {n_pages, n_slots, (n_ctx - 1) / PAGE + 1, true, copy_page, f};
    sk_status st = eng_pages_open(&po, &f->pages, &e);
    f->page = sk_calloc(SK_MEM_MISC, n_pages, sizeof *f->page);
    f->seq = sk_calloc(SK_MEM_MISC, n_ctx, sizeof *f->seq);
    f->rows = sk_calloc(SK_MEM_MISC, max_step * (FAKE_END + 1), sizeof *f->rows);
    assert(!st && f->page && f->seq && f->rows);
    (void)st;
    f->end_one_in = 50;
    f->engine = (srv_engine){.self = f,
                             .adapt = fake_adapt,
                             .adapter_open = fake_adapter_open,
                             .adapter_close = fake_adapter_close,
                             .model = "fake",
                             .n_slots = n_slots,
                             .n_ctx = n_ctx,
                             .max_step = max_step,
                             .n_vocab = FAKE_END + 1,
                             .has_chat = true,
                             .step = fake_step,
                             .begin = fake_begin,
                             .extend = fake_extend,
                             .adopt = fake_adopt,
                             .share = fake_share,
                             .end = fake_end,
                             .usage = fake_usage,
                             .pick = fake_pick,
                             .piece = fake_piece,
                             .piece_all = fake_piece_all,
                             .special = fake_special,
                             .logprobs = fake_logprobs,
                             .is_end = fake_is_end,
                             .encode = fake_encode,
                             .decode = fake_decode,
                             .embed = fake_embed,
                             .n_embd = 2,
                             .chat = fake_chat,
                             .chat_text = fake_chat_text};
}

void fake_engine_fini(fake_engine *f)
{
    eng_pages_close(f->pages);
    sk_free(f->page);
    sk_free(f->seq);
    sk_free(f->rows);
}

size_t fake_engine_answer(const fake_engine *f, const int32_t *prompt, size_t n, size_t n_max,
                          uint64_t seed, char *out, size_t cap)
{
    int32_t *seq = sk_calloc(SK_MEM_MISC, n + n_max, sizeof *seq);
    eng_sample_opts o = {.temperature = 1, .seed = seed};
    size_t made = 0;
    assert(seq);
    memcpy(seq, prompt, n * sizeof *seq);
    for (; made < n_max && made < cap; made++) {
        int32_t id = choose(f, digest(seq, n + made), &o, n + made);
        if (id == FAKE_END) break;
        seq[n + made] = id;
        out[made] = (char)id;
    }
    sk_free(seq);
    return made;
}
