/* act.c - carries out what the house says, tells it what came of it. */
#include "base/clock.h"
#include "up/super.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void up_tell(up_super *u, const up_event *ev, const char *text)
{
    if (u->n_queue >= UP_QUEUE) return; /* a step makes a few, and all are taken at once */
    up_news *n = &u->queue[u->n_queue++];
    n->ev = *ev;
    (void)snprintf(n->text, sizeof n->text, "%s", text ? text : "");
}

/* A process that can't be started has ended at once. */
static void failed(up_super *u, up_role role, const sk_err *e)
{
    up_tell(u, &(up_event){.kind = UP_EV_EXITED, .role = role, .end = UP_END_FAILED}, e->text);
}

/* ---- the server ---- */

static void add_word(sk_opt_list *to, const char *word)
{
    if (to->n < sizeof to->item / sizeof *to->item) to->item[to->n++] = word;
}

/* The socket stays the supervisor's and is handed down, so that a server that is started again
 * answers where the last one did, and no connection is refused between the two. */
static void start_server(up_super *u, uint32_t version)
{
    char log[UP_PATH], fd[16];
    sk_err e = SK_ERR_INIT;
    const up_row *row = up_versions_find(&u->versions, version);
    sk_opt_list words = {.n = 0};
    (void)snprintf(fd, sizeof fd, "%d", UP_LISTEN_FD);
    const char *const first[] = {
        "serve", "-m",      row ? row->path : "", "--name", u->o.name,  "--listen-fd",
        fd,      "--share", u->dir.share,         "--up",   u->dir.path};
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        add_word(&words, first[i]);
    for (size_t i = 0; i < u->o.serve.n; i++)
        add_word(&words, u->o.serve.item[i]);
    const up_spawn s = {.words = &words,
                        .log = up_dir_at(&u->dir, "log/server.log", log),
                        .dir = u->dir.path,
                        .mark = {UP_SERVER, version, 0},
                        .listen_fd = u->listen.fd};
    sk_status st = row ? up_proc_start(&s, &u->proc[UP_SERVER], &e)
                       : sk_fail(&e, SK_E_NOTFOUND, "the file of version %u is gone", version);
    if (st)
        failed(u, UP_SERVER, &e);
    else
        up_ask_ready(u);
}

/* ---- the trainer, the gate ---- */

/* The first stage of a round is preceded by a look at what it will take. */
static void start_stage(up_super *u, const up_action *a)
{
    sk_err e = SK_ERR_INIT;
    if (a->round != u->round_number && a->stage == 0 && a->round > 2)
        up_dir_drop_round(&u->dir, a->round - 2);
    if (!up_round_make(u, a->round, a->version, u->house.live)) {
        (void)sk_fail(&e, SK_E_INVALID, "its commands can't be made");
        failed(u, UP_TRAINER, &e);
        return;
    }
    bool plan = a->stage == 0 && !u->planned && strcmp(u->round->stage[0].item[0], "train") == 0;
    if (up_stage_start(u, a->stage, plan, &e)) failed(u, UP_TRAINER, &e);
}

static void start_gate(up_super *u, const up_action *a)
{
    sk_err e = SK_ERR_INIT;
    char path[UP_PATH];
    (void)unlink(up_dir_gate(&u->dir, a->round, path)); /* of a gate that was killed */
    if (!up_round_make(u, a->round, u->house.base, a->version))
        (void)sk_fail(&e, SK_E_INVALID, "its command can't be made");
    else if (!up_gate_start(u, &e))
        return;
    failed(u, UP_GATE, &e);
}

static void keep(up_super *u, const up_action *a)
{
    if (up_round_make(u, a->round, u->house.base, u->house.live))
        up_keep(u, a->version);
    else
        up_tell(u, &(up_event){.kind = UP_EV_UNKEPT, .version = a->version},
                "its path can't be made");
}

/* Every kind of action has its case, without a default: one that is forgotten is a warning of the
 * compiler's. */
void up_act(up_super *u, const up_action *a)
{
    up_say(u, a->why);
    switch (a->kind) {
    case UP_DO_SERVER_START:
        start_server(u, a->version);
        break;
    case UP_DO_STAGE_START:
        start_stage(u, a);
        break;
    case UP_DO_GATE_START:
        start_gate(u, a);
        break;
    case UP_DO_STOP:
        up_proc_signal(&u->proc[a->role], SIGTERM);
        break;
    case UP_DO_KILL:
        up_proc_signal(&u->proc[a->role], SIGKILL);
        break;
    case UP_DO_SWAP:
        up_ask_swap(u, a->version);
        break;
    case UP_DO_KEEP:
        keep(u, a);
        break;
    case UP_DO_DROP:
        up_versions_drop(&u->versions, &u->dir, a->version);
        break;
    case UP_DO_HOLD:
        sk_share_hold(u->share, a->on);
        break;
    case UP_DO_END:
        u->ended = true;
        break;
    case UP_DO_SAY:
        break;
    }
}

/* A process that found no room, although there seemed to be some: that is the disk's fault and not
 * the round's, and it is tried again when there is clearly more. */
static void look_for_short_disk(up_super *u, const char *said)
{
    if (!strstr(said, strerror(ENOSPC)) && !strstr(said, strerror(EDQUOT))) return;
    u->disk_need = up_dir_free(&u->dir) + ((uint64_t)16 << 20);
    up_tell(u, &(up_event){.kind = UP_EV_DISK, .on = true}, said);
}

/* A trainer that only made a plan, and the gate, are steps of something longer; of a process that
 * failed its last line tells why. */
void up_ended(up_super *u, up_role role, up_end end, const char *text)
{
    static const char *const logs[UP_ROLES] = {"log/server.log", "log/trainer.log", "log/gate.log"};
    char last[160], why[UP_WHY];
    up_event ev = {.kind = UP_EV_EXITED, .role = role, .end = end};
    if (end == UP_END_FAILED) { /* its last words say more than its exit code */
        up_dir_last_line(&u->dir, logs[role], last, sizeof last);
        (void)snprintf(why, sizeof why, "%s%s%s", text, last[0] ? ": " : "", last);
        text = why;
        if (role != UP_SERVER) look_for_short_disk(u, last);
    }
    if (role == UP_SERVER) {
        up_ask_drop(u);
        up_tell(u, &ev, text);
    } else if (role == UP_TRAINER && u->planning) {
        up_plan_ended(u, end, text);
    } else if (role == UP_GATE) {
        up_verdict(u, end, text);
    } else {
        up_tell(u, &ev, text);
    }
}

/* ---- adopting ---- */

/* Whether a process of an earlier supervisor is what the memo says is under way. */
static bool is_current(const up_super *u, const up_mark *m)
{
    const up_house *h = &u->house;
    if (m->role == UP_SERVER) return true;
    if (!h->n_stages) return false;
    if (m->role == UP_TRAINER)
        return h->phase == UP_PHASE_STAGE && m->a == h->round && m->b == h->stage;
    return h->phase == UP_PHASE_GATE && m->a == h->round;
}

/* A process that fits nowhere ends.  A server may finish its answers meanwhile; another one is
 * waited for, since it writes where the next one will. */
static void end_stray(up_proc *p)
{
    up_end end;
    char text[64];
    up_proc_signal(p, SIGTERM);
    for (int i = 0; p->mark.role != UP_SERVER && !up_proc_ended(p, &end, text); i++) {
        if (i == 500) up_proc_signal(p, SIGKILL);
        (void)usleep(10000);
    }
    up_proc_close(p);
}

/* The socket of a server that still listens, -1 of one that ends its answers. */
static sk_status take_socket(const up_proc *p, int *listen, sk_err *e)
{
    int fd = up_proc_take_fd(p, UP_LISTEN_FD), on = 0;
    socklen_t n = sizeof on;
    *listen = fd;
    if (fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &n) == 0 && on) return SK_OK;
    int err = errno;
    if (fd >= 0) (void)close(fd);
    *listen = -1;
    if (fd >= 0 || err == EBADF || err == ESRCH) return SK_OK;
    return sk_fail_errno(e, err,
                         "cannot take over the socket of the server, process %ld (end it and try "
                         "again; see kernel.yama.ptrace_scope)",
                         (long)p->pid);
}

/* A process that is not of the state which was kept (another version, another round, a second of
 * its role) is ended and not taken over; so is a server whose socket can't be had. */
static sk_status adopt(up_super *u, up_proc *p, int *listen, sk_err *e)
{
    char text[UP_WHY];
    up_role role = p->mark.role;
    sk_status st = SK_OK;
    int fd = -1;
    if (role == UP_SERVER) st = take_socket(p, &fd, e);
    if (st) return st;
    if (u->proc[role].pid || !is_current(u, &p->mark) || (role == UP_SERVER && fd < 0)) {
        if (fd >= 0) (void)close(fd);
        end_stray(p);
        return SK_OK;
    }
    u->proc[role] = *p;
    u->cpu_last[role] = up_proc_cpu(p);
    u->taken[role] = true;
    if (role == UP_SERVER) *listen = fd;
    up_house_adopt(&u->house, role);
    (void)snprintf(text, sizeof text,
                   "take over the %s that an earlier supervisor started, process %ld",
                   role == UP_SERVER    ? "server"
                   : role == UP_TRAINER ? "trainer"
                                        : "gate",
                   (long)p->pid);
    up_say(u, text);
    return SK_OK;
}

sk_status up_adopt(up_super *u, int *listen, sk_err *e)
{
    up_proc found[16];
    size_t n = up_proc_find(u->dir.path, found, sizeof found / sizeof *found);
    sk_status st = SK_OK;
    *listen = -1;
    for (size_t i = 0; i < n; i++) {
        if (!st)
            st = adopt(u, &found[i], listen, e);
        else
            up_proc_close(&found[i]);
    }
    return st;
}
