/* run.c - the supervisor as a whole: opening, the loop, requests of people. */
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "up/control.h"
#include "up/memo.h"
#include "up/super.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TICK_US UP_SECOND

void up_opts_default(up_opts *o)
{
    *o = (up_opts){.dir = "models/local/up",
                   .name = "stokehold",
                   .host = "127.0.0.1",
                   .port = 8080,
                   .train = true,
                   .keep = 5,
                   .currency = "USD",
                   .stop_fd = -1};
}

/* ---- events ---- */

/* What has to last is on the disk before it is acted on; a disk that is full is told of once. */
static void save(up_super *u)
{
    sk_err e = SK_ERR_INIT;
    if (up_memo_same(&u->house, &u->saved) && u->micro == u->saved_micro) return;
    if (up_memo_save(&u->dir, &u->house, u->micro, &e)) {
        if (!u->memo_failed) up_say(u, e.text);
        u->memo_failed = true;
        return;
    }
    u->memo_failed = false;
    u->saved = u->house;
    u->saved_micro = u->micro;
}

static void feed(up_super *u, const up_event *ev)
{
    up_actions out;
    uint32_t round = u->house.round;
    up_house_step(&u->house, sk_now_us(), ev, &out);
    if (u->house.round != round) {
        u->micro = 0;
        u->planned = false;
    }
    save(u);
    for (size_t i = 0; i < out.n; i++)
        up_act(u, &out.a[i]);
}

/* All that waits, and what comes of it. */
static void feed_all(up_super *u)
{
    while (u->n_queue) {
        up_news n = u->queue[0];
        u->n_queue--;
        memmove(u->queue, u->queue + 1, u->n_queue * sizeof *u->queue);
        n.ev.text = n.text[0] ? n.text : NULL;
        feed(u, &n.ev);
    }
    save(u);
}

/* ---- people ---- */

static void answer_json(sk_buf *out, const char *refused, const char *text)
{
    sk_buf_addf(out, "{\"ok\":%s,", refused ? "false" : "true");
    if (refused) sk_buf_addf(out, "\"status\":\"%s\",", sk_status_text(SK_E_INVALID));
    sk_buf_adds(out, "\"text\":");
    sk_json_add_str(out, refused ? refused : text, strlen(refused ? refused : text));
    sk_buf_adds(out, "}");
}

/* The event that a request means; false if it means none. */
static bool read_request(const char *line, up_event *ev, bool *status)
{
    json_t *root = NULL;
    const char *what = "";
    int64_t version = 0;
    if (sk_json_parse(line, strlen(line), 4, &root, NULL)) return false;
    bool ok = !sk_json_get_str(root, "do", &what, NULL) &&
              !sk_json_get_int(root, "version", 1, UINT32_MAX - 1, &version, NULL);
    *status = ok && strcmp(what, "status") == 0;
    *ev = (up_event){.kind = UP_EV_TIME, .version = (uint32_t)version};
    if (ok && strcmp(what, "pause") == 0) *ev = (up_event){.kind = UP_EV_PAUSE, .on = true};
    if (ok && strcmp(what, "resume") == 0) ev->kind = UP_EV_PAUSE;
    if (ok && strcmp(what, "rollback") == 0) ev->kind = UP_EV_ROLLBACK;
    if (ok && strcmp(what, "stop") == 0) ev->kind = UP_EV_STOP;
    if (ok && strcmp(what, "unpin") == 0) *ev = (up_event){.kind = UP_EV_PIN};
    if (ok && version && strcmp(what, "pin") == 0) ev->kind = UP_EV_PIN;
    json_decref(root);
    return *status || ev->kind != UP_EV_TIME;
}

/* Answers once what was asked is decided: the sentences of the decisions are the answer. */
static void answer(void *arg, const char *line, sk_buf *out)
{
    up_super *u = arg;
    up_event ev;
    bool status;
    if (!read_request(line, &ev, &status)) {
        answer_json(out, "there is no such request", NULL);
        return;
    }
    if (status) {
        up_state_json(u, out);
        return;
    }
    const char *refused = up_house_refuse(&u->house, &ev);
    if (refused) {
        answer_json(out, refused, NULL);
        return;
    }
    size_t before = u->n_said;
    feed(u, &ev);
    answer_json(out, NULL, u->n_said > before ? u->said[before % UP_SAID].text : "");
    up_show_state(u);
}

/* ---- the loop ---- */

static void look_at_processes(up_super *u)
{
    for (int r = 0; r < UP_ROLES; r++) {
        up_end end;
        char text[64];
        if (!u->proc[r].pid || !up_proc_ended(&u->proc[r], &end, text)) continue;
        up_proc_close(&u->proc[r]);
        u->cpu_last[r] = 0;
        u->taken[r] = false;
        up_ended(u, (up_role)r, end, text);
    }
}

/* Milliseconds until something is due. */
static int patience(const up_super *u)
{
    uint64_t now = sk_now_us(), due = up_house_wait(&u->house, now);
    uint64_t us = u->next_tick_us > now ? u->next_tick_us - now : 0;
    if (due < us) us = due;
    if (u->ready_at) us = us < 20000 ? us : 20000;
    return (int)((us + 999) / 1000);
}

/* Waits until a process ends, a call goes on, a person asks, or time is up. */
static void wait_for_news(up_super *u, bool stopped)
{
    enum { STOP = UP_ROLES, CONTROL, READY, PROBE, SWAP, ALL };
    const up_call *calls[] = {&u->ready, &u->probe, &u->swap};
    struct pollfd p[ALL];
    for (int r = 0; r < UP_ROLES; r++)
        p[r] = (struct pollfd){.fd = u->proc[r].pid ? u->proc[r].fd : -1, .events = POLLIN};
    p[STOP] = (struct pollfd){.fd = stopped ? -1 : u->o.stop_fd, .events = POLLIN};
    p[CONTROL] = (struct pollfd){.fd = u->control, .events = POLLIN};
    for (int i = 0; i < 3; i++)
        p[READY + i] = (struct pollfd){.fd = calls[i]->fd, .events = up_call_events(calls[i])};
    (void)poll(p, ALL, patience(u));
    if (p[STOP].revents) up_tell(u, &(up_event){.kind = UP_EV_STOP}, NULL);
    if (p[CONTROL].revents) up_control_serve(u->control, answer, u);
}

sk_status up_run(up_super *u, sk_err *e)
{
    (void)e;
    feed(u, &(up_event){.kind = UP_EV_TIME});
    while (!u->ended) {
        feed_all(u);
        if (up_house_wait(&u->house, sk_now_us()) == 0) feed(u, &(up_event){.kind = UP_EV_TIME});
        if (u->ended) break;
        wait_for_news(u, u->house.stopping);
        look_at_processes(u);
        up_asked(u);
        if (sk_now_us() < u->next_tick_us) continue;
        u->next_tick_us = sk_now_us() + TICK_US;
        up_tick(u);
    }
    up_add_timeline(u);
    up_show_state(u);
    return SK_OK;
}

/* ---- opening ---- */

/* The versions of the folder, or the model begun with as the first one. */
static sk_status open_versions(up_super *u, sk_err *e)
{
    sk_status st = up_versions_open(&u->dir, &u->versions, e);
    if (st || u->versions.n) return st;
    if (!u->o.model)
        return sk_fail(e, SK_E_USAGE, "%s has no versions yet: give a model to begin with (-m)",
                       u->dir.path);
    const up_row first = {.live_bpb = NAN, .new_bpb = NAN, .why = "the model begun with"};
    return up_versions_add(&u->versions, &u->dir, u->o.model, &first, e);
}

/* How many stages a round has, and whether it can be made at all. */
static sk_status count_stages(up_super *u, uint32_t *n, sk_err *e)
{
    const up_row *newest = &u->versions.row[u->versions.n - 1];
    *n = 0;
    (void)snprintf(u->off_why, sizeof u->off_why, "it was told to serve only");
    if (!u->o.train) return SK_OK;
    sk_status st =
        up_round_plan(&u->o.learn, &u->dir, 1, newest->path, newest->path, 0, u->mem, u->round, e);
    if (st) return st;
    *n = (uint32_t)u->round->n;
    (void)snprintf(u->off_why, sizeof u->off_why, "%s", u->round->why ? u->round->why : "");
    *u->round = (up_round){.n = 0};
    return SK_OK;
}

static sk_status open_house(up_super *u, sk_err *e)
{
    uint32_t n;
    sk_err memo = SK_ERR_INIT;
    sk_status st = count_stages(u, &n, e);
    if (st) return st;
    up_house_init(&u->house, u->o.seed, (uint32_t)u->o.keep, n, sk_now_us());
    st = up_memo_load(&u->dir, &u->versions, &u->house, &u->micro, &memo);
    if (st == SK_E_NOMEM) return sk_fail(e, st, "%s", memo.text);
    if (st) up_say(u, memo.text);
    u->saved = u->house;
    u->saved_micro = u->micro;
    if (u->off_why[0] && !n) up_say(u, u->off_why);
    return SK_OK;
}

/* What an earlier supervisor left running has the socket; else it is made. */
static sk_status open_socket(up_super *u, sk_err *e)
{
    int fd = -1;
    sk_status st = up_adopt(u, &fd, e);
    if (st) return st;
    if (fd >= 0 && up_listen_wrap(fd, &u->listen)) return SK_OK;
    if (fd >= 0) (void)close(fd);
    return up_listen_open(u->o.host, (int)u->o.port, &u->listen, e);
}

static sk_status open_share(up_super *u, sk_err *e)
{
    sk_status st = sk_share_open(u->dir.share, &u->share, e);
    if (st) return st;
    u->floor = u->o.floor;
    sk_share_floor(u->share, u->floor);
    sk_share_hold(u->share, false);
    sk_share_read(u->share, &u->figures);
    u->busy_last = (double)u->figures.busy_us / 1e6;
    return SK_OK;
}

/* An adopted trainer's round has its commands again, an adopted server is asked what it serves. */
static void go_on_with(up_super *u)
{
    const up_house *h = &u->house;
    if (u->proc[UP_TRAINER].pid || u->proc[UP_GATE].pid)
        (void)up_round_make(u, h->round, h->base, h->against ? h->against : h->live);
    u->planned = u->proc[UP_TRAINER].pid != 0;
    if (u->proc[UP_SERVER].pid) up_ask_ready(u);
}

/* In this order because each needs the one before: the folder's lock, the versions in it, the
 * shared page, the state that was kept and the processes it speaks of, the socket, and the door for
 * others. */
sk_status up_open(const up_opts *o, up_super **out, sk_err *e)
{
    up_super *u = sk_calloc(SK_MEM_MISC, 1, sizeof *u);
    if (!u) return sk_fail(e, SK_E_NOMEM, "no memory for the supervisor");
    u->o = *o;
    u->dir.lock = u->dir.fd = u->control = u->listen.fd = -1;
    u->ready = u->probe = u->swap = (up_call)UP_CALL_NONE;
    for (int r = 0; r < UP_ROLES; r++)
        u->proc[r] = (up_proc)UP_PROC_NONE;
    u->started = sk_unix_ms();
    u->started_us = u->line_us = sk_now_us();
    u->failed_base = -1;
    u->mem = sk_arena_new(SK_MEM_MISC);
    u->round = sk_calloc(SK_MEM_MISC, 1, sizeof *u->round);
    sk_status st = u->mem && u->round ? up_dir_open(o->dir, &u->dir, e)
                                      : sk_fail(e, SK_E_NOMEM, "no memory for the supervisor");
    if (!st) st = open_versions(u, e);
    if (!st) st = open_share(u, e);
    if (!st) st = open_house(u, e);
    if (!st) st = open_socket(u, e);
    if (!st) st = up_control_open(&u->dir, &u->control, e);
    if (st) {
        up_close(u);
        return st;
    }
    go_on_with(u);
    *out = u;
    return SK_OK;
}

const char *up_url(const up_super *u)
{
    return u->listen.url;
}

void up_close(up_super *u)
{
    if (!u) return;
    up_ask_drop(u);
    up_control_close(&u->dir, u->control);
    for (int r = 0; r < UP_ROLES; r++)
        up_proc_close(&u->proc[r]);
    up_listen_close(&u->listen);
    sk_share_close(u->share);
    up_versions_free(&u->versions);
    up_dir_close(&u->dir, u->ended);
    sk_arena_free(u->mem);
    sk_free(u->round);
    sk_free(u);
}
