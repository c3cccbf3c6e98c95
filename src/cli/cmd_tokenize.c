/* cmd_tokenize.c - stoke tokenize: text to token ids and back, byte for byte. */
#include "base/json.h"
#include "cli/cmd.h"
#include "cli/verbs.h"
#include "engine/engine.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

typedef struct tokenize_opts {
    cmd_common common;
    const char *model;
    bool decode, add_special, parse_special, json;
} tokenize_opts;

static const sk_opt rows[] = {
    {"model", 'm', SK_OPT_STRING, "FILE", NULL, "the model or tokenizer file, a path or a name",
     offsetof(tokenize_opts, model), 0, 0, true, SK_COMPLETE_MODEL, NULL},
    CMD_ROW(tokenize_opts, "decode", 'd', SK_OPT_BOOL, NULL, NULL, "read ids and write their text",
            decode, 0, NULL),
    CMD_ROW(tokenize_opts, "add-special", 0, SK_OPT_BOOL, NULL, NULL,
            "add the tokens the model wants at the ends of a text", add_special, 0, NULL),
    CMD_ROW(tokenize_opts, "parse-special", 0, SK_OPT_BOOL, NULL, NULL,
            "read special tokens such as <|im_end|> in the text", parse_special, 0, NULL),
    CMD_ROW(tokenize_opts, "json", 0, SK_OPT_BOOL, NULL, NULL,
            "write the ids as a JSON array, the text as a string", json, 0, NULL),
    CMD_COMMON_ROWS(tokenize_opts),
    {0},
};

/* All of stdin as it is (sk_file_load would unpack what looks packed). */
static sk_status read_stdin(sk_buf *b, sk_err *e)
{
    enum { STEP = 1 << 16 };
    for (;;) {
        if (!sk_buf_reserve(b, STEP)) return sk_fail(e, SK_E_NOMEM, "no memory for the input");
        size_t n = fread(b->p + b->len, 1, STEP, stdin);
        b->len += n;
        b->p[b->len] = 0;
        if (n) continue;
        if (ferror(stdin)) return sk_fail_errno(e, errno, "cannot read the input");
        return SK_OK;
    }
}

/* Text to a line of ids. */
static sk_status encode(const eng_vocab *v, const tokenize_opts *o, const sk_buf *in, sk_buf *out,
                        sk_err *e)
{
    eng_ids ids = {NULL, 0, 0};
    unsigned flags = (o->add_special ? ENG_TOK_ADD : 0) | (o->parse_special ? ENG_TOK_SPECIAL : 0);
    sk_status st = eng_vocab_encode(v, in->p, in->len, flags, &ids, e);
    if (!st && o->json) sk_buf_addc(out, '[');
    for (size_t i = 0; i < ids.n && !st; i++)
        sk_buf_addf(out, "%s%d", !i ? "" : o->json ? ", " : " ", ids.id[i]);
    if (!st) sk_buf_adds(out, o->json ? "]\n" : "\n");
    eng_ids_fini(&ids);
    return st;
}

/* What may stand between ids: blanks and the marks of a JSON list, so that what encode wrote with
 * or without --json is read back. */
static bool is_gap(unsigned char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == ',' || c == '[' || c == ']';
}

/* Reads the id at in->p[*at] and moves *at past it.  It stops at the first digit that brings it
 * past the vocabulary, so no number of digits overflows. */
static sk_status read_id(const sk_buf *in, size_t n_vocab, size_t *at, size_t *id, sk_err *e)
{
    const size_t from = *at;
    size_t i = from, value = 0;
    for (; in->p[i] >= '0' && in->p[i] <= '9' && value < n_vocab; i++)
        value = value * 10 + (size_t)(in->p[i] - '0');
    if (i == from)
        return sk_fail(e, SK_E_INVALID, "byte %zu of the input is no part of a token id", from);
    if (value >= n_vocab)
        return sk_fail(e, SK_E_INVALID, "the id at byte %zu is past the last of %zu tokens", from,
                       n_vocab);
    *at = i;
    *id = value;
    return SK_OK;
}

/* Ids, with blanks, commas or brackets between. */
static sk_status read_ids(const eng_vocab *v, const sk_buf *in, eng_ids *ids, sk_err *e)
{
    for (size_t i = 0; i < in->len;) {
        if (is_gap((unsigned char)in->p[i])) {
            i++;
            continue;
        }
        size_t id;
        sk_status st = read_id(in, eng_vocab_size(v), &i, &id, e);
        if (st) return st;
        if (!eng_ids_push(ids, (int32_t)id)) return sk_fail(e, SK_E_NOMEM, "no memory for the ids");
    }
    return SK_OK;
}

/* Ids to their bytes; with --json as a string, in which bytes that are no UTF-8 are U+FFFD. */
static sk_status decode(const eng_vocab *v, const tokenize_opts *o, const sk_buf *in, sk_buf *out,
                        sk_err *e)
{
    eng_ids ids = {NULL, 0, 0};
    sk_buf text = SK_BUF_INIT;
    sk_status st = read_ids(v, in, &ids, e);
    if (!st) st = eng_vocab_decode(v, ids.id, ids.n, true, o->json ? &text : out, e);
    if (!st && o->json) {
        sk_json_add_str(out, text.p ? text.p : "", text.len);
        sk_buf_addc(out, '\n');
    }
    sk_buf_fini(&text);
    eng_ids_fini(&ids);
    return st;
}

/* The verb. */
static sk_status tokenize(int argc, char **argv, sk_err *e)
{
    tokenize_opts o = {.model = NULL};
    bool done;
    sk_status st = cmd_parse(&cmd_tokenize_verb, argc, argv, &o, &o.common, NULL, &done, e);
    if (st || done) return st;
    assert(o.model);

    char path[CMD_PATH_MAX];
    eng_vocab *v = NULL;
    sk_buf in = SK_BUF_INIT, out = SK_BUF_INIT;
    st = cmd_model_path(o.model, path, e);
    if (!st) st = eng_vocab_load(path, &v, e);
    if (!st) st = read_stdin(&in, e);
    if (!st) st = o.decode ? decode(v, &o, &in, &out, e) : encode(v, &o, &in, &out, e);
    eng_vocab_close(v);
    sk_buf_fini(&in);
    if (!st) return cmd_out_buf(&out, e);
    sk_buf_fini(&out);
    return st;
}

const cmd_verb cmd_tokenize_verb = {
    {"tokenize", "turn text into token ids and back", "", 0, 0,
     "Reads text on stdin and writes its token ids on one line; with --decode reads ids and writes "
     "the text. What comes back is what went in, byte for byte, whatever the bytes are, if the "
     "tokenizer has a token for every byte. A file that holds only a tokenizer will do, and so "
     "will "
     "a Hugging Face folder.\n\n"
     "Special tokens in the text are plain text unless --parse-special is given.",
     "echo hello | stoke tokenize -m model.gguf\n  token ids of a line\n"
     "stoke tokenize -m model.gguf < a.txt | stoke tokenize -m model.gguf --decode | cmp - a.txt\n"
     "  the way there and back\n",
     rows},
    tokenize};
