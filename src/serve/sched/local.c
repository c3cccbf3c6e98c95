/* local.c - fills the scheduler's table of functions from the engine's door. */
#include "serve/sched/local.h"

#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

struct srv_local {
    eng_exec *exec;
    eng_model *model;
    eng_lora *lora; /* NULL: none */
    eng_session *session;
    eng_sampler *sampler;
    eng_dry_breakers *breakers; /* of DRY, made when a request first asks for it */
    eng_model_info info;
    srv_engine engine;
    char name[128];
};

static sk_status local_step(void *self, eng_step_item *item, size_t n, sk_err *e)
{
    return eng_session_step(((srv_local *)self)->session, item, n, e);
}

static sk_status local_pick(void *self, const eng_sample_opts *o, const eng_sample_in *in,
                            int32_t *out, sk_err *e)
{
    static const char *const usual[] = {"\n", ":", "\"", "*"};
    srv_local *l = self;
    eng_sample_opts with = *o;
    if (o->dry_multiplier != 0 && !l->breakers && eng_model_vocab(l->model)) {
        sk_status st =
            eng_dry_breakers_new(l->model, usual, sizeof usual / sizeof *usual, &l->breakers, e);
        if (st) return st;
    }
    with.dry_breakers = l->breakers;
    return eng_sampler_pick(l->sampler, &with, in, out, e);
}

static const char *local_piece(void *self, int32_t id, size_t *n)
{
    return eng_model_piece(((srv_local *)self)->model, id, n);
}

static bool local_is_end(void *self, int32_t id)
{
    return eng_model_is_end(((srv_local *)self)->model, id);
}

/* Text from people is never read for special tokens; those the model's file asks for are added. */
static sk_status local_encode(void *self, const char *text, size_t n, eng_ids *out, sk_err *e)
{
    return eng_model_encode(((srv_local *)self)->model, text, n, ENG_TOK_ADD, out, e);
}

static sk_status local_chat(void *self, const eng_chat_msg *msg, size_t n, eng_ids *out, sk_err *e)
{
    return eng_model_chat(((srv_local *)self)->model, msg, n, out, e);
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

/* Opens the session the options ask for. */
static sk_status open_session(srv_local *l, const srv_local_opts *o, sk_err *e)
{
    size_t n_ctx = o->n_ctx ? o->n_ctx : l->info.n_ctx;
    if (n_ctx > l->info.n_ctx)
        return sk_fail(e, SK_E_INVALID, "--context %zu is over the %u tokens of the model", n_ctx,
                       l->info.n_ctx);
    if (n_ctx < 2) return sk_fail(e, SK_E_INVALID, "a context of %zu tokens is too short", n_ctx);
    size_t max_step = o->max_step > o->n_slots ? o->max_step : o->n_slots;
    eng_session_opts so = {.n_slots = o->n_slots,
                           .n_ctx = n_ctx,
                           .max_step = max_step,
                           .kv_type = o->kv_type,
                           .lora = l->lora};
    sk_status st = eng_session_open(l->exec, l->model, &so, &l->session, e);
    if (st == SK_E_NOMEM) return sk_while(e, "try a smaller --context or --parallel");
    if (st) return st;
    l->sampler = eng_sampler_new(l->info.n_vocab);
    if (!l->sampler) return sk_fail(e, SK_E_NOMEM, "no memory for the sampler");
    l->engine = (srv_engine){.self = l,
                             .model = l->name,
                             .n_slots = o->n_slots,
                             .n_ctx = n_ctx,
                             .max_step = max_step,
                             .n_vocab = l->info.n_vocab,
                             .has_chat = l->info.has_chat,
                             .step = local_step,
                             .pick = local_pick,
                             .piece = local_piece,
                             .is_end = local_is_end,
                             .encode = local_encode,
                             .chat = local_chat};
    return SK_OK;
}

/* Opens model, session and sampler. */
sk_status srv_local_open(const srv_local_opts *o, srv_local **out, sk_err *e)
{
    assert(o->n_slots > 0);
    srv_local *l = sk_calloc(SK_MEM_REQUEST, 1, sizeof *l);
    if (!l) return sk_fail(e, SK_E_NOMEM, "no memory for the engine");
    eng_model_opts mo = {.no_repack = o->no_repack};
    sk_status st = eng_exec_open(o->n_threads, &l->exec, e);
    if (!st) st = eng_model_open_opts(l->exec, o->path, &mo, &l->model, e);
    if (!st && o->chat_template) st = eng_model_load_template(l->model, o->chat_template, e);
    if (!st && o->lora) st = eng_lora_open(l->exec, l->model, o->lora, o->lora_scale, &l->lora, e);
    if (!st) {
        eng_model_get_info(l->model, &l->info);
        set_name(l, o);
        st = l->info.encoder
                 ? sk_fail(e, SK_E_UNSUPPORTED, "%s: a model of the architecture %s writes no text",
                           o->path, l->info.arch)
                 : open_session(l, o, e);
    }
    if (st) {
        srv_local_close(l);
        return st;
    }
    *out = l;
    return SK_OK;
}

/* Closes what is open. */
void srv_local_close(srv_local *l)
{
    if (!l) return;
    if (l->sampler) eng_sampler_free(l->sampler);
    eng_dry_breakers_free(l->breakers);
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
