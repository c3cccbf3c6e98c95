/* local.c - fills the scheduler's table of functions from the engine's door. */
#include "serve/sched/local.h"

#include "base/mem.h"
#include "base/ram.h"
#include "serve/sched/aside.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct srv_local {
    eng_exec *exec;
    eng_model *model;
    eng_lora *lora;        /* of answers that ask for no other; NULL: none */
    const eng_lora **worn; /* [n_slots] the adapter of each slot */
    eng_session *session;
    eng_sampler **sampler; /* [n_samplers] one a thread, as far as there are slots */
    size_t n_samplers;
    eng_embedder *embedder; /* made when a request first asks for a vector */
    pthread_mutex_t trie_lock;
    eng_tokentrie *trie;        /* made when a request first brings a rule, by whichever thread */
    eng_dry_breakers *breakers; /* of DRY, made when a request first asks for it */
    eng_model_info info;
    srv_engine engine;
    char name[128];
};

static sk_status local_step(void *self, eng_step_item *item, size_t n, sk_err *e)
{
    return eng_session_step(((srv_local *)self)->session, item, n, e);
}

static sk_status local_begin(void *self, uint32_t slot, const int32_t *ids, size_t n, size_t n_all,
                             size_t *n_held, sk_err *e)
{
    return eng_session_begin(((srv_local *)self)->session, slot, ids, n, n_all, n_held, e);
}

static sk_status local_extend(void *self, uint32_t slot, size_t n_all)
{
    return eng_session_extend(((srv_local *)self)->session, slot, n_all);
}

static size_t local_adopt(void *self, uint32_t slot, const int32_t *ids, size_t n)
{
    return eng_session_adopt(((srv_local *)self)->session, slot, ids, n);
}

static bool local_fetch(void *self, uint32_t slot, const int32_t *ids, size_t n)
{
    return eng_session_fetch(((srv_local *)self)->session, slot, ids, n);
}

static size_t local_arrive(void *self, uint32_t slot, const int32_t *ids, size_t most, bool *more)
{
    return eng_session_arrive(((srv_local *)self)->session, slot, ids, most, more);
}

static void local_listen(void *self, void (*fn)(void *arg), void *arg)
{
    eng_session_listen(((srv_local *)self)->session, fn, arg);
}

static void local_share(void *self, uint32_t slot, const int32_t *ids, size_t n)
{
    eng_session_share(((srv_local *)self)->session, slot, ids, n);
}

static void local_end(void *self, uint32_t slot, const int32_t *ids, size_t n)
{
    eng_session_end(((srv_local *)self)->session, slot, ids, n);
}

/* An encoder has no cache: a page that nobody holds. */
static eng_kv_usage local_usage(void *self)
{
    const srv_local *l = self;
    return l->session ? eng_session_kv_usage(l->session) : (eng_kv_usage){.pages = 1};
}

/* ---- adapters ---- */

static sk_status local_adapt(void *self, uint32_t slot, const eng_lora *a, sk_err *e)
{
    srv_local *l = self;
    if (!a) a = l->lora;
    if (l->worn[slot] == a) return SK_OK;
    sk_status st = eng_session_adapt(l->session, slot, a, e);
    if (!st) l->worn[slot] = a;
    return st;
}

/* The model does not change once it is open, so any thread may read it. */
static sk_status local_adapter_open(void *self, const char *path, double scale, eng_lora **out,
                                    sk_err *e)
{
    const srv_local *l = self;
    eng_exec *x = NULL;
    if (!l->session) return sk_fail(e, SK_E_UNSUPPORTED, "an encoder takes no adapter");
    sk_status st = eng_exec_open(1, &x, e);
    if (st) return st;
    st = eng_lora_open(x, l->model, path, scale, out, e);
    eng_exec_close(x);
    return st;
}

static void local_adapter_close(void *self, eng_lora *a)
{
    srv_local *l = self;
    sk_err e = SK_ERR_INIT;
    for (uint32_t i = 0; i < l->engine.n_slots; i++)
        if (l->worn[i] == a) (void)local_adapt(l, i, NULL, &e);
    /* the next vector says which; without one it needs no memory, so it can't fail */
    if (l->embedder) (void)eng_embedder_adapt(l->embedder, NULL, &e);
    eng_session_forget(l->session, a);
    eng_lora_close(a);
}

/* ---- choices ---- */

/* DRY's breakers for the choices that need them, made when the first does.  Without memory those
 * choices have failed. */
static void give_breakers(srv_local *l, eng_pick *p, size_t n)
{
    static const char *const usual[] = {"\n", ":", "\"", "*"};
    for (size_t i = 0; i < n; i++) {
        if (p[i].opts.dry_multiplier == 0) continue;
        if (!l->breakers && eng_model_vocab(l->model))
            p[i].status = eng_dry_breakers_new(l->model, usual, sizeof usual / sizeof *usual,
                                               &l->breakers, &p[i].err);
        p[i].opts.dry_breakers = l->breakers;
    }
}

static void local_pick(void *self, eng_pick *p, size_t n)
{
    srv_local *l = self;
    give_breakers(l, p, n);
    eng_sampler_pick_all(l->exec, l->sampler, l->n_samplers, p, n);
}

static const char *local_piece(void *self, int32_t id, size_t *n)
{
    return eng_model_piece(((srv_local *)self)->model, id, n);
}

static const char *local_piece_all(void *self, int32_t id, size_t *n)
{
    return eng_vocab_piece(eng_model_vocab(((srv_local *)self)->model), id, true, n);
}

static int32_t local_special(void *self, const char *text)
{
    const eng_vocab *v = eng_model_vocab(((srv_local *)self)->model);
    return v ? eng_vocab_special(v, text) : -1;
}

static sk_status local_logprobs(void *self, const float *logits, int32_t id, size_t n_top,
                                double *of_id, eng_logprob *top, size_t *n_got, sk_err *e)
{
    return eng_sampler_logprobs(((srv_local *)self)->sampler[0], logits, id, n_top, of_id, top,
                                n_got, e);
}

static bool local_is_end(void *self, int32_t id)
{
    return eng_model_is_end(((srv_local *)self)->model, id);
}

/* Text from people is never read for special tokens; those the model's file asks for are added. */
static sk_status local_encode(void *self, const char *text, size_t n, bool add, eng_ids *out,
                              sk_err *e)
{
    return eng_model_encode(((srv_local *)self)->model, text, n, add ? ENG_TOK_ADD : 0, out, e);
}

static sk_status local_chat(void *self, json_t *messages, json_t *vars, bool open, eng_ids *out,
                            sk_err *e)
{
    const eng_chat_opts o = {.open_end = open, .extra = vars, .now = -1};
    return eng_model_chat_json(((srv_local *)self)->model, messages, &o, out, e);
}

static sk_status local_chat_text(void *self, json_t *messages, json_t *vars, bool open,
                                 eng_jinja_text *out, sk_err *e)
{
    const eng_chat_opts o = {.open_end = open, .extra = vars, .now = -1};
    return eng_model_chat_text(((srv_local *)self)->model, messages, &o, out, e);
}

/* What a grammar of a request may have: it is compiled beside answers that are being made, and many
 * may be in use at once. */
#define RULE_NODES ((size_t)150000)
#define RULE_BYTES ((size_t)32 << 20)

/* The tree of the vocabulary, which does not change once it is made. */
static sk_status find_trie(srv_local *l, const eng_vocab *v, sk_err *e)
{
    (void)pthread_mutex_lock(&l->trie_lock);
    sk_status st = l->trie ? SK_OK : eng_tokentrie_new(v, &l->trie, e);
    (void)pthread_mutex_unlock(&l->trie_lock);
    return st;
}

static sk_status local_rule(void *self, srv_rule kind, const char *text, size_t n,
                            eng_grammar **out, sk_err *e)
{
    srv_local *l = self;
    const eng_vocab *v = eng_model_vocab(l->model);
    if (!v) return sk_fail(e, SK_E_UNSUPPORTED, "the model has no tokenizer that can be used");
    sk_status st = find_trie(l, v, e);
    if (st) return st;
    const eng_grammar_opts o = {.max_nodes = RULE_NODES, .max_memory = RULE_BYTES};
    switch (kind) {
    case SRV_RULE_SCHEMA:
        return eng_grammar_open_schema(l->trie, text, n, &o, out, e);
    case SRV_RULE_GBNF:
        return eng_grammar_open_gbnf(l->trie, text, n, &o, out, e);
    case SRV_RULE_REGEX:
        return eng_grammar_open_regex(l->trie, text, n, &o, out, e);
    default:
        return eng_grammar_open_json(l->trie, &o, out, e);
    }
}

static sk_status local_decode(void *self, const int32_t *id, size_t n, sk_buf *out, sk_err *e)
{
    const eng_vocab *v = eng_model_vocab(((srv_local *)self)->model);
    if (!v) return sk_fail(e, SK_E_UNSUPPORTED, "the model has no tokenizer that can be used");
    return eng_vocab_decode(v, id, n, true, out, e);
}

static sk_status local_embed(void *self, const eng_lora *a, const eng_ids *ids,
                             const srv_between *b, float *out, sk_err *e)
{
    srv_local *l = self;
    sk_status st = l->embedder ? SK_OK : eng_embedder_open(l->exec, l->model, &l->embedder, e);
    if (!st) st = eng_embedder_adapt(l->embedder, a ? a : l->lora, e);
    if (st) return st;
    eng_embedder_between(l->embedder, b->fn, b->arg);
    return eng_embedder_run(l->embedder, ids->id, ids->n, ENG_POOL_AUTO, true, out, e);
}

/* The model's id: the name asked for, or the one in the file, or the file's own without .gguf.  It
 * is part of a path, so characters that would have to be escaped there become dashes. */
static void set_name(srv_local *l, const srv_local_opts *o)
{
    const char *slash = strrchr(o->path, '/');
    const char *name = o->name ? o->name : l->info.name;
    bool is_file = !name || !*name;
    if (is_file) name = slash ? slash + 1 : o->path;
    snprintf(l->name, sizeof l->name, "%s", name);
    char *dot = is_file ? strstr(l->name, ".gguf") : NULL;
    if (dot && dot != l->name && !dot[5]) *dot = 0;
    for (char *c = l->name; *c; c++)
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f || strchr("%?#\"\\", *c))
            *c = '-';
}

/* A sampler for each thread, but no more than sequences. */
static sk_status open_samplers(srv_local *l, size_t n_slots, sk_err *e)
{
    size_t n = eng_exec_threads(l->exec);
    if (n > n_slots) n = n_slots;
    l->sampler = sk_calloc(SK_MEM_SCRATCH, n, sizeof(eng_sampler *));
    for (; l->sampler && l->n_samplers < n; l->n_samplers++)
        if (!(l->sampler[l->n_samplers] = eng_sampler_new(l->info.n_vocab))) break;
    return l->n_samplers == n ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for the samplers");
}

/* Part of the memory that is left after the model which the cache may take, if nobody says. */
#define KV_PART 0.5

/* Beside a server that runs it also counts what other programs have taken; a server that starts
 * has always counted on the whole machine. */
uint64_t srv_local_room(const srv_local_opts *o)
{
    uint64_t all = sk_ram_allowed("").bytes, held = o->mapped;
    uint64_t now = o->aside ? sk_ram_available("") : 0;
    if (!all) all = UINT64_MAX;
    if (o->memory && o->memory < all) all = o->memory;
    for (int k = 0; k < SK_MEM_N; k++)
        held += sk_mem_bytes((sk_mem_kind)k);
    uint64_t left = all > held ? all - held : 0;
    return now && now < left ? now : left;
}

static size_t at_most(size_t n, size_t most)
{
    return n < most ? n : most;
}

/* Bytes of a cache of so many pages for every sequence; UINT64_MAX if there can be none. */
static uint64_t bytes_of(const srv_local *l, eng_session_opts so, size_t pages)
{
    uint64_t bytes;
    so.kv_tokens = pages * ENG_KV_PAGE;
    return eng_session_kv_need(l->model, &so, &bytes, NULL) ? UINT64_MAX : bytes;
}

/* Pages, up to `most`, that so many bytes have room for. */
static size_t pages_in(const srv_local *l, const eng_session_opts *so, uint64_t bytes, size_t most)
{
    size_t lo = 0, hi = most;
    while (lo < hi) {
        size_t mid = hi - (hi - lo) / 2;
        if (bytes_of(l, *so, mid) <= bytes)
            lo = mid;
        else
            hi = mid - 1;
    }
    return lo;
}

/* Tokens of the whole cache of a session like so: what was asked for, else for every slot its
 * context, as far as there is memory.  A context that was asked for fits once in any case. */
static sk_status size_cache(const srv_local *l, const srv_local_opts *o, const eng_session_opts *so,
                            size_t *out, sk_err *e)
{
    uint64_t one = 0;
    size_t most = 0, each = (so->n_ctx - 1) / ENG_KV_PAGE + 1;
    if (!sk_mul_size(each, o->n_slots, &most) || most > SIZE_MAX / ENG_KV_PAGE)
        most = SIZE_MAX / ENG_KV_PAGE;
    eng_session_opts least = *so;
    least.kv_tokens = ENG_KV_PAGE;
    sk_status st = eng_session_kv_need(l->model, &least, &one, e);
    if (st) return st;
    bool asked = o->kv_tokens || o->kv_bytes;
    size_t pages = o->kv_tokens / ENG_KV_PAGE;
    if (!pages && o->kv_bytes) pages = pages_in(l, so, o->kv_bytes, most);
    if (asked && !pages)
        return sk_fail(e, SK_E_INVALID,
                       "the KV cache needs a page of %d tokens (%" PRIu64 " bytes) at least",
                       ENG_KV_PAGE, one);
    if (!asked) {
        pages = pages_in(l, so, (uint64_t)(KV_PART * (double)srv_local_room(o)), most);
        if (!pages || (o->n_ctx && pages < each)) pages = o->n_ctx ? each : 1;
    }
    uint64_t need = bytes_of(l, *so, at_most(pages, most)), room = srv_local_room(o);
    if ((o->aside || o->memory) && need > room)
        return sk_fail(e, SK_E_NOMEM,
                       "its cache of keys and values needs %" PRIu64
                       " MiB, and there is room for %" PRIu64 " MiB beside what is loaded",
                       need >> 20, room >> 20);
    *out = at_most(pages, most) * ENG_KV_PAGE;
    return SK_OK;
}

/* The table of functions, but for what only models that write have. */
static void fill_engine(srv_local *l, size_t n_slots, size_t n_ctx, size_t max_step)
{
    l->engine = (srv_engine){.self = l,
                             .model = l->name,
                             .n_slots = n_slots,
                             .n_ctx = n_ctx,
                             .max_step = max_step,
                             .n_vocab = l->info.n_vocab,
                             .n_embd = l->info.n_embd,
                             .has_chat = l->info.has_chat && !l->info.encoder,
                             .no_text = l->info.encoder,
                             .adapt = local_adapt,
                             .adapter_open = local_adapter_open,
                             .adapter_close = local_adapter_close,
                             .step = local_step,
                             .begin = local_begin,
                             .extend = local_extend,
                             .adopt = local_adopt,
                             .share = local_share,
                             .end = local_end,
                             .usage = local_usage,
                             .pick = local_pick,
                             .piece = local_piece,
                             .piece_all = local_piece_all,
                             .special = local_special,
                             .logprobs = local_logprobs,
                             .is_end = local_is_end,
                             .encode = local_encode,
                             .rule = local_rule,
                             .decode = local_decode,
                             .embed = local_embed,
                             .chat = local_chat,
                             .chat_text = local_chat_text};
}

/* Opens the session the options ask for; an encoder has none. */
static sk_status open_session(srv_local *l, const srv_local_opts *o, sk_err *e)
{
    size_t n_ctx = o->n_ctx ? o->n_ctx : l->info.n_ctx, kv_tokens = 0;
    if (n_ctx > l->info.n_ctx)
        return sk_fail(e, SK_E_INVALID, "--context %zu is over the %u tokens of the model", n_ctx,
                       l->info.n_ctx);
    if (n_ctx < 2) return sk_fail(e, SK_E_INVALID, "a context of %zu tokens is too short", n_ctx);
    size_t max_step = o->max_step > o->n_slots ? o->max_step : o->n_slots;
    eng_session_opts so = {.n_slots = o->n_slots,
                           .n_ctx = n_ctx,
                           .max_step = max_step,
                           .kv_type = o->kv_type,
                           .lora = l->lora,
                           .prefix = true,
                           .prefix_disk = o->prefix_disk,
                           .prefix_disk_most = o->prefix_disk_most};
    sk_status st = l->info.encoder ? SK_OK : size_cache(l, o, &so, &kv_tokens, e);
    if (st) return st;
    if (!l->info.encoder) n_ctx = at_most(n_ctx, kv_tokens);
    fill_engine(l, o->n_slots, n_ctx, max_step);
    if (l->info.encoder) return SK_OK;
    l->worn = sk_calloc(SK_MEM_REQUEST, o->n_slots, sizeof *l->worn);
    if (!l->worn) return sk_fail(e, SK_E_NOMEM, "no memory for %zu slots", o->n_slots);
    for (size_t i = 0; i < o->n_slots; i++)
        l->worn[i] = l->lora;
    so.n_ctx = n_ctx;
    so.kv_tokens = kv_tokens;
    st = eng_session_open(l->exec, l->model, &so, &l->session, e);
    if (st == SK_E_NOMEM) return sk_while(e, "try a smaller --kv-bytes, --context or --parallel");
    if (!st && o->prefix_disk) {
        l->engine.fetch = local_fetch;
        l->engine.arrive = local_arrive;
        l->engine.listen = local_listen;
    }
    return st ? st : open_samplers(l, o->n_slots, e);
}

/* ---- open and close ---- */

/* What a thread that reads the model is told, and says. */
typedef struct reading {
    srv_local *l;
    const srv_local_opts *o;
    sk_status st;
    sk_err *e;
} reading;

/* Reads and packs the model's files. */
static void read_files(void *arg)
{
    reading *r = arg;
    srv_local *l = r->l;
    const srv_local_opts *o = r->o;
    eng_model_opts mo = {.no_repack = o->no_repack, .pack_cache = o->pack_cache};
    r->st = eng_model_open_opts(l->exec, o->path, &mo, &l->model, r->e);
    if (!r->st && o->chat_template)
        r->st = eng_model_load_template(l->model, o->chat_template, r->e);
    if (!r->st && o->lora)
        r->st = eng_lora_open(l->exec, l->model, o->lora, o->lora_scale, &l->lora, r->e);
}

/* With all threads.  Beside others that answer they compute only when o->between says so, and what
 * is not asked about (the directory, the vocabulary) is done at low priority. */
static sk_status read_model(srv_local *l, const srv_local_opts *o, sk_err *e)
{
    reading r = {.l = l, .o = o, .e = e};
    sk_status st = SK_OK;
    eng_exec_between(l->exec, o->between, o->between_arg);
    if (o->aside)
        st = srv_aside_run(read_files, &r, e);
    else
        read_files(&r);
    eng_exec_between(l->exec, NULL, NULL);
    return st ? st : r.st;
}

/* Opens model, session and sampler. */
sk_status srv_local_open(const srv_local_opts *o, srv_local **out, sk_err *e)
{
    assert(o->n_slots > 0);
    srv_local *l = sk_calloc(SK_MEM_REQUEST, 1, sizeof *l);
    if (!l) return sk_fail(e, SK_E_NOMEM, "no memory for the engine");
    (void)pthread_mutex_init(&l->trie_lock, NULL);
    sk_status st = eng_exec_open(o->n_threads, &l->exec, e);
    if (!st) st = read_model(l, o, e);
    if (!st) {
        eng_model_get_info(l->model, &l->info);
        set_name(l, o);
        st = open_session(l, o, e);
    }
    if (st) {
        srv_local_close(l);
        return st;
    }
    *out = l;
    return SK_OK;
}

/* One token of the vocabulary through the whole model, and what it says must be numbers. */
sk_status srv_local_try(srv_local *l, eng_between_fn between, void *arg, sk_err *e)
{
    const int32_t id = 0;
    eng_step_item it = {.slot = 0, .n = 1, .ids = &id, .want = ENG_WANT_LAST};
    size_t held = 0;
    if (!l->session) return SK_OK;
    sk_status st = local_adapt(l, 0, NULL, e);
    if (!st) st = local_begin(l, 0, &id, 1, 1, &held, e);
    if (st) return st;
    eng_exec_between(l->exec, between, arg);
    st = local_step(l, &it, 1, e);
    eng_exec_between(l->exec, NULL, NULL);
    for (size_t i = 0; !st && i < l->info.n_vocab; i++)
        if (!isfinite(it.logits[i]))
            st = sk_fail(e, SK_E_CORRUPT, "its first token comes out as %g", (double)it.logits[i]);
    local_end(l, 0, &id, 0);
    return st;
}

/* Closes what is open. */
void srv_local_close(srv_local *l)
{
    if (!l) return;
    for (size_t i = 0; i < l->n_samplers; i++)
        eng_sampler_free(l->sampler[i]);
    sk_free(l->sampler);
    sk_free(l->worn);
    eng_dry_breakers_free(l->breakers);
    eng_embedder_close(l->embedder);
    eng_tokentrie_free(l->trie);
    (void)pthread_mutex_destroy(&l->trie_lock);
    if (l->session) eng_session_close(l->session);
    eng_lora_close(l->lora);
    if (l->model) eng_model_close(l->model);
    if (l->exec) eng_exec_close(l->exec);
    sk_free(l);
}

/* The table of functions. */
const srv_engine *srv_local_engine(const srv_local *l)
{
    return &l->engine;
}

/* What the model's file says of it. */
const eng_model_info *srv_local_info(const srv_local *l)
{
    return &l->info;
}
