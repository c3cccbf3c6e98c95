/* cmd_embed.c - stoke embed: texts as vectors. */
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/progress.h"
#include "cli/cmd.h"
#include "cli/verbs.h"
#include "engine/engine.h"

#include <string.h>

/* Bytes of input at most. */
#define MAX_INPUT ((uint64_t)1 << 30)

typedef struct embed_opts {
    cmd_common common;
    const char *model, *prompt, *file, *pooling;
    bool normalise, json;
} embed_opts;

static const sk_opt rows[] = {
    {"model", 'm', SK_OPT_STRING, "FILE", NULL, "the model, a path or a name",
     offsetof(embed_opts, model), .required = true, .complete = SK_COMPLETE_MODEL},
    CMD_ROW(embed_opts, "prompt", 'p', SK_OPT_STRING, "TEXT", NULL, "the text, one", prompt, 0,
            NULL),
    {"file", 'f', SK_OPT_STRING, "FILE", "-", "the texts, one a line; - is stdin",
     offsetof(embed_opts, file), .complete = SK_COMPLETE_FILE},
    CMD_ROW(embed_opts, "pooling", 0, SK_OPT_STRING, "HOW", "auto",
            "what stands for a text: the mean over its tokens, the first or the last of them; auto "
            "is what the model's file says",
            pooling, 0, "auto mean cls last"),
    CMD_ROW(embed_opts, "normalise", 0, SK_OPT_BOOL, NULL, "true",
            "scale every vector to length 1; --no-normalise leaves them as they are", normalise, 0,
            NULL),
    CMD_ROW(embed_opts, "json", 0, SK_OPT_BOOL, NULL, NULL, "write one JSON object", json, 0, NULL),
    CMD_COMMON_ROWS(embed_opts),
    {0},
};

/* What is open, and what is written so far. */
typedef struct embed {
    const embed_opts *o;
    eng_exec *x;
    eng_model *m;
    eng_embedder *d;
    eng_model_info info;
    eng_pooling pooling;
    float *v; /* [n_embd] */
    sk_buf out;
    size_t n; /* texts done */
} embed;

static eng_pooling pooling_of(const char *word)
{
    if (strcmp(word, "mean") == 0) return ENG_POOL_MEAN;
    if (strcmp(word, "cls") == 0) return ENG_POOL_CLS;
    return strcmp(word, "last") == 0 ? ENG_POOL_LAST : ENG_POOL_AUTO;
}

static sk_status open_all(embed *t, sk_err *e)
{
    char path[CMD_PATH_MAX];
    sk_status st = cmd_model_path(t->o->model, path, e);
    if (!st) st = eng_exec_open((size_t)t->o->common.threads, &t->x, e);
    if (!st) st = eng_model_open(t->x, path, &t->m, e);
    if (!st) st = eng_embedder_open(t->x, t->m, &t->d, e);
    if (st) return st;
    eng_model_get_info(t->m, &t->info);
    t->v = sk_alloc(SK_MEM_MISC, t->info.n_embd * sizeof *t->v);
    return t->v ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for a vector");
}

/* The vector as numbers: a line of them, or an array of the object's "embeddings". */
static void add_vector(embed *t)
{
    bool json = t->o->json;
    if (json) sk_buf_adds(&t->out, t->n ? ",\n  [" : "\n  [");
    for (size_t i = 0; i < t->info.n_embd; i++) {
        if (i) sk_buf_adds(&t->out, json ? ", " : " ");
        sk_buf_addf(&t->out, "%.9g", (double)t->v[i]);
    }
    sk_buf_addc(&t->out, json ? ']' : '\n');
}

static sk_status add_text(embed *t, const char *text, size_t n, sk_err *e)
{
    eng_ids ids = {0};
    sk_status st = eng_model_encode(t->m, text, n, ENG_TOK_ADD, &ids, e);
    if (!st) st = eng_embedder_run(t->d, ids.id, ids.n, t->pooling, t->o->normalise, t->v, e);
    if (!st) add_vector(t);
    eng_ids_fini(&ids);
    t->n++;
    return st;
}

/* Every line of the input is a text, the empty ones as well; a line end at the end begins none. */
static sk_status add_lines(embed *t, sk_err *e)
{
    sk_buf in = SK_BUF_INIT;
    sk_status st = sk_file_load(t->o->file, MAX_INPUT, &in, e);
    const char *p = in.p, *end = in.p + in.len;
    sk_progress *bar = sk_progress_new(stderr, t->o->common.quiet);
    sk_progress_stage(bar, "embed", in.len, 0);
    for (size_t n; !st && p < end; p += n + 1) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        n = (size_t)((nl ? nl : end) - p);
        st = add_text(t, p, n && p[n - 1] == '\r' ? n - 1 : n, e);
        if (st) sk_while(e, "text %zu", t->n);
        sk_progress_set(bar, (uint64_t)(p - in.p) + n, "%zu texts", t->n);
    }
    sk_progress_free(bar);
    sk_buf_fini(&in);
    return st;
}

/* The verb: flags, texts, vectors.  Nothing is printed before all is computed. */
static sk_status embed_verb(int argc, char **argv, sk_err *e)
{
    embed_opts o = {0};
    bool done;
    sk_status st = cmd_parse(&cmd_embed_verb, argc, argv, &o, &o.common, NULL, &done, e);
    if (st || done) return st;
    embed t = {.o = &o, .pooling = pooling_of(o.pooling), .out = SK_BUF_INIT};
    st = open_all(&t, e);
    if (!st && o.json) {
        sk_buf_adds(&t.out, "{\"model\": ");
        sk_json_add_str(&t.out, t.info.name, strlen(t.info.name));
        sk_buf_addf(&t.out, ", \"n_embd\": %u, \"embeddings\": [", t.info.n_embd);
    }
    if (!st) st = o.prompt ? add_text(&t, o.prompt, strlen(o.prompt), e) : add_lines(&t, e);
    if (!st && o.json) sk_buf_adds(&t.out, "]}\n");
    sk_free(t.v);
    eng_embedder_close(t.d);
    eng_model_close(t.m);
    eng_exec_close(t.x);
    if (!st) return cmd_out_buf(&t.out, e);
    sk_buf_fini(&t.out);
    return st;
}

const cmd_verb cmd_embed_verb = {
    {
        "embed",
        "turn texts into vectors",
        "",
        0,
        0,
        "Writes a vector for each text: of a model made for that (bert, nomic-bert, jina-bert, "
        "Qwen 3 "
        "Embedding, ...), or of any decoder, whose last state before the head is taken. Each text "
        "is "
        "computed by itself: its vector does not depend on the texts beside it.\n\n"
        "The output has a line of numbers for each text; with --json it is one object whose "
        "\"embeddings\" is a list of lists.",
        "stoke embed -m bge-small -p \"a lighthouse\"\n  one vector\n"
        "stoke embed -m nomic -f titles.txt --json > vectors.json\n  a vector for each line\n",
        rows,
    },
    embed_verb,
};
