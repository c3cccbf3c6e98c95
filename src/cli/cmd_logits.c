/* cmd_logits.c - stoke logits: the full forward pass of token ids, as numbers in a file. */
#include "cli/cmd.h"
#include "cli/lora.h"
#include "cli/opened.h"
#include "cli/verbs.h"
#include "engine/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct logits_opts {
    cmd_common common;
    cmd_load load;
    const char *model, *ids, *out, *kv_type;
    cmd_lora lora;
} logits_opts;

static const sk_opt rows[] = {
    {"model", 'm', SK_OPT_STRING, "FILE", NULL, "the model, a path or a name",
     offsetof(logits_opts, model), .required = true, .complete = SK_COMPLETE_MODEL},
    {"ids", 0, SK_OPT_STRING, "IDS", NULL, "token ids, space or comma between",
     offsetof(logits_opts, ids), .required = true},
    {"out", 'o', SK_OPT_STRING, "FILE", NULL, "the .npy file to write", offsetof(logits_opts, out),
     .required = true, .complete = SK_COMPLETE_FILE},
    CMD_KV_ROW(logits_opts, "f32"),
    CMD_LOAD_ROWS(logits_opts),
    CMD_LORA_ROWS(logits_opts),
    CMD_COMMON_ROWS(logits_opts),
    {0},
};

/* Appends the numbers of a list like "1 2,3". */
static sk_status parse_ids(const char *s, eng_ids *out, sk_err *e)
{
    for (;;) {
        s += strspn(s, " ,\t\n");
        if (!*s) break;
        char *end;
        errno = 0;
        long v = strtol(s, &end, 10);
        if (end == s || (*end && !strchr(" ,\t\n", *end)) || errno || v < 0 || v > INT32_MAX)
            return sk_fail(e, SK_E_USAGE, "--ids: \"%.20s\" does not begin with a token id", s);
        if (!eng_ids_push(out, (int32_t)v)) return sk_fail(e, SK_E_NOMEM, "no memory for the ids");
        s = end;
    }
    return out->n ? SK_OK : sk_fail(e, SK_E_USAGE, "--ids: no token ids given");
}

/* Opens the model and its adapter and writes the logits of all positions. */
static sk_status run(const logits_opts *o, const eng_ids *ids, sk_err *e)
{
    cmd_opened on;
    eng_lora *l = NULL;
    eng_session_opts like = {0};
    (void)eng_dtype_of_name(o->kv_type, &like.kv_type);
    sk_status st = cmd_opened_open(o->model, &o->common, &o->load, &on, e);
    if (!st) st = cmd_lora_open(on.x, on.m, &o->lora, &l, e);
    like.lora = l;
    if (!st) st = eng_logits_write(on.x, on.m, &like, ids->id, ids->n, o->out, e);
    eng_lora_close(l);
    cmd_opened_close(&on);
    return st;
}

static sk_status logits(int argc, char **argv, sk_err *e)
{
    logits_opts o = {0};
    bool done;
    sk_status st = cmd_parse(&cmd_logits_verb, argc, argv, &o, &o.common, NULL, &done, e);
    if (st || done) return st;
    eng_ids ids = {0};
    st = parse_ids(o.ids, &ids, e);
    if (!st) st = run(&o, &ids, e);
    eng_ids_fini(&ids);
    return st;
}

const cmd_verb cmd_logits_verb = {
    {
        "logits",
        "write the logits of a list of tokens to a file",
        "",
        0,
        0,
        "Runs the tokens through the model as they are, from position 0, nothing put before them, "
        "and writes a NumPy array, float32 [number of ids, size of the vocabulary]: row i holds "
        "the "
        "scores of the token after id i.  For comparing with other programs.",
        "stoke logits -m MODEL --ids \"1 2 3\" -o out.npy\n  three rows of logits\n",
        rows,
    },
    logits,
};
