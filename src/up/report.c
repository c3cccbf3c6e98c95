/* report.c - what is told: decisions, state.json, the timeline (docs/format/up.md). */
#include "base/clock.h"
#include "base/json.h"
#include "up/super.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- decisions ---- */

void up_say(up_super *u, const char *text)
{
    char when[40] = "";
    int64_t at = sk_unix_ms();
    time_t s = (time_t)(at / 1000);
    struct tm tm;
    sk_buf b = SK_BUF_INIT;
    up_said *to = &u->said[u->n_said++ % UP_SAID];
    to->at = at;
    (void)snprintf(to->text, sizeof to->text, "%s", text);
    if (gmtime_r(&s, &tm)) (void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &tm);
    sk_buf_addf(&b, "%s.%03dZ %s", when, (int)(at % 1000), text);
    if (sk_buf_ok(&b)) (void)up_dir_add_line(&u->dir, "decisions.log", &b, false, NULL);
    sk_buf_fini(&b);
    if (u->o.say) u->o.say(u->o.arg, text);
}

/* ---- pieces of JSON ---- */

static void add_num(sk_buf *b, const char *name, double v)
{
    sk_buf_addf(b, ",\"%s\":", name);
    sk_json_add_num(b, v);
}

static void add_str(sk_buf *b, const char *name, const char *s)
{
    sk_buf_addf(b, ",\"%s\":", name);
    sk_json_add_str(b, s, strlen(s));
}

static const char *word(bool yes)
{
    return yes ? "true" : "false";
}

/* Unix ms of a house time; the house's clock stands since its last step. */
static int64_t when(const up_super *u, uint64_t house_us)
{
    uint64_t ago = u->house.now_us - house_us + (sk_now_us() - u->house.seen_us);
    return sk_unix_ms() - (int64_t)(ago / 1000);
}

/* pid, since, restarts, cpu_s of a role. */
static void add_life(const up_super *u, up_role role, sk_buf *b)
{
    const up_life *l = &u->house.life[role];
    sk_buf_addf(b, ",\"pid\":%ld,\"since\":%" PRId64 ",\"restarts\":%u", (long)u->proc[role].pid,
                when(u, l->since), l->restarts);
    add_num(b, "cpu_s", u->total.cpu[role]);
}

/* ---- state.json ---- */

static void add_server(const up_super *u, sk_buf *b)
{
    static const char *const states[] = {"down", "starting", "up", "stopping"};
    sk_buf_addf(b, ",\"server\":{\"state\":\"%s\",\"version\":%u",
                states[u->house.life[UP_SERVER].state], u->house.live);
    add_life(u, UP_SERVER, b);
    sk_buf_adds(b, "}");
}

/* What training does, and why not more. */
static const char *training_state(const up_super *u, const char **why)
{
    const up_house *h = &u->house;
    *why = "";
    if (!up_house_trains(h, why)) {
        if (!h->n_stages && u->off_why[0]) *why = u->off_why;
        return h->paused && h->n_stages ? "paused" : "off";
    }
    *why = "";
    if (h->life[UP_GATE].state != UP_DOWN || h->phase != UP_PHASE_STAGE) return "gate";
    if (h->life[UP_TRAINER].state == UP_DOWN) return "waiting";
    if (!u->figures.busy && u->busy < 0.5) return "running";
    *why = "people are answered";
    return "standing";
}

/* The stage is counted from 1 for people; behind the last one, while the gate is at work, it stays
 * the last. */
static void add_trainer(const up_super *u, sk_buf *b)
{
    const up_house *h = &u->house;
    const char *why;
    const char *state = training_state(u, &why);
    uint32_t s = h->stage < u->round->n ? h->stage : u->round->n ? (uint32_t)u->round->n - 1 : 0;
    sk_buf_addf(b, ",\"trainer\":{\"state\":\"%s\"", state);
    add_str(b, "why", why);
    add_life(u, UP_TRAINER, b);
    sk_buf_addf(b, ",\"round\":%u,\"stage\":%u,\"stages\":%u", h->round, s + 1, h->n_stages);
    if (u->round->n && u->round_number == h->round) {
        add_str(b, "verb", u->round->stage[s].item[0]);
        add_str(b, "dir", u->round->out[s]);
    }
    if (u->has_training) {
        const up_training *t = &u->training;
        sk_buf_addf(b, ",\"step\":%" PRIu64 ",\"steps\":%" PRIu64, t->step, t->steps);
        add_num(b, "loss", t->loss);
        add_num(b, "bits_per_byte", t->bits_per_byte);
        add_num(b, "tokens_per_s", t->tokens_per_s);
        add_num(b, "eta_s", t->eta_s);
    }
    sk_buf_addf(b, "},\"gate\":{\"state\":\"%s\",\"round\":%u",
                h->life[UP_GATE].state == UP_DOWN ? "off" : "running", h->round);
    add_life(u, UP_GATE, b);
    sk_buf_adds(b, "}");
}

static void add_versions(const up_super *u, sk_buf *b)
{
    sk_buf_adds(b, ",\"versions\":[");
    for (size_t i = 0; i < u->versions.n; i++) {
        const up_row *r = &u->versions.row[i];
        const up_version *v = up_house_version(&u->house, r->number);
        sk_buf_addf(b,
                    "%s{\"version\":%u,\"round\":%u,\"at\":%" PRId64 ",\"bytes\":%" PRIu64
                    ",\"bad\":%s,\"live\":%s",
                    i ? "," : "", r->number, r->round, r->at, r->bytes, word(v && v->bad),
                    word(r->number == u->house.live));
        add_str(b, "path", r->path);
        add_num(b, "live_bpb", r->live_bpb);
        add_num(b, "new_bpb", r->new_bpb);
        add_str(b, "why", r->why);
        sk_buf_adds(b, "}");
    }
    sk_buf_adds(b, "]");
}

/* Who had the cores so far, by what rule, and what it cost. */
static void add_shares(const up_super *u, sk_buf *b)
{
    const sk_share_figures *f = &u->figures;
    double hours = (double)(sk_now_us() - u->started_us) / 3.6e9;
    sk_buf_adds(b, ",\"tokens\":{\"people\":");
    sk_json_add_num(b, u->total.people);
    add_num(b, "prompt", u->total.prompt);
    add_num(b, "training", u->total.training);
    sk_buf_adds(b, "},\"share\":{\"busy\":");
    sk_json_add_num(b, u->busy);
    add_num(b, "busy_s", (double)f->busy_us / 1e6);
    sk_buf_addf(b, ",\"waits\":%" PRIu64, f->waits);
    add_num(b, "waited_s", (double)f->waited_us / 1e6);
    add_num(b, "slowest_ms", (double)f->slowest_us / 1e3);
    sk_buf_addf(b, ",\"held\":%s", word(f->held));
    add_num(b, "floor", u->floor);
    sk_buf_addf(b, "},\"policy\":{\"name\":\"%s\",\"train_by\":%" PRId64,
                u->o.train_by    ? "deadline"
                : u->o.floor > 0 ? "floor"
                                 : "serve-first",
                u->o.train_by * 1000);
    add_num(b, "floor", u->o.floor);
    sk_buf_adds(b, "}");
    if (u->o.price > 0) {
        sk_buf_adds(b, ",\"price\":{\"per_hour\":");
        sk_json_add_num(b, u->o.price);
        add_str(b, "currency", u->o.currency);
        add_num(b, "spent", hours * u->o.price);
        sk_buf_adds(b, "}");
    } else {
        sk_buf_adds(b, ",\"price\":null");
    }
    sk_buf_addf(b, ",\"disk\":{\"free_bytes\":%" PRIu64 ",\"full\":%s}", u->free_bytes,
                word(u->house.disk_full));
}

static void add_decisions(const up_super *u, sk_buf *b)
{
    size_t n = u->n_said < UP_SAID ? u->n_said : UP_SAID;
    sk_buf_adds(b, ",\"decisions\":[");
    for (size_t i = u->n_said - n; i < u->n_said; i++) {
        const up_said *s = &u->said[i % UP_SAID];
        sk_buf_addf(b, "%s{\"at\":%" PRId64, i > u->n_said - n ? "," : "", s->at);
        add_str(b, "text", s->text);
        sk_buf_adds(b, "}");
    }
    sk_buf_adds(b, "]");
}

void up_state_json(up_super *u, sk_buf *b)
{
    const up_house *h = &u->house;
    double watch = h->watch_end > h->now_us ? (double)(h->watch_end - h->now_us) / UP_SECOND : 0;
    sk_buf_addf(b, "{\"format\":1,\"at\":%" PRId64 ",\"started\":%" PRId64 ",\"pid\":%ld",
                sk_unix_ms(), u->started, (long)getpid());
    add_str(b, "dir", u->dir.path);
    add_str(b, "url", u->listen.url);
    sk_buf_addf(b, ",\"stopping\":%s,\"live\":%u,\"before\":%u,\"want\":%u,\"pinned\":%u",
                word(h->stopping), h->live, h->before, up_house_want(h), h->pinned);
    add_num(b, "watch_s", watch);
    add_server(u, b);
    add_trainer(u, b);
    add_versions(u, b);
    add_shares(u, b);
    add_decisions(u, b);
    sk_buf_adds(b, "}");
}

void up_show_state(up_super *u)
{
    sk_buf b = SK_BUF_INIT;
    up_state_json(u, &b);
    sk_buf_addc(&b, '\n');
    (void)up_dir_show(&u->dir, "state.json", &b, NULL); /* a full disk: the next one may fit */
    sk_buf_fini(&b);
}

/* ---- the timeline ---- */

void up_add_timeline(up_super *u)
{
    static const char *const names[UP_ROLES] = {"server", "trainer", "gate"};
    uint64_t now = sk_now_us();
    double passed = (double)(now - u->line_us) / 1e6;
    sk_buf b = SK_BUF_INIT;
    sk_buf_addf(&b, "{\"at\":%" PRId64, sk_unix_ms());
    for (int r = 0; r < UP_ROLES; r++)
        add_num(&b, names[r], u->line.cpu[r]);
    add_num(&b, "busy", passed > 0 ? fmin(1, u->line.busy_s / passed) : 0);
    add_num(&b, "people", u->line.people);
    add_num(&b, "training", u->line.training);
    sk_buf_addf(&b, ",\"version\":%u,\"held\":%s}", u->house.live, word(u->figures.held));
    if (sk_buf_ok(&b)) (void)up_dir_add_line(&u->dir, "timeline.jsonl", &b, false, NULL);
    sk_buf_fini(&b);
    u->line = (up_sums){.busy_s = 0};
    u->line_us = now;
}
