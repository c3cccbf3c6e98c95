/* pretrain.c - from text files to a model: shape, tokenizer, tokens, then the loop. */
#include "engine/train/pretrain.h"

#include "base/crc.h"
#include "base/file.h"
#include "engine/data/sink.h"
#include "engine/model/trainable.h"
#include "engine/token/bpe_train.h"
#include "engine/train/ckptdir.h"
#include "engine/train/corpus.h"
#include "engine/train/loop.h"
#include "engine/train/origin.h"
#include "engine/train/ranks.h"
#include "engine/train/rundir.h"
#include "engine/train/source.h"
#include "engine/train/trainstate.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What a run holds while it is prepared. */
typedef struct pretrain {
    eng_exec *x;
    eng_train_opts o; /* with the vocabulary's true size */
    eng_config cfg;
    eng_layout layout;
    sk_arena *mem;
    eng_source src; /* where it goes on from a model */
    eng_vocab *vocab;
    eng_dataset data, valid;
    json_t *meta;
    const char *built; /* the folder of a data set, NULL: data are texts */
} pretrain;

/* Everything the flags say about the shape. */
sk_status eng_train_shape(const eng_train_opts *o, eng_config *out, sk_err *e)
{
    eng_config c = {
        .n_vocab = o->vocab,
        .n_ctx = o->context,
        .n_embd = o->dim,
        .n_layer = o->layers,
        .n_head = o->heads,
        .n_kv_head = o->kv_heads,
        .n_ff = o->ffn,
        .rope_theta = (float)o->rope_theta,
        .tied = o->tied,
    };
    assert(o->arch);
    const char *name = o->name ? o->name : "stoke";
    if (strlen(o->arch) >= sizeof(c.arch) || strlen(name) >= sizeof(c.name))
        return sk_fail(e, SK_E_INVALID, "the name of the %s is too long",
                       strlen(name) >= sizeof(c.name) ? "model" : "architecture");
    memcpy(c.arch, o->arch, strlen(o->arch) + 1);
    memcpy(c.name, name, strlen(name) + 1);
    if (o->heads == 0 || o->dim % o->heads)
        return sk_fail(e, SK_E_INVALID, "--dim %u is not a multiple of --heads %u", o->dim,
                       o->heads);
    c.head_dim = o->dim / o->heads;
    sk_status st = eng_config_fresh(&c, e);
    if (!st) st = eng_config_check(&c, e);
    if (!st) *out = c;
    return st;
}

/* ---- tokenizer ---- */

/* The tokenizer's progress as events of its stage; a stop asked for ends it there. */
static bool bpe_progress(void *arg, size_t done, size_t total)
{
    const eng_train_opts *o = arg;
    eng_train_event ev = {.kind = ENG_EV_STAGE, .stage = "tokenizer", .total = total, .step = done};
    eng_emit(o, &ev);
    return !(o->stop && o->stop(o->arg));
}

/* Trains a tokenizer on the text and keeps it in the run's folder. */
static sk_status train_tokenizer(pretrain *t, const sk_buf *text, const char *path, sk_err *e)
{
    eng_bpe_opts b = {.n_vocab = t->o.vocab,
                      .pretok = "qwen2",
                      .pool = eng_exec_pool(t->x),
                      .progress = bpe_progress,
                      .arg = &t->o};
    eng_emit_stage(&t->o, "tokenizer", t->o.vocab, 0);
    sk_status st = eng_bpe_train(text->p, text->len, &b, &t->vocab, e);
    return st ? st : eng_vocab_save(t->vocab, path, e);
}

/* In the process that writes: that of the model it goes on from, else the one its checkpoint was
 * made with, else the one asked for, else a new one.  A tokenizer without a checkpoint is what a
 * killed run left: it is made again. */
static sk_status first_tokenizer(pretrain *t, const sk_buf *text, sk_err *e)
{
    char path[ENG_PATH_MAX];
    eng_out_path(&t->o, "tokenizer.gguf", path);
    sk_status st;
    if (t->src.vocab) {
        t->vocab = t->src.vocab;
        t->src.vocab = NULL;
        st = eng_vocab_save(t->vocab, path, e);
    } else if (eng_ckptdir_any(t->o.out)) {
        st = eng_vocab_load(path, &t->vocab, e);
        if (st) sk_while(e, "the tokenizer of the run to resume");
    } else if (t->o.tokenizer || t->built) {
        char own[ENG_DATA_PATH];
        const char *from =
            t->o.tokenizer ? t->o.tokenizer : eng_data_path(t->built, "tokenizer.gguf", own);
        st = eng_vocab_load(from, &t->vocab, e);
        if (!st) st = eng_vocab_save(t->vocab, path, e);
    } else {
        st = train_tokenizer(t, text, path, e);
    }
    return st;
}

/* The run's tokenizer; the other processes read what the first has written. */
static sk_status get_tokenizer(pretrain *t, const sk_buf *text, sk_err *e)
{
    char path[ENG_PATH_MAX];
    sk_status st = eng_ranks_first(&t->o) ? first_tokenizer(t, text, e) : SK_OK;
    st = eng_ranks_agree(&t->o, st, e);
    if (!st && !t->vocab)
        st = eng_vocab_load(eng_out_path(&t->o, "tokenizer.gguf", path), &t->vocab, e);
    /* a model may have more rows than its tokenizer has tokens */
    if (!st && !t->o.from) t->o.vocab = t->cfg.n_vocab = (uint32_t)eng_vocab_size(t->vocab);
    return st;
}

/* ---- data ---- */

/* Text to rows; start (NULL: not asked) as eng_corpus_load_files has it, for their origin. */
static sk_status encode(pretrain *t, const sk_buf *text, const size_t *start, eng_dataset *out,
                        sk_err *e)
{
    eng_ids ids = {0};
    sk_status st = eng_corpus_encode(t->x, t->vocab, text->p, text->len, &ids, e);
    if (!st && ids.n < 2) st = sk_fail(e, SK_E_INVALID, "there is no text to train on");
    if (!st)
        st = eng_dataset_of_stream(ids.id, ids.n, t->o.context, eng_corpus_separator(t->vocab), out,
                                   e);
    if (!st && start)
        st = eng_origin_of_text(t->o.data, start, t->o.n_data, text->p, text->len, ids.id, ids.n,
                                eng_corpus_separator(t->vocab), &out->origin, e);
    eng_ids_fini(&ids);
    return st;
}

/* A split of a data set as rows, if it was made with the run's tokenizer; out is left alone where
 * the split is empty. */
static sk_status load_split(pretrain *t, const char *dir, const char *split, eng_dataset *out,
                            sk_err *e)
{
    char path[ENG_PATH_MAX];
    uint8_t hash[SK_SHA256_BYTES];
    sk_buf own = SK_BUF_INIT;
    eng_stream *s = NULL;
    sk_status st = sk_file_load(eng_out_path(&t->o, "tokenizer.gguf", path), UINT64_MAX, &own, e);
    if (!st) st = eng_stream_open(dir, split, &s, e);
    if (!st) sk_sha256_of(own.p, own.len, hash);
    sk_buf_fini(&own);
    if (st || !s) return st;
    if (memcmp(hash, s->spec.tokenizer, sizeof hash) == 0) {
        eng_dataset_of_shards(s, t->o.context, out);
        return SK_OK;
    }
    eng_stream_close(s);
    return sk_fail(e, SK_E_INVALID,
                   "%s was made with another tokenizer than this run has: leave --tokenizer away, "
                   "or build the data set anew with it",
                   dir);
}

/* The rows of a data set; its own held-out documents unless --valid names others. */
static sk_status load_built(pretrain *t, sk_err *e)
{
    eng_emit_stage(&t->o, "read", 0, 0);
    sk_status st = get_tokenizer(t, NULL, e);
    if (!st) st = load_split(t, t->built, "train", &t->data, e);
    if (!st && !t->data.n_rows)
        st = sk_fail(e, SK_E_INVALID, "%s has no text to train on", t->built);
    if (!st && !t->o.valid) st = load_split(t, t->built, "valid", &t->valid, e);
    if (!st)
        eng_emit_note(&t->o, "%s: %.2fM tokens of %llu documents, %zu rows of %u tokens", t->built,
                      (double)t->data.stream->n_tokens / 1e6,
                      (unsigned long long)t->data.stream->n_docs, t->data.n_rows, t->o.context);
    return st;
}

/* Held-out text goes the same way as the training text, with the same tokenizer. */
static sk_status load_valid(pretrain *t, sk_err *e)
{
    sk_buf text = SK_BUF_INIT;
    if (eng_stream_is_folder(t->o.valid)) return load_split(t, t->o.valid, "train", &t->valid, e);
    sk_status st = eng_corpus_load(&t->o.valid, 1, &text, e);
    if (!st) st = encode(t, &text, NULL, &t->valid, e);
    sk_buf_fini(&text);
    return st;
}

/* Tokenizer and rows of texts; these themselves are needed no longer than this. */
static sk_status load_texts(pretrain *t, sk_err *e)
{
    sk_buf text = SK_BUF_INIT;
    eng_emit_stage(&t->o, "read", 0, 0);
    size_t *start = sk_new_n(t->mem, size_t, t->o.n_data);
    sk_status st = start ? eng_corpus_load_files(t->o.data, t->o.n_data, &text, start, e)
                         : sk_fail(e, SK_E_NOMEM, "no memory for a list of files");
    if (!st) st = get_tokenizer(t, &text, e);
    if (!st) {
        eng_emit_stage(&t->o, "encode", 0, 0);
        st = encode(t, &text, start, &t->data, e);
    }
    if (!st)
        eng_emit_note(&t->o, "%.1f MB of text, %zu rows of %u tokens", (double)text.len / 1e6,
                      t->data.n_rows, t->o.context);
    sk_buf_fini(&text);
    return st;
}

/* Whatever --data and --valid are. */
static sk_status load_data(pretrain *t, sk_err *e)
{
    for (size_t i = 0; i < t->o.n_data; i++)
        if (eng_stream_is_folder(t->o.data[i])) t->built = t->o.data[i];
    if (t->built && t->o.n_data > 1)
        return sk_fail(e, SK_E_INVALID,
                       "%s is a data set and can't be joined with others here: stoke data build "
                       "takes several texts",
                       t->built);
    sk_status st = t->built ? load_built(t, e) : load_texts(t, e);
    if (st) return st;
    if (t->o.valid) return load_valid(t, e);
    if (t->valid.n_rows) return SK_OK;
    eng_emit_note(&t->o, "no held-out text (--valid): bits per byte will not be measured");
    return SK_OK;
}

/* ---- the run ---- */

/* The shape that is asked for, or that of the model it goes on from. */
static sk_status get_shape(pretrain *t, sk_err *e)
{
    if (t->o.from) {
        sk_status st = eng_source_open(t->o.from, t->mem, &t->src, e);
        if (!st) st = eng_source_check(&t->src, &t->o, e);
        if (st) return st;
        eng_source_shape(&t->src, &t->o);
        t->cfg = t->src.cfg;
    }
    sk_status st = eng_train_opts_check(&t->o, e);
    if (st || t->o.from) return st;
    return eng_train_shape(&t->o, &t->cfg, e);
}

/* What the run is.  The model it goes on from is a setting, not an input, so that going on without
 * it is refused too. */
static bool describe(pretrain *t)
{
    char name[48];
    t->meta = eng_trainstate_meta("pretrain", &t->o, eng_train_bf16(&t->o));
    if (!t->meta || !t->o.from) return t->meta != NULL;
    (void)snprintf(name, sizeof name, "a model of checksum %08x", eng_source_crc(&t->src));
    return !json_object_set_new(json_object_get(t->meta, "settings"), "from", json_string(name));
}

/* The checkpoint's "vocab" is what was asked for when a tokenizer is trained; with a tokenizer
 * given it is that tokenizer's size. */
static sk_status prepare(pretrain *t, bool *done, sk_err *e)
{
    sk_status st = get_shape(t, e);
    if (st) return st;
    st = eng_ranks_lanes(&t->o, e);
    if (st) return st;
    if (!describe(t)) return sk_fail(e, SK_E_NOMEM, "no memory for the settings");
    st = eng_rundir_is_done(&t->o, t->meta, done, e);
    if (st || *done) return st;
    st = load_data(t, e);
    if (!st && !eng_trainstate_input(t->meta, "training text or tokenizer", t->data.crc))
        st = sk_fail(e, SK_E_NOMEM, "no memory for the settings");
    if (!st) st = eng_ranks_same(&t->o, t->meta, e);
    if (!st) st = eng_config_check(&t->cfg, e);
    if (!st) st = eng_layout_build(&t->cfg, t->mem, &t->layout, e);
    return st;
}

/* A run that came to no checkpoint leaves no tokenizer behind, which would look like one's own. */
static void drop_tokenizer(const pretrain *t)
{
    char path[ENG_PATH_MAX];
    if (t->vocab && eng_ranks_first(&t->o) && !eng_ckptdir_any(t->o.out))
        (void)unlink(eng_out_path(&t->o, "tokenizer.gguf", path));
}

/* Gives back whatever prepare got, in any state. */
static void pretrain_close(pretrain *t)
{
    drop_tokenizer(t);
    eng_dataset_fini(&t->data);
    eng_dataset_fini(&t->valid);
    if (t->vocab) eng_vocab_close(t->vocab);
    eng_source_close(&t->src);
    json_decref(t->meta);
    sk_arena_free(t->mem);
}

/* The lock is held from the first look at the folder to the last file in it. */
sk_status eng_train_run(eng_exec *x, const eng_train_opts *o, sk_err *e)
{
    int lock = -1;
    sk_status st = eng_rundir_open(o, &lock, e);
    if (st) return st;
    pretrain t = {.x = x, .o = *o, .mem = sk_arena_new(SK_MEM_TRAIN)};
    bool done = false;
    st = t.mem ? prepare(&t, &done, e) : sk_fail(e, SK_E_NOMEM, "no memory for a training run");
    if (!st && !done) {
        eng_emit_note(&t.o, "%s: %.2fM parameters, %u layers of %u, vocabulary of %u", t.cfg.arch,
                      (double)t.layout.n_weights / 1e6, t.cfg.n_layer, t.cfg.n_embd, t.cfg.n_vocab);
        eng_loop_job j = {
            .stage = "pretrain",
            .o = &t.o,
            .cfg = &t.cfg,
            .layout = &t.layout,
            .vocab = t.vocab,
            .data = &t.data,
            .valid = t.valid.n_rows ? &t.valid : NULL,
            .from = t.src.gguf,
            .meta = t.meta,
            .bf16 = eng_train_bf16(o),
        };
        st = eng_loop_run(x, &j, e);
    }
    st = eng_ranks_agree(o, st, e);
    pretrain_close(&t);
    eng_rundir_close(lock);
    return st;
}
