/* cmd_serve.c - stoke serve: answers over HTTP. */
#include "base/file.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "cli/config.h"
#include "cli/serve_models.h"
#include "cli/verbs.h"
#include "serve/serve.h"

#include <stdio.h>
#include <string.h>

typedef struct serve_opts {
    cmd_common common;
    cmd_load load;
    srv_opts o;
    sk_opt_list model, lora, watch;
    const char *docs, *config;
} serve_opts;

#define ROW_INT(flag, deflt, help, field, least, most)                                             \
    {                                                                                              \
        flag, 0, SK_OPT_INT, "N", deflt, help, offsetof(serve_opts, o.field), least, most, false,  \
            SK_COMPLETE_NONE, NULL                                                                 \
    }

static const sk_opt rows[] = {
    {"model", 'm', SK_OPT_LIST, "[NAME=]FILE", NULL,
     "the model to serve, a path or a name; several: requests choose one by its NAME, or get the "
     "first",
     offsetof(serve_opts, model), 0, 0, false, SK_COMPLETE_MODEL, NULL},
    CMD_ROW(serve_opts, "name", 0, SK_OPT_STRING, "NAME", NULL,
            "the first model's id in the API; by default the file's name", o.name, 0, NULL),
    CMD_ROW(serve_opts, "host", 0, SK_OPT_STRING, "HOST", "127.0.0.1",
            "address to listen on; 0.0.0.0 lets other machines in", o.host, 0, NULL),
    ROW_INT("port", "8080", "port to listen on; 0 takes any free one", port, 0, 65535),
    ROW_INT("listen-fd", "0",
            "take connections from this descriptor, a socket that listens already, which whoever "
            "started the server keeps; 0 binds --host and --port",
            listen_fd, 0, 1 << 20),
    {"run", 0, SK_OPT_STRING, "DIR", NULL,
     "folder of a training run to show: its curves on the page, its figures in /metrics; its "
     "model is served if --model names no other",
     offsetof(serve_opts, o.run), 0, 0, false, SK_COMPLETE_DIR, NULL},
    {"up", 0, SK_OPT_STRING, "DIR", NULL,
     "folder of the supervisor (stoke up) that runs this server: the page shows training and "
     "versions, and admins may give it orders there",
     offsetof(serve_opts, o.up), 0, 0, false, SK_COMPLETE_DIR, NULL},
    ROW_INT("context", "0", "tokens a sequence may have; 0 means the model's", context, 0, 1 << 24),
    ROW_INT("parallel", "64", "requests answered at once, as far as the KV cache has room",
            parallel, 1, 1024),
    ROW_INT("kv-tokens", "0",
            "tokens that the KV cache of all requests holds; 0: each request's context, as far as "
            "half of the free memory goes",
            kv_tokens, 0, (int64_t)1 << 40),
    ROW_INT("kv-bytes", "0", "the same in bytes, as in 4Gi", kv_bytes, 0, (int64_t)1 << 46),
    {"prefix-disk", 0, SK_OPT_STRING, "DIR", NULL,
     "keep beginnings of conversations that the KV cache has no room for in this folder, and all "
     "at "
     "the end, so that they need not be computed again after a restart",
     offsetof(serve_opts, o.prefix_disk), 0, 0, false, SK_COMPLETE_DIR, NULL},
    ROW_INT("prefix-disk-max", "4Gi", "bytes of that folder; what was used least recently goes",
            prefix_disk_max, 1, (int64_t)1 << 46),
    ROW_INT(
        "memory", "0",
        "bytes that all models and their caches may take, as in 16Gi; 0: what the system lets; a "
        "model that does not fit is refused",
        memory, 0, (int64_t)1 << 46),
    {"chat-template", 0, SK_OPT_STRING, "FILE", NULL,
     "render conversations by this template (Jinja) instead of the model's own",
     offsetof(serve_opts, o.chat_template), 0, 0, false, SK_COMPLETE_FILE, NULL},
    {"lora", 0, SK_OPT_LIST, "[NAME[@MODEL]=]FILE[:X]", NULL,
     "put a LoRA adapter on the first model: a GGUF, or a PEFT folder; with a NAME it is a model "
     "of "
     "its own that shares the weights of the first one, or of MODEL; X is its strength",
     offsetof(serve_opts, lora), 0, 0, false, SK_COMPLETE_FILE, NULL},
    {"lora-scale", 0, SK_OPT_FLOAT, "X", "1",
     "strength of adapters that name none; 1 is as trained", offsetof(serve_opts, o.lora_scale),
     -100, 100, false, SK_COMPLETE_NONE, NULL},
    {"watch", 0, SK_OPT_LIST, "[NAME=]PATH", NULL,
     "a new file *.gguf in this folder, or one that replaces this file, goes live as the next "
     "version of the first model, or of NAME",
     offsetof(serve_opts, watch), 0, 0, false, SK_COMPLETE_FILE, NULL},
    CMD_LOAD_ROWS(serve_opts),
    {"config", 0, SK_OPT_STRING, "FILE", NULL,
     "read flags from a YAML file first: NAME: VALUE, a line each; its limits are read again on "
     "SIGHUP",
     offsetof(serve_opts, config), 0, 0, false, SK_COMPLETE_FILE, NULL},
    {"share", 0, SK_OPT_STRING, "FILE", NULL,
     "trainers with the same --share (stoke train, stoke tune) stand still while there is "
     "something to answer; made if there is none, best in /dev/shm or /run",
     offsetof(serve_opts, o.share), 0, 0, false, SK_COMPLETE_FILE, NULL},
    {"", 0, SK_OPT_BOOL, NULL, NULL, "Clients", 0, 0, 0, false, SK_COMPLETE_NONE, NULL},
    {"keys", 0, SK_OPT_STRING, "FILE", NULL,
     "answer only those who send a key of this file (stoke keys), within its limits",
     offsetof(serve_opts, o.keys), 0, 0, false, SK_COMPLETE_FILE, NULL},
    {"tls-cert", 0, SK_OPT_STRING, "FILE", NULL,
     "speak TLS with this certificate (PEM, with its chain); with --tls-key",
     offsetof(serve_opts, o.tls_cert), 0, 0, false, SK_COMPLETE_FILE, NULL},
    {"tls-key", 0, SK_OPT_STRING, "FILE", NULL, "the certificate's private key (PEM)",
     offsetof(serve_opts, o.tls_key), 0, 0, false, SK_COMPLETE_FILE, NULL},
    CMD_ROW(serve_opts, "cors", 0, SK_OPT_STRING, "ORIGINS", NULL,
            "origins whose browser pages may ask, with commas between; * for all", o.cors, 0, NULL),
    {"access-log", 0, SK_OPT_STRING, "FILE", NULL,
     "append a JSON line for each request; - is stderr", offsetof(serve_opts, o.access_log), 0, 0,
     false, SK_COMPLETE_FILE, NULL},
    {"", 0, SK_OPT_BOOL, NULL, NULL, "Limits", 0, 0, 0, false, SK_COMPLETE_NONE, NULL},
    ROW_INT("queue", "512", "requests that may wait; more get 429 with Retry-After", max_queue, 0,
            65536),
    ROW_INT("max-body", "1Mi", "largest request body in bytes", max_body, 1024, 1 << 30),
    ROW_INT("max-conns", "4096", "open connections; more get 503", max_conns, 1, 1 << 20),
    ROW_INT("drain", "30", "seconds that running answers get after SIGTERM", drain_s, 0, 86400),
    ROW_INT("ping", "15", "seconds of silence in a stream before a comment is sent", ping_s, 1,
            3600),
    ROW_INT("idle-timeout", "75", "seconds a connection may idle between requests", idle_s, 1,
            86400),
    ROW_INT("head-timeout", "10", "seconds a request's head may take to arrive", head_s, 1, 3600),
    ROW_INT("body-timeout", "30", "seconds a request's body may take to arrive", body_s, 1, 3600),
    ROW_INT("stall-timeout", "30", "seconds after which a client that reads nothing is dropped",
            stall_s, 1, 3600),
    ROW_INT("stuck", "60", "seconds of one step after which /health reports a stuck engine",
            stuck_s, 1, 86400),
    ROW_INT("buffer", "256", "KiB of an answer that may wait for a slow reader", buffer_kb, 1,
            1 << 20),
    CMD_ROW(serve_opts, "strict", 0, SK_OPT_BOOL, NULL, NULL,
            "refuse request fields this server does not know", o.strict, 0, NULL),
    CMD_ROW(serve_opts, "docs", 0, SK_OPT_STRING, "PAGE", NULL,
            "print the documentation of the api or the metrics and end", docs, 0, "api metrics"),
    CMD_ROW(serve_opts, "kv-type", 0, SK_OPT_STRING, "TYPE", "f16",
            "keys and values are kept as this type; f32 is exact, the others take less memory",
            o.kv_type, 0, "f32 f16 bf16 q8_0"),
    CMD_COMMON_ROWS(serve_opts),
    {0},
};

/* Prints a page made from the server's tables. */
static sk_status print_docs(const char *which, sk_err *e)
{
    sk_buf b = SK_BUF_INIT;
    sk_status st = srv_docs(which, &b, e);
    if (st) {
        sk_buf_fini(&b);
        return st;
    }
    return cmd_out_buf(&b, e);
}

/* Opens, says where, runs until a signal. */
static sk_status run_server(const srv_opts *o, sk_err *e)
{
    srv_server *s;
    sk_status st = srv_open(o, &s, e);
    if (st == SK_E_STOPPED && cmd_stopped(NULL)) return SK_OK; /* as orderly as later */
    if (st) return st;
    st = cmd_outf(e, "listening on %s\n", srv_url(s));
    if (!st) st = srv_run(s, e);
    srv_close(s);
    return st;
}

/* The model of the run, where -m names none. */
static sk_status find_model(const serve_opts *s, char path[CMD_PATH_MAX], sk_err *e)
{
    if (!s->o.run) return sk_fail(e, SK_E_USAGE, "which model? give one with -m FILE");
    int n = snprintf(path, CMD_PATH_MAX, "%s/model.gguf", s->o.run);
    if (n < 0 || n >= CMD_PATH_MAX) return sk_fail(e, SK_E_INVALID, "a path is too long");
    if (sk_file_exists(path)) return SK_OK;
    return sk_fail(e, SK_E_NOTFOUND,
                   "%s has no model yet: write one with stoke export %s model.gguf, and give it "
                   "with -m",
                   s->o.run, s->o.run);
}

/* Fills in which models there are to be, in memory of the arena. */
static sk_status fill_models(serve_opts *s, sk_arena *mem, sk_err *e)
{
    char path[CMD_PATH_MAX];
    sk_opt_list one = {.item = {path}, .n = 1};
    sk_status st = s->model.n ? SK_OK : find_model(s, path, e);
    if (!st) st = cmd_serve_models(s->model.n ? &s->model : &one, mem, &s->o, e);
    if (!st) st = cmd_serve_adapters(&s->lora, mem, &s->o, e);
    return st ? st : cmd_serve_watches(&s->watch, mem, &s->o, e);
}

/* The options as the file and the command line have them now; only numbers outlive the call. */
static sk_status reread(void *arg, srv_opts *o, sk_err *e)
{
    const cmd_words *given = arg;
    serve_opts s = {.docs = NULL};
    cmd_words w;
    bool help;
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    if (!mem) return sk_fail(e, SK_E_NOMEM, "no memory for the flags");
    s.o = *o;
    sk_status st = cmd_config_words(&cmd_serve_verb, given->argc, given->argv, mem, &w, e);
    if (!st) st = sk_opt_parse(&cmd_serve_verb.opt, w.argc, w.argv, &s, NULL, &help, e);
    if (!st) *o = s.o;
    sk_arena_free(mem);
    return st;
}

/* With memory for what the flags of a file are. */
static sk_status serve_in(int argc, char **argv, sk_arena *mem, sk_err *e)
{
    serve_opts s = {.docs = NULL};
    cmd_words given = {argc, argv}, w;
    bool done;
    srv_opts_default(&s.o);
    sk_status st = cmd_config_words(&cmd_serve_verb, argc, argv, mem, &w, e);
    if (!st) st = cmd_parse(&cmd_serve_verb, w.argc, w.argv, &s, &s.common, NULL, &done, e);
    if (st || done) return st;
    if (s.docs) return print_docs(s.docs, e);
    s.o.threads = s.common.threads;
    s.o.no_repack = s.load.no_repack;
    s.o.pack_cache = s.load.pack_cache;
    s.o.stop_fd = cmd_stop_fd();
    s.o.reload_fd = cmd_hup_install();
    s.o.reread = reread;
    s.o.reread_arg = &given;
    st = fill_models(&s, mem, e);
    return st ? st : run_server(&s.o, e);
}

static sk_status serve(int argc, char **argv, sk_err *e)
{
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    if (!mem) return sk_fail(e, SK_E_NOMEM, "no memory for the flags");
    sk_status st = serve_in(argc, argv, mem, e);
    sk_arena_free(mem);
    return st;
}

const cmd_verb cmd_serve_verb = {
    {"serve", "answer over HTTP, with a chat page", "", 0, 0,
     "Serves a model with an API that follows OpenAI's and a chat page at /. Prints \"listening on "
     "http://HOST:PORT\" once it is ready. On SIGTERM or Ctrl-C it takes no new connections, lets "
     "running answers finish for --drain seconds and ends with exit code 0. On SIGHUP it reads "
     "keys, "
     "certificate and the limits of --config again and opens the access log anew.",
     "stoke serve -m model.gguf\n  serve on http://127.0.0.1:8080\n"
     "stoke serve -m model.gguf --host 0.0.0.0 --port 80 --parallel 16\n"
     "  serve to other machines, 16 answers at once\n"
     "stoke serve -m other.gguf --run models/local/mine\n"
     "  with the curves of a run that goes on meanwhile\n"
     "stoke serve -m mine/model.gguf --watch mine/model.gguf\n"
     "  each model that a training run puts there goes live by itself\n"
     "stoke serve -m small=a.gguf large=b.gguf --lora poet@large=poet.gguf:0.8\n"
     "  three models: small, large, and large with an adapter\n",
     rows},
    serve};
