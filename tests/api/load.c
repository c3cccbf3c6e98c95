/* load.c - many clients at once, for the API tests: each asks one question on a connection of its
 * own and reads the answer to its end.
 *
 *     load PORT CLIENTS TOKENS SECONDS [--stream]
 *
 * Prints one line: how many were answered (200, complete), refused (429 or 503 with Retry-After),
 * went wrong, or hang after SECONDS; and the times in ms of the first and of the last byte.
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

typedef struct client {
    int fd;
    bool sent, over;
    size_t got;
    char head[512], tail[64]; /* the first and the last bytes of the answer */
    size_t n_head, n_tail;
    double first_ms;
} client;

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static bool client_open(client *c, int port, int epoll)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c->fd < 0) return false;
    if (connect(c->fd, (struct sockaddr *)&a, sizeof a) && errno != EINPROGRESS) return false;
    struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &ev) == 0;
}

static void client_send(client *c, const char *text, int epoll)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
    if (send(c->fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text)) {
        c->over = true;
        return;
    }
    c->sent = true;
    epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &ev);
}

/* Keeps the beginning and the end of what came. */
static void client_keep(client *c, const char *p, size_t n)
{
    size_t room = sizeof c->head - 1 - c->n_head, take = n < room ? n : room;
    memcpy(c->head + c->n_head, p, take);
    c->n_head += take;
    if (n >= sizeof c->tail) {
        memcpy(c->tail, p + n - sizeof c->tail, sizeof c->tail);
        c->n_tail = sizeof c->tail;
        return;
    }
    size_t old = c->n_tail + n > sizeof c->tail ? sizeof c->tail - n : c->n_tail;
    memmove(c->tail, c->tail + c->n_tail - old, old);
    memcpy(c->tail + old, p, n);
    c->n_tail = old + n;
}

static void client_read(client *c, double began)
{
    char b[65536];
    for (;;) {
        ssize_t n = recv(c->fd, b, sizeof b, 0);
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) {
            c->over = true;
            return;
        }
        if (!c->got) c->first_ms = now_ms() - began;
        c->got += (size_t)n;
        client_keep(c, b, (size_t)n);
    }
}

/* True when the answer is whole. */
static bool is_complete(const client *c, bool stream)
{
    char tail[sizeof c->tail + 1];
    memcpy(tail, c->tail, c->n_tail);
    tail[c->n_tail] = 0;
    return stream ? strstr(tail, "[DONE]") && strstr(tail, "\r\n0\r\n\r\n")
                  : strstr(tail, "}}\n") != NULL;
}

static void report(client *c, size_t n, bool stream, double all_ms)
{
    size_t answered = 0, refused = 0, wrong = 0, hung = 0;
    double first = 0;
    for (size_t i = 0; i < n; i++) {
        bool ok = strncmp(c[i].head, "HTTP/1.1 200", 12) == 0;
        bool no = strncmp(c[i].head, "HTTP/1.1 429", 12) == 0 ||
                  strncmp(c[i].head, "HTTP/1.1 503", 12) == 0;
        if (!c[i].over)
            hung++;
        else if (ok && is_complete(&c[i], stream))
            answered++;
        else if (no && strstr(c[i].head, "Retry-After: "))
            refused++;
        else
            wrong++;
        if (c[i].first_ms > first) first = c[i].first_ms;
    }
    printf("answered %zu refused %zu wrong %zu hung %zu first_ms %.0f all_ms %.0f\n", answered,
           refused, wrong, hung, first, all_ms);
}

int main(int argc, char **argv)
{
    if (argc < 5) return 2;
    int port = (int)strtol(argv[1], NULL, 10);
    size_t n = (size_t)strtol(argv[2], NULL, 10), over = 0;
    double limit_ms = strtod(argv[4], NULL) * 1e3, began = now_ms();
    bool stream = argc > 5;
    struct rlimit r;
    if (!getrlimit(RLIMIT_NOFILE, &r)) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
    client *c = calloc(n, sizeof *c);
    int epoll = epoll_create1(0);
    char body[256], text[512];
    int len = snprintf(
        body, sizeof body,
        "{\"messages\":[{\"role\":\"user\",\"content\":\"hello there\"}],\"max_tokens\":%s,"
        "\"temperature\":0,\"stream\":%s}",
        argv[3], stream ? "true" : "false");
    snprintf(text, sizeof text,
             "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
             "Content-Length: %d\r\n\r\n%s",
             len, body);
    bool ok = c && epoll >= 0;
    for (size_t i = 0; i < n && ok; i++)
        ok = client_open(&c[i], port, epoll);
    if (!ok) {
        free(c);
        return 2;
    }
    while (over < n && now_ms() - began < limit_ms) {
        struct epoll_event ev[256];
        int k = epoll_wait(epoll, ev, 256, 500);
        for (int i = 0; i < k; i++) {
            client *x = ev[i].data.ptr;
            if (!x->sent && (ev[i].events & EPOLLOUT)) client_send(x, text, epoll);
            if (ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) client_read(x, began);
            if (!x->over) continue;
            over++;
            close(x->fd);
        }
    }
    report(c, n, stream, now_ms() - began);
    free(c);
    return 0;
}
