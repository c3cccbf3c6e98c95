/* crowd_client.c - many connections to one server: idle ones, streams that are read slowly, and a
 * few that are read as they come; what they do to the server and to each other.
 *
 *     crowd_client PORT PID IDLE SLOW ACTIVE SECONDS
 *
 * PID is the server's process: its memory and CPU time are read from /proc.  Prints lines "NAME
 * VALUE"; tests/soak/crowd judges them.  Phases, SECONDS each:
 *   alone     ACTIVE streams, one after another on each connection
 *   idle      IDLE connections that say nothing; no streams: the server's CPU time
 *   crowd     and SLOW streams of long answers, each read at 500 bytes a second; ACTIVE streams
 *   gone      all hang up: until nothing runs or waits
 * /health is asked every 20 ms all along, on a new connection each time.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { IDLE, SLOW, ACTIVE, HEALTH };

typedef struct conn {
    int fd, kind;
    bool over, answered, refused;
    double last_ms; /* ACTIVE: of its last event, 0 before the first */
    size_t events;
    char tail[16];
    size_t n_tail;
} conn;

static int port, epoll;
static double health_at, health_worst, health_sum, gap_worst;
static size_t health_n, health_bad, events, answers, refused, broken;
static conn health;

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static bool open_conn(conn *c, int kind)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    int few = 2048;
    *c = (conn){.kind = kind, .fd = socket(AF_INET, SOCK_STREAM, 0)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (c->fd < 0) return false;
    if (kind == SLOW) setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &few, sizeof few);
    if (connect(c->fd, (struct sockaddr *)&a, sizeof a)) return false;
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
    return kind == SLOW || epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &ev) == 0;
}

static void say(const conn *c, const char *text)
{
    if (send(c->fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text)) broken++;
}

static void ask(conn *c, unsigned tokens)
{
    char body[256], text[512];
    int n = snprintf(body, sizeof body,
                     "{\"prompt\":\"the stoker\",\"max_tokens\":%u,\"temperature\":0,"
                     "\"logit_bias\":{\"10\":1},\"stream\":true}",
                     tokens);
    snprintf(text, sizeof text,
             "POST /v1/completions HTTP/1.1\r\nHost: c\r\nContent-Length: %d\r\n\r\n%s", n, body);
    c->last_ms = 0; /* the wait for the first bytes is not a gap */
    say(c, text);
}

static void ask_health(void)
{
    health_at = now_ms();
    if (open_conn(&health, HEALTH))
        say(&health, "GET /health HTTP/1.1\r\nHost: c\r\nConnection: close\r\n\r\n");
    else
        health_bad++;
}

static void end_health(const char *text, ssize_t n)
{
    double ms = now_ms() - health_at;
    if (n < 12 || memcmp(text, "HTTP/1.1 200", 12) != 0) health_bad++;
    if (ms > health_worst) health_worst = ms;
    health_sum += ms;
    health_n++;
    close(health.fd);
    health.fd = -1;
}

/* Bytes of a stream that is read as it comes: the events in it; asks anew behind the last one. */
static void take(conn *c, const char *p, size_t n, double now)
{
    for (size_t i = 0; i + 7 <= n; i++)
        if (memcmp(p + i, "data: {", 7) == 0) c->events++, events++;
    if (c->last_ms > 0 && now - c->last_ms > gap_worst) gap_worst = now - c->last_ms;
    c->last_ms = now;
    if (n > 11 && memcmp(p, "HTTP/1.1 429", 12) == 0) {
        refused++;
        ask(c, 3000);
    } else if (memmem(p, n, "[DONE]", 6)) {
        answers++;
        ask(c, 3000);
    }
}

static void on_ready(conn *c)
{
    static char b[65536];
    ssize_t n = recv(c->fd, b, sizeof b, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return;
    if (c->kind == HEALTH) {
        end_health(b, n);
        return;
    }
    if (n <= 0) {
        epoll_ctl(epoll, EPOLL_CTL_DEL, c->fd, NULL);
        c->over = true;
        broken++;
    } else if (c->kind == ACTIVE) {
        take(c, b, (size_t)n, now_ms());
    }
}

/* A little of each slow stream. */
static void sip(conn *c, size_t n)
{
    char b[64];
    for (size_t i = 0; i < n; i++) {
        if (c[i].over) continue;
        ssize_t k = recv(c[i].fd, b, 50, MSG_DONTWAIT);
        if (k > 11 && memcmp(b, "HTTP/1.1 429", 12) == 0) c[i].refused = true;
        if (k > 11 && memcmp(b, "HTTP/1.1 200", 12) == 0) c[i].answered = true;
        if (k == 0 || (k < 0 && errno != EAGAIN)) c[i].over = true;
    }
}

/* Runs for some seconds; slow streams get their 50 bytes each 100 ms. */
static void run(double seconds, conn *slow, size_t n_slow)
{
    double end = now_ms() + seconds * 1e3, next_health = now_ms(), next_sip = now_ms();
    while (now_ms() < end) {
        struct epoll_event ev[256];
        int k = epoll_wait(epoll, ev, 256, 5);
        for (int i = 0; i < k; i++)
            on_ready(ev[i].data.ptr);
        if (now_ms() >= next_health && health.fd < 0) {
            ask_health();
            next_health = now_ms() + 20;
        }
        if (now_ms() < next_sip) continue;
        sip(slow, n_slow);
        next_sip = now_ms() + 100;
    }
}

/* ---- the server, from outside ---- */

static long rss_kib(int pid)
{
    char path[64], line[256];
    long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmRSS: %ld", &kib) == 1) break;
    if (f) fclose(f);
    return kib;
}

static double cpu_ms(int pid)
{
    char path[64], text[1024] = "";
    unsigned long user = 0, sys = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "r");
    if (f && fgets(text, sizeof text, f) && strrchr(text, ')'))
        sscanf(strrchr(text, ')') + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
               &user, &sys);
    if (f) fclose(f);
    return (double)(user + sys) * 1e3 / (double)sysconf(_SC_CLK_TCK);
}

/* Requests that run or wait, from /metrics; -1 without an answer. */
static double busy(void)
{
    static char b[1 << 18];
    double sum = 0;
    size_t n = 0;
    conn c;
    if (!open_conn(&c, SLOW)) return -1;
    say(&c, "GET /metrics HTTP/1.1\r\nHost: c\r\nConnection: close\r\n\r\n");
    for (ssize_t k; n < sizeof b - 1 && (k = recv(c.fd, b + n, sizeof b - 1 - n, 0)) > 0;)
        n += (size_t)k;
    b[n] = 0;
    close(c.fd);
    static const char *const name[] = {"\nstoke_requests_running ", "\nstoke_requests_waiting "};
    for (int i = 0; i < 2; i++) {
        const char *p = strstr(b, name[i]);
        if (!p) return -1;
        sum += strtod(p + strlen(name[i]), NULL);
    }
    return sum;
}

/* Prints what was seen since the last call. */
static void report(const char *phase, double seconds, int pid)
{
    printf("%s_events_s %.0f\n%s_answers %zu\n%s_refused %zu\n%s_gap_ms %.1f\n", phase,
           (double)events / seconds, phase, answers, phase, refused, phase, gap_worst);
    printf("%s_health_n %zu\n%s_health_bad %zu\n%s_health_ms %.2f\n%s_health_worst_ms %.2f\n",
           phase, health_n, phase, health_bad, phase, health_n ? health_sum / (double)health_n : 0,
           phase, health_worst);
    printf("%s_rss_kib %ld\n%s_broken %zu\n", phase, rss_kib(pid), phase, broken);
    fflush(stdout);
    events = answers = refused = health_n = health_bad = broken = 0;
    gap_worst = health_sum = health_worst = 0;
}

static conn *open_all(size_t n, int kind)
{
    conn *c = calloc(n ? n : 1, sizeof *c);
    for (size_t i = 0; i < n; i++)
        if (!open_conn(&c[i], kind)) {
            printf("cannot_open %zu %s\n", i, strerror(errno));
            exit(1);
        }
    return c;
}

static void close_all(const conn *c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        close(c[i].fd);
}

int main(int argc, char **argv)
{
    if (argc < 7) return 2;
    struct rlimit r;
    if (!getrlimit(RLIMIT_NOFILE, &r)) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
    port = atoi(argv[1]);
    int pid = atoi(argv[2]);
    size_t n_idle = strtoul(argv[3], NULL, 10), n_slow = strtoul(argv[4], NULL, 10);
    size_t n_active = strtoul(argv[5], NULL, 10), in_use = 0, turned = 0;
    double seconds = strtod(argv[6], NULL);
    epoll = epoll_create1(0);
    health.fd = -1;
    conn *active = open_all(n_active, ACTIVE);
    for (size_t i = 0; i < n_active; i++)
        ask(&active[i], 3000);
    run(seconds, NULL, 0);
    report("alone", seconds, pid);
    close_all(active, n_active);
    run(1, NULL, 0);
    report("before", 1, pid);

    double began = now_ms();
    conn *idle = open_all(n_idle, IDLE);
    printf("idle_open_ms %.0f\n", now_ms() - began);
    run(1, NULL, 0);
    double cpu = cpu_ms(pid);
    size_t asked = health_n;
    run(seconds, NULL, 0);
    printf("idle_cpu_ms_s %.2f\nidle_asked_s %.0f\n", (cpu_ms(pid) - cpu) / seconds,
           (double)(health_n - asked) / seconds);
    report("idle", seconds + 1, pid);

    conn *slow = open_all(n_slow, SLOW);
    active = open_all(n_active, ACTIVE);
    for (size_t i = 0; i < n_active; i++)
        ask(&active[i], 3000);
    run(0.5, NULL, 0);
    for (size_t i = 0; i < n_slow; i++)
        ask(&slow[i], 1500);
    long rss[5];
    for (int i = 0; i < 5; i++) {
        run(seconds / 5, slow, n_slow);
        rss[i] = rss_kib(pid);
    }
    for (int i = 0; i < 5; i++)
        printf("crowd_rss%d_kib %ld\n", i, rss[i]);
    for (size_t i = 0; i < n_slow; i++)
        in_use += slow[i].answered, turned += slow[i].refused;
    printf("slow_answered %zu\nslow_refused %zu\n", in_use, turned);
    report("crowd", seconds, pid);

    began = now_ms();
    close_all(slow, n_slow);
    close_all(active, n_active);
    double closed = now_ms();
    while (busy() != 0 && now_ms() - closed < 10000)
        continue;
    printf("gone_ms %.1f\n", now_ms() - began);
    close_all(idle, n_idle);
    run(1, NULL, 0);
    report("gone", 1, pid);
    return 0;
}
