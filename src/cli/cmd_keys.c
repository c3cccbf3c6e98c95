/* cmd_keys.c - stoke keys: who may ask a server, and what they have used. */
#include "cli/cmd.h"
#include "cli/verbs.h"
#include "serve/serve.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

typedef struct keys_opts {
    cmd_common common;
    int64_t rpm, tpm, running, priority;
    bool json, admin;
} keys_opts;

static const sk_opt rows[] = {
    CMD_ROW(keys_opts, "rpm", 0, SK_OPT_INT, "N", "0", "requests a minute; 0 means no limit", rpm,
            1e12, NULL),
    CMD_ROW(keys_opts, "tpm", 0, SK_OPT_INT, "N", "0",
            "tokens a minute, of prompts and answers; 0 means no limit", tpm, 1e12, NULL),
    CMD_ROW(keys_opts, "running", 0, SK_OPT_INT, "N", "0",
            "requests under way at once; 0 means no limit", running, 1e12, NULL),
    {"priority", 0, SK_OPT_INT, "N", "0", "requests of a higher one go first",
     offsetof(keys_opts, priority), -1000, 1000, false, SK_COMPLETE_NONE, NULL},
    CMD_ROW(keys_opts, "admin", 0, SK_OPT_BOOL, NULL, NULL,
            "the key may load, roll back and unload models", admin, 0, NULL),
    CMD_ROW(keys_opts, "json", 0, SK_OPT_BOOL, NULL, NULL, "print JSON", json, 0, NULL),
    CMD_COMMON_ROWS(keys_opts),
    {0},
};

/* keys add FILE NAME: prints the key, the only time it is seen. */
static sk_status add(const keys_opts *o, const char *file, const char *name, sk_err *e)
{
    srv_key_row like = {.rpm = o->rpm,
                        .tpm = o->tpm,
                        .running = o->running,
                        .priority = o->priority,
                        .admin = o->admin};
    sk_buf secret = SK_BUF_INIT;
    int n = snprintf(like.name, sizeof like.name, "%s", name);
    if (n < 0 || (size_t)n >= sizeof like.name)
        return sk_fail(e, SK_E_INVALID, "a key's name may have %zu bytes", sizeof like.name - 1);
    sk_status st = srv_keyfile_add(file, &like, &secret, e);
    if (!st && o->json)
        st = cmd_outf(e, "{\"key\":\"%s\"}\n", secret.p);
    else if (!st)
        st = cmd_outf(e, "%s\n", secret.p);
    sk_buf_fini(&secret);
    return st;
}

/* A time as a day; "-" for none. */
static void day(int64_t t, char out[16])
{
    struct tm tm;
    time_t tt = (time_t)t;
    if (!t || !gmtime_r(&tt, &tm) || !strftime(out, 16, "%Y-%m-%d", &tm)) snprintf(out, 16, "-");
}

/* keys list FILE */
static sk_status list(const keys_opts *o, const char *file, sk_err *e)
{
    srv_keyfile k;
    sk_buf b = SK_BUF_INIT;
    sk_status st = srv_keyfile_read(file, &k, e);
    if (st) return st;
    if (o->json) {
        srv_keyfile_json(&k, &b);
    } else {
        sk_buf_addf(&b, "%-14s %-20s %10s %8s %8s %8s %10s %12s %12s\n", "id", "name", "made",
                    "rpm", "tpm", "running", "requests", "prompt", "answers");
        for (size_t i = 0; i < k.n; i++) {
            const srv_key_row *r = &k.row[i];
            char made[16];
            day(r->created, made);
            sk_buf_addf(&b,
                        "%-14s %-20s %10s %8" PRId64 " %8" PRId64 " %8" PRId64 " %10" PRIu64
                        " %12" PRIu64 " %12" PRIu64 "%s\n",
                        r->id, r->name, made, r->rpm, r->tpm, r->running, r->used.requests,
                        r->used.prompt, r->used.out,
                        r->revoked ? "  revoked"
                        : r->admin ? "  admin"
                                   : "");
        }
    }
    srv_keyfile_fini(&k);
    return cmd_out_buf(&b, e);
}

static sk_status keys(int argc, char **argv, sk_err *e)
{
    keys_opts o = {.rpm = 0};
    sk_opt_list args;
    bool done;
    sk_status st = cmd_parse(&cmd_keys_verb, argc, argv, &o, &o.common, &args, &done, e);
    if (st || done) return st;
    const char *what = args.item[0], *file = args.item[1];
    const char *third = args.n > 2 ? args.item[2] : NULL;
    if (strcmp(what, "list") == 0 && !third) return list(&o, file, e);
    if (strcmp(what, "add") == 0 && third) return add(&o, file, third, e);
    if (strcmp(what, "revoke") == 0 && third) return srv_keyfile_revoke(file, third, e);
    return sk_fail(e, SK_E_USAGE, "say keys add FILE NAME, keys list FILE or keys revoke FILE KEY");
}

const cmd_verb cmd_keys_verb = {
    {"keys", "make and revoke API keys of a server", "add|list|revoke FILE [NAME]", 2, 3,
     "Keeps the file of keys that stoke serve --keys reads. add prints a new key, which is not "
     "kept "
     "and can't be shown again; revoke takes a name or an id. A running server notices changes "
     "within a second. list shows what each key has used, in tokens.",
     "stoke keys add keys.jsonl alice --rpm 60 --tpm 50000\n  a key with limits\n"
     "stoke keys list keys.jsonl\n  all keys and what they used\n"
     "stoke keys revoke keys.jsonl alice\n  refused from now on\n",
     rows},
    keys};
