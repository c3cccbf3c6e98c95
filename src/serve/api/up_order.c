/* up_order.c - POST /admin/up: an order to the supervisor, passed on to its control socket.
 *
 * The socket is the owner's; who may give orders here is decided as for all of /admin.  One order
 * is under way at a time.  The I/O thread does not wait for the answer.
 */
#include "serve/api/field.h"
#include "serve/api/up.h"

#include "base/mem.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PATIENCE_S = 30, ANSWER_MOST = 64 << 10 };

typedef struct order_body {
    const char *what;
    int64_t version;
} order_body;

static const srv_field rows[] = {
    {.name = "do",
     .type = SRV_FIELD_STR,
     .offset = offsetof(order_body, what),
     .help = "`pause` or `resume` training, `rollback` to the version before, `pin` a version, "
             "`unpin`"},
    {.name = "version",
     .type = SRV_FIELD_INT,
     .deflt = "none",
     .offset = offsetof(order_body, version),
     .min = 1,
     .max = UINT32_MAX,
     .help = "the one to pin"},
};

const srv_fields srv_up_fields = {
    "POST /admin/up", "Gives the supervisor (`stoke up`) that runs this server an order.", rows,
    sizeof rows / sizeof *rows};

/* An order under way. */
typedef struct order {
    srv_up *up;
    srv_req *req; /* NULL: the client is gone, the order is given all the same */
    struct bufferevent *bev;
} order;

/* Frees the order and its place. */
static void end_order(void *arg)
{
    order *o = arg;
    if (o->req) srv_req_watch(o->req, NULL, NULL);
    if (o->bev) bufferevent_free(o->bev);
    srv_up_slot_of(o->up)->order = NULL;
    sk_free(o);
}

static void on_news(void *arg, srv_req *r, srv_req_news news)
{
    order *o = arg;
    (void)r;
    if (news == SRV_REQ_GONE) o->req = NULL;
}

/* Answers, if there is somebody to answer, and ends. */
static void fail_order(order *o, srv_code code, const char *text)
{
    srv_req *r = o->req;
    srv_fault f = {0};
    end_order(o);
    if (!r) return;
    if (code == SRV_NO_SUPERVISOR) f.retry_s = 5;
    (void)srv_fail(&f, code, code == SRV_BAD_VALUE ? "do" : NULL, "%.300s", text);
    srv_reply_fault(r, &f);
}

/* {"ok":true,"text":".."} is passed on; of {"ok":false,..} the text is the refusal. */
static void answered(order *o, const char *line, size_t n)
{
    json_t *root = NULL;
    const char *text = NULL;
    sk_buf b = SK_BUF_INIT;
    srv_req *r = o->req;
    sk_status st = sk_json_parse(line, n, 8, &root, NULL);
    if (!st) text = json_string_value(json_object_get(root, "text"));
    if (st || !json_is_boolean(json_object_get(root, "ok"))) {
        fail_order(o, SRV_NO_SUPERVISOR, "the supervisor gave no answer that can be read");
    } else if (json_is_false(json_object_get(root, "ok"))) {
        fail_order(o, SRV_BAD_VALUE, text ? text : "the supervisor refused");
    } else {
        end_order(o);
        sk_buf_adds(&b, "{\"ok\":true,\"text\":");
        sk_json_add_str(&b, text ? text : "", text ? strlen(text) : 0);
        sk_buf_adds(&b, "}\n");
        if (r)
            srv_api_reply(r, 200, "application/json", &b);
        else
            sk_buf_fini(&b);
    }
    json_decref(root);
}

static void on_read(struct bufferevent *bev, void *arg)
{
    order *o = arg;
    struct evbuffer *in = bufferevent_get_input(bev);
    size_t n;
    char *line = evbuffer_readln(in, &n, EVBUFFER_EOL_LF);
    if (line) {
        sk_buf copy = SK_BUF_INIT;
        sk_buf_add(&copy, line, n);
        sk_free(line); /* libevent's memory is base/mem.h's (srv_http_memory) */
        if (sk_buf_ok(&copy))
            answered(o, copy.p ? copy.p : "", copy.len);
        else
            fail_order(o, SRV_NO_MEMORY, "no memory for the supervisor's answer");
        sk_buf_fini(&copy);
    } else if (evbuffer_get_length(in) > ANSWER_MOST) {
        fail_order(o, SRV_NO_SUPERVISOR, "the supervisor's answer is too long");
    }
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    (void)bev;
    fail_order(arg, SRV_NO_SUPERVISOR,
               what & BEV_EVENT_TIMEOUT ? "the supervisor does not answer"
                                        : "the supervisor closed the connection");
}

/* A connection to the control socket; -1 with errno.  A Unix socket is there at once or not. */
static int connect_to(const srv_up *u)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    (void)snprintf(a.sun_path, sizeof a.sun_path, "/proc/self/fd/%d/control.sock", srv_up_fd(u));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&a, sizeof a) == 0) return fd;
    int err = errno;
    (void)close(fd);
    errno = err;
    return -1;
}

/* Sends the line and waits for the answer in the loop. */
static void send_order(srv_api *api, order *o, const sk_buf *line)
{
    const struct timeval patience = {PATIENCE_S, 0};
    int fd = connect_to(o->up);
    if (fd < 0) {
        fail_order(o, SRV_NO_SUPERVISOR, "no supervisor listens in its folder");
        return;
    }
    o->bev = bufferevent_socket_new(api->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (!o->bev) (void)close(fd);
    if (!o->bev || bufferevent_write(o->bev, line->p, line->len)) {
        fail_order(o, SRV_NO_MEMORY, "no memory for the order");
        return;
    }
    bufferevent_setcb(o->bev, on_read, NULL, on_event, o);
    (void)bufferevent_set_timeouts(o->bev, &patience, &patience);
    (void)bufferevent_enable(o->bev, EV_READ | EV_WRITE);
}

/* The line of an order that there is. */
static sk_status make_line(const order_body *b, sk_buf *line, srv_fault *f)
{
    static const char *const known[] = {"pause", "resume", "rollback", "unpin", "pin"};
    size_t n = sizeof known / sizeof *known, i = 0;
    while (i < n && strcmp(b->what, known[i]) != 0)
        i++;
    if (i == n)
        return srv_fail(f, SRV_BAD_VALUE, "do",
                        "'do' must be pause, resume, rollback, pin or unpin");
    if (strcmp(b->what, "pin") == 0 && !b->version)
        return srv_fail(f, SRV_MISSING, "version", "'version' is needed to pin one");
    sk_buf_addf(line, "{\"do\":\"%s\"", known[i]);
    if (b->version) sk_buf_addf(line, ",\"version\":%lld", (long long)b->version);
    sk_buf_adds(line, "}\n");
    if (sk_buf_ok(line)) return SK_OK;
    return srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the order");
}

static sk_status begin_order(srv_api *api, srv_req *r, const sk_buf *line, srv_fault *f)
{
    srv_up_slot *slot = srv_up_slot_of(api->up);
    if (slot->order) {
        f->retry_s = 1;
        return srv_fail(f, SRV_OVERLOADED, NULL, "another order is under way");
    }
    order *o = sk_calloc(SK_MEM_REQUEST, 1, sizeof *o);
    if (!o) return srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the order");
    *o = (order){.up = api->up, .req = r};
    *slot = (srv_up_slot){o, end_order};
    srv_req_watch(r, on_news, o);
    send_order(api, o, line);
    return SK_OK;
}

/* POST /admin/up */
void srv_post_up(srv_api *api, srv_req *r)
{
    size_t n;
    srv_fault f = {0};
    order_body b = {.what = NULL};
    json_t *root = NULL;
    sk_buf unknown = SK_BUF_INIT, line = SK_BUF_INIT;
    const char *body = srv_req_body(r, &n);
    sk_status st = SK_OK;
    if (!api->up) st = srv_fail(&f, SRV_NO_PATH, NULL, "no supervisor runs this server (--up)");
    if (!st) st = srv_fields_read(&srv_up_fields, body, n, api->strict, &b, &root, &unknown, &f);
    if (!st) st = make_line(&b, &line, &f);
    if (!st) st = begin_order(api, r, &line, &f);
    if (st) srv_reply_fault(r, &f);
    json_decref(root);
    sk_buf_fini(&unknown);
    sk_buf_fini(&line);
}
