/* overhead.c - what the server costs beside the engine: CPU time per token sent.
 *
 *     overhead [STREAMS [TOKENS [STEP_US [PAD]]]]   16 streams of 1,000 tokens, steps of 2,000 us
 *
 * The server's own code (http, api, sched) runs over an engine that computes nothing: a step
 * sleeps, then every stream's next token is a letter.  The client is another process: STREAMS
 * connections at once, each with a streamed chat; it counts the events that have text.  Prints CPU
 * time of all the server's threads, user and system: what is left without the stub's own (to fall
 * asleep and to wake, which a real engine does not), and the stub's; and what the system takes for
 * the least of it, one thread waking another that sends 256 bytes, at the same pace.  PAD blanks in
 * the body make it one that is read by another thread.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "serve/api/api.h"
#include "serve/api/store.h"
#include "serve/sched/hands.h"
#include "serve/sched/stats.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_STREAMS = 1024, N_CTX = 1 << 16, PAGES = 1 << 16 };

/* ---- an engine that computes nothing ---- */

typedef struct stub {
    srv_engine engine;
    unsigned step_us;
    double own_us; /* CPU time of its steps: of the engine thread, and read when all is over */
    float logits[2];
    char letter[26];
} stub;

static double clock_us(clockid_t which)
{
    struct timespec t;
    (void)clock_gettime(which, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static sk_status stub_step(void *self, eng_step_item *item, size_t n, sk_err *e)
{
    stub *s = self;
    struct timespec t = {0, (long)s->step_us * 1000};
    double began = clock_us(CLOCK_THREAD_CPUTIME_ID);
    (void)e;
    (void)nanosleep(&t, NULL);
    s->own_us += clock_us(CLOCK_THREAD_CPUTIME_ID) - began;
    for (size_t i = 0; i < n; i++)
        item[i].logits = s->logits;
    return SK_OK;
}

static void stub_pick(void *self, eng_pick *p, size_t n)
{
    (void)self;
    for (size_t i = 0; i < n; i++)
        p[i].id = (int32_t)(p[i].in.n_ids % 26);
}

static sk_status stub_begin(void *self, uint32_t slot, const int32_t *ids, size_t n, size_t n_all,
                            size_t *n_held, sk_err *e)
{
    (void)self, (void)slot, (void)ids, (void)n, (void)n_all, (void)e;
    *n_held = 0;
    return SK_OK;
}

static sk_status stub_adapt(void *self, uint32_t slot, const eng_lora *l, sk_err *e)
{
    (void)self, (void)slot, (void)l, (void)e;
    return SK_OK;
}

static sk_status stub_extend(void *self, uint32_t slot, size_t n_all)
{
    (void)self, (void)slot, (void)n_all;
    return SK_OK;
}

static size_t stub_adopt(void *self, uint32_t slot, const int32_t *ids, size_t n)
{
    (void)self, (void)slot, (void)ids, (void)n;
    return 0;
}

static void stub_share(void *self, uint32_t slot, const int32_t *ids, size_t n)
{
    (void)self, (void)slot, (void)ids, (void)n;
}

static eng_kv_usage stub_usage(void *self)
{
    (void)self;
    return (eng_kv_usage){.pages = PAGES};
}

static const char *stub_piece(void *self, int32_t id, size_t *n)
{
    stub *s = self;
    *n = 1;
    return &s->letter[id];
}

static int32_t stub_special(void *self, const char *text)
{
    (void)self, (void)text;
    return -1;
}

static bool stub_is_end(void *self, int32_t id)
{
    (void)self, (void)id;
    return false;
}

static sk_status stub_decode(void *self, const int32_t *id, size_t n, sk_buf *out, sk_err *e)
{
    (void)self, (void)id, (void)n, (void)out, (void)e;
    return SK_OK;
}

/* Eight tokens, whatever was asked. */
static sk_status stub_chat(void *self, json_t *messages, json_t *vars, bool open, eng_ids *out,
                           sk_err *e)
{
    (void)self, (void)messages, (void)vars, (void)open;
    for (int32_t i = 0; i < 8; i++)
        if (!eng_ids_push(out, i)) return sk_fail(e, SK_E_NOMEM, "no memory");
    return SK_OK;
}

static sk_status stub_chat_text(void *self, json_t *messages, json_t *vars, bool open,
                                eng_jinja_text *out, sk_err *e)
{
    (void)self, (void)messages, (void)vars, (void)open, (void)e;
    sk_buf_adds(&out->text, "x");
    return SK_OK;
}

static void stub_init(stub *s, size_t n_slots, unsigned step_us)
{
    *s = (stub){.step_us = step_us};
    memcpy(s->letter, "abcdefghijklmnopqrstuvwxyz", sizeof s->letter);
    s->engine = (srv_engine){.self = s,
                             .model = "stub",
                             .n_slots = n_slots,
                             .n_ctx = N_CTX,
                             .max_step = 256 > n_slots ? 256 : n_slots,
                             .n_vocab = 26,
                             .has_chat = true,
                             .step = stub_step,
                             .begin = stub_begin,
                             .adapt = stub_adapt,
                             .extend = stub_extend,
                             .adopt = stub_adopt,
                             .share = stub_share,
                             .end = stub_share,
                             .usage = stub_usage,
                             .pick = stub_pick,
                             .piece = stub_piece,
                             .piece_all = stub_piece,
                             .special = stub_special,
                             .is_end = stub_is_end,
                             .decode = stub_decode,
                             .chat = stub_chat,
                             .chat_text = stub_chat_text};
}

/* ---- the client, in a process of its own ---- */

static int say_and_connect(int port, size_t tokens, size_t pad)
{
    static char body[1 << 17], text[(1 << 17) + 256];
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int n = snprintf(body, sizeof body,
                     "{\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}],\"stream\":true,"
                     "\"max_tokens\":%zu%*s}",
                     tokens, (int)pad, "");
    n = snprintf(text, sizeof text,
                 "POST /v1/chat/completions HTTP/1.1\r\nHost: b\r\nConnection: close\r\n"
                 "Content-Length: %d\r\n\r\n%s",
                 n, body);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)(void *)&a, sizeof a)) return -1;
    return send(fd, text, (size_t)n, MSG_NOSIGNAL) == n ? fd : -1;
}

/* Counts what is looked for in a stream that comes in pieces; *at is how much of it has come. */
static size_t count(const char *p, size_t n, const char *what, size_t *at)
{
    size_t found = 0, len = strlen(what);
    for (size_t i = 0; i < n; i++) {
        if (p[i] != what[*at]) *at = 0;
        if (p[i] == what[*at]) ++*at;
        if (*at < len) continue;
        found++;
        *at = 0;
    }
    return found;
}

/* Reads all streams to their ends; prints how many events with text there were. */
static int client(int port, size_t n, size_t tokens, size_t pad, int out)
{
    static struct pollfd p[MOST_STREAMS];
    static size_t at[MOST_STREAMS];
    static char b[65536];
    size_t events = 0, open = n;
    for (size_t i = 0; i < n; i++)
        p[i] = (struct pollfd){.fd = say_and_connect(port, tokens, pad), .events = POLLIN};
    while (open && poll(p, n, 10000) > 0) {
        for (size_t i = 0; i < n; i++) {
            if (p[i].fd < 0 || !p[i].revents) continue;
            ssize_t k = recv(p[i].fd, b, sizeof b, 0);
            if (k > 0) events += count(b, (size_t)k, "\"content\":\"", &at[i]);
            if (k > 0) continue;
            (void)close(p[i].fd);
            p[i].fd = -1;
            open--;
        }
    }
    return open == 0 && write(out, &events, sizeof events) == sizeof events ? 0 : 1;
}

/* ---- the server ---- */

typedef struct bench {
    struct event_base *base;
    srv_api api;
    srv_core *core;
    stub stub;
    int pipe[2];
    size_t events; /* what the client counted */
} bench;

static void on_mail(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    srv_gen_collect(((bench *)arg)->core->sched);
}

static void on_back(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    srv_hands_collect(arg);
}

static void on_client(evutil_socket_t fd, short what, void *arg)
{
    bench *b = arg;
    (void)what;
    if (read(fd, &b->events, sizeof b->events) != sizeof b->events) b->events = 0;
    (void)event_base_loopbreak(b->base);
}

static void on_retired(void *arg, srv_core *c)
{
    (void)arg, (void)c;
}

static sk_status open_server(bench *b, size_t n, unsigned step_us, sk_err *e)
{
    srv_api *api = &b->api;
    srv_http_opts ho = {.host = "127.0.0.1",
                        .max_body = 1 << 20,
                        .max_conns = 4096,
                        .high_bytes = 256 << 10,
                        .idle_ms = 75000,
                        .head_ms = 10000,
                        .body_ms = 30000,
                        .stall_ms = 30000,
                        .handle = srv_api_handle,
                        .done = srv_api_done,
                        .arg = api};
    srv_http_memory();
    b->base = event_base_new();
    stub_init(&b->stub, n, step_us);
    api->base = b->base;
    api->metrics = srv_stats_new();
    api->roster = srv_roster_new(on_retired, NULL);
    api->store = srv_store_new(16, 1 << 20);
    api->ping_ms = 15000;
    api->stuck_ms = 60000;
    srv_sched_opts so = {.max_waiting = n, .target_us = 20000, .metrics = api->metrics};
    static char path[] = "stub";
    srv_source none = {.fd = -1, .lora_fd = -1};
    srv_version *v = NULL;
    sk_status st = srv_http_open(b->base, &ho, &api->http, e);
    if (!st) st = srv_hands_open(1, 2 * n, &api->hands, e);
    if (!st) st = srv_core_open(&b->stub.engine, NULL, NULL, &so, &none, &b->core, e);
    none = (srv_source){.path = path, .fd = -1, .lora_fd = -1};
    return st ? st : srv_roster_put(api->roster, "stub", b->core, NULL, &none, &v, e);
}

/* ---- the least that any server does ---- */

enum { N_LEAST = 500, LEAST_BYTES = 256 };

typedef struct errand {
    int wake, to; /* an eventfd; a connection whose other end reads */
} errand;

/* Another process, which reads all there is. */
static pid_t read_all(int listener, const struct sockaddr_in *a)
{
    static char b[65536];
    pid_t pid = fork();
    if (pid) return pid;
    (void)close(listener);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    bool ok = fd >= 0 && !connect(fd, (const struct sockaddr *)(const void *)a, sizeof *a);
    while (ok && poll(&p, 1, 10000) > 0 && recv(fd, b, sizeof b, 0) > 0)
        continue;
    _exit(0);
}

static void *send_each(void *arg)
{
    static const char b[LEAST_BYTES];
    const errand *l = arg;
    struct pollfd p = {.fd = l->wake, .events = POLLIN};
    eventfd_t n;
    for (int i = 0; i < N_LEAST && poll(&p, 1, 10000) > 0; i++) {
        (void)eventfd_read(l->wake, &n);
        (void)send(l->to, b, sizeof b, MSG_NOSIGNAL);
    }
    return NULL;
}

/* CPU time of a wake-up and a send, without what the sleep between them takes; below 0 if it can't
 * be measured. */
static double least_us(unsigned step_us)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t len = sizeof a;
    struct timespec t = {0, (long)step_us * 1000};
    errand l = {.wake = eventfd(0, EFD_NONBLOCK)};
    pthread_t sender;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)(void *)&a, len) || listen(fd, 1) ||
        getsockname(fd, (struct sockaddr *)(void *)&a, &len))
        return -1;
    pid_t pid = read_all(fd, &a);
    l.to = accept(fd, NULL, NULL);
    double own = 0, began = clock_us(CLOCK_PROCESS_CPUTIME_ID);
    if (l.to < 0 || pthread_create(&sender, NULL, send_each, &l)) return -1;
    for (int i = 0; i < N_LEAST; i++) {
        double slept = clock_us(CLOCK_THREAD_CPUTIME_ID);
        (void)nanosleep(&t, NULL);
        own += clock_us(CLOCK_THREAD_CPUTIME_ID) - slept;
        (void)eventfd_write(l.wake, 1);
    }
    (void)close(fd);
    (void)pthread_join(sender, NULL);
    double all = clock_us(CLOCK_PROCESS_CPUTIME_ID) - began;
    (void)close(l.to);
    (void)close(l.wake);
    (void)waitpid(pid, NULL, 0);
    return (all - own) / N_LEAST;
}

static size_t arg_or(int argc, char **argv, int i, size_t other)
{
    return argc > i ? (size_t)strtoull(argv[i], NULL, 10) : other;
}

int main(int argc, char **argv)
{
    static bench b;
    sk_err e = SK_ERR_INIT;
    size_t n = arg_or(argc, argv, 1, 16), tokens = arg_or(argc, argv, 2, 1000);
    size_t pad = arg_or(argc, argv, 4, 0);
    unsigned step_us = (unsigned)arg_or(argc, argv, 3, 2000);
    if (!n || n > MOST_STREAMS || !tokens || pad > 100000 || pipe(b.pipe)) return 2;
    (void)signal(SIGPIPE, SIG_IGN);
    double least = least_us(step_us);
    if (open_server(&b, n, step_us, &e)) {
        (void)fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    int port = (int)strtol(strrchr(srv_http_url(b.api.http), ':') + 1, NULL, 10);
    pid_t pid = fork();
    if (pid == 0) _exit(client(port, n, tokens, pad, b.pipe[1]));
    struct event *mail =
        event_new(b.base, srv_sched_fd(b.core->sched), EV_READ | EV_PERSIST, on_mail, &b);
    struct event *end = event_new(b.base, b.pipe[0], EV_READ, on_client, &b);
    struct event *back =
        event_new(b.base, srv_hands_fd(b.api.hands), EV_READ | EV_PERSIST, on_back, b.api.hands);
    (void)event_add(mail, NULL);
    (void)event_add(back, NULL);
    (void)event_add(end, NULL);
    double before = clock_us(CLOCK_PROCESS_CPUTIME_ID);
    uint64_t began = sk_now_us();
    (void)event_base_dispatch(b.base);
    double cpu = clock_us(CLOCK_PROCESS_CPUTIME_ID) - before, own = b.stub.own_us;
    double each = (double)(b.events ? b.events : 1), seconds = (double)(sk_now_us() - began) / 1e6;
    (void)waitpid(pid, NULL, 0);
    (void)printf("%zu streams, %zu tokens each, a step each %u us: %zu events, %.0f a second, "
                 "%.2f us of CPU each, and %.2f of the stub; a wake-up and a send: %.2f us\n",
                 n, tokens, step_us, b.events, (double)b.events / seconds, (cpu - own) / each,
                 own / each, least);
    return b.events ? 0 : 1;
}
