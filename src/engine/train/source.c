/* source.c - the model that training begins with. */
#include "engine/train/source.h"

#include "base/crc.h"
#include "engine/hf/hf.h"
#include "engine/model/config_gguf.h"
#include "engine/model/trainable.h"

#include <string.h>

static sk_status open_all(const char *path, sk_arena *mem, eng_source *s, sk_err *e)
{
    sk_status st = eng_config_read(s->gguf, &s->cfg, e);
    if (!st) st = eng_config_trainable(&s->cfg, e);
    if (!st) st = eng_vocab_from_gguf(s->gguf, &s->vocab, e);
    if (!st) st = eng_layout_build(&s->cfg, mem, &s->layout, e);
    return st ? sk_while(e, "%s", path) : SK_OK;
}

sk_status eng_source_open(const char *path, sk_arena *mem, eng_source *out, sk_err *e)
{
    sk_status st = eng_hf_is_folder(path) ? eng_hf_open(path, &out->gguf, e)
                                          : eng_gguf_open(path, &out->gguf, e);
    return st ? st : open_all(path, mem, out, e);
}

void eng_source_close(eng_source *s)
{
    if (s->vocab) eng_vocab_close(s->vocab);
    if (s->gguf) eng_gguf_close(s->gguf);
    s->vocab = NULL;
    s->gguf = NULL;
}

void eng_source_shape(eng_source *s, eng_train_opts *o)
{
    const eng_config *c = &s->cfg;
    o->arch = c->arch;
    o->dim = c->n_embd;
    o->layers = c->n_layer;
    o->heads = c->n_head;
    o->kv_heads = c->n_kv_head;
    o->ffn = c->n_ff;
    o->vocab = c->n_vocab;
    o->tied = c->tied;
    o->rope_theta = (double)c->rope_theta;
    if (o->context == 0 || o->context > c->n_ctx) o->context = c->n_ctx;
    if (o->name && *o->name && strlen(o->name) < sizeof(s->cfg.name))
        memcpy(s->cfg.name, o->name, strlen(o->name) + 1);
}

/* What is 0 or NULL was not asked for.  Whatever was must be as the model has it, whose shape can't
 * change on the way; only the context may be shorter. */
sk_status eng_source_check(const eng_source *s, const eng_train_opts *o, sk_err *e)
{
    const eng_config *c = &s->cfg;
    const struct {
        const char *flag;
        uint32_t asked, has;
    } row[] = {
        {"dim", o->dim, c->n_embd},     {"layers", o->layers, c->n_layer},
        {"heads", o->heads, c->n_head}, {"kv-heads", o->kv_heads, c->n_kv_head},
        {"ffn", o->ffn, c->n_ff},       {"vocab", o->vocab, c->n_vocab},
    };
    for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++)
        if (row[i].asked && row[i].asked != row[i].has)
            return sk_fail(e, SK_E_INVALID,
                           "--%s is %u, but the model to go on from has %u: leave the flag away",
                           row[i].flag, row[i].asked, row[i].has);
    if (o->context > c->n_ctx)
        return sk_fail(e, SK_E_INVALID,
                       "--context is %u, but the model to go on from reads %u tokens at most",
                       o->context, c->n_ctx);
    if (o->arch && strcmp(o->arch, c->arch) != 0)
        return sk_fail(e, SK_E_INVALID,
                       "--arch is %s, but the model to go on from is of %s: leave the flag away",
                       o->arch, c->arch);
    if (o->tokenizer)
        return sk_fail(e, SK_E_INVALID,
                       "--tokenizer does not go with --from: the model's own tokenizer is used");
    return SK_OK;
}

uint32_t eng_source_crc(const eng_source *s)
{
    uint32_t crc = 0;
    for (size_t i = 0; i < eng_gguf_n_tensors(s->gguf); i++) {
        const eng_gguf_tensor *w = eng_gguf_tensor_at(s->gguf, i);
        crc = sk_crc32c(crc, w->data, (size_t)w->bytes);
    }
    return crc;
}
