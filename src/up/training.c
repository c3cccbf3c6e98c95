/* training.c - the round under way: its commands, whether it fits into memory, its verdict, what is
 * kept of it. */
#include "base/file.h"
#include "base/json.h"
#include "base/ram.h"
#include "up/policy.h"
#include "up/super.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { JSON_MOST = 1 << 20, STATUS_MOST = 1 << 16 };

#define PLAN_FILE "gate/plan.json"

/* In place of a stage: nobody takes such a process over. */
#define PLAN_MARK UINT32_MAX

bool up_round_make(up_super *u, uint32_t round, uint32_t base, uint32_t live)
{
    const up_row *from = up_versions_find(&u->versions, base);
    const up_row *against = up_versions_find(&u->versions, live);
    sk_err e = SK_ERR_INIT;
    if (u->round_number != round) u->planned = false;
    sk_arena_reset(u->mem);
    *u->round = (up_round){.n = 0};
    sk_status st = up_round_plan(&u->o.learn, &u->dir, round, from ? from->path : "",
                                 against ? against->path : "", u->micro, u->mem, u->round, &e);
    u->round_number = st ? 0 : round;
    u->round_live = live;
    return !st;
}

/* A process in the trainer's or the gate's place. */
static sk_status start(up_super *u, up_role role, const sk_opt_list *words, const char *out,
                       uint32_t mark, sk_err *e)
{
    char log[UP_PATH];
    const char *name = role == UP_GATE ? "log/gate.log" : "log/trainer.log";
    const up_spawn s = {.words = words,
                        .log = up_dir_at(&u->dir, name, log),
                        .out = out,
                        .dir = u->dir.path,
                        .mark = {role, u->round_number, mark},
                        .listen_fd = -1,
                        .background = u->o.floor <= 0 && !u->o.train_by};
    return up_proc_start(&s, &u->proc[role], e);
}

sk_status up_stage_start(up_super *u, uint32_t stage, bool plan, sk_err *e)
{
    char out[UP_PATH];
    if (stage >= u->round->n)
        return sk_fail(e, SK_E_INVALID, "the round has no stage %u", stage + 1);
    u->planning = plan;
    if (!plan) return start(u, UP_TRAINER, &u->round->stage[stage], NULL, stage, e);
    sk_opt_list words = u->round->stage[stage];
    if (words.n + 2 > sizeof words.item / sizeof *words.item) return SK_E_TOOBIG;
    words.item[words.n++] = "--dry-run";
    words.item[words.n++] = "--json";
    return start(u, UP_TRAINER, &words, up_dir_at(&u->dir, PLAN_FILE, out), PLAN_MARK, e);
}

sk_status up_gate_start(up_super *u, sk_err *e)
{
    char out[UP_PATH];
    sk_opt_list words = u->round->gate;
    sk_status st = up_figures_words(u, u->round_number, u->round_live, &words, e);
    return st ? st : start(u, UP_GATE, &words, up_dir_gate(&u->dir, u->round_number, out), 0, e);
}

/* ---- memory ---- */

/* An object in a file; NULL if there is none. */
static json_t *object_of(const char *path)
{
    sk_buf b = SK_BUF_INIT;
    json_t *root = NULL;
    if (!sk_file_load(path, JSON_MOST, &b, NULL) && b.len)
        (void)sk_json_parse(b.p, b.len, 8, &root, NULL);
    sk_buf_fini(&b);
    if (json_is_object(root)) return root;
    json_decref(root);
    return NULL;
}

/* Bytes of memory that a process has to itself and could not give back. */
static uint64_t anon_of(const up_proc *p)
{
    char path[64];
    sk_buf b = SK_BUF_INIT;
    unsigned long long kb = 0;
    (void)snprintf(path, sizeof path, "/proc/%ld/status", (long)p->pid);
    bool read = p->pid && sk_file_load(path, STATUS_MOST, &b, NULL) == SK_OK;
    const char *at = read && b.p ? strstr(b.p, "\nRssAnon:") : NULL;
    if (at && sscanf(at + 9, "%llu", &kb) != 1) kb = 0;
    sk_buf_fini(&b);
    return (uint64_t)kb << 10;
}

/* Whether what the trainer will take fits beside the server, and beside a second version of it. */
static sk_status check_room(up_super *u, sk_err *e)
{
    const up_row *live = up_versions_find(&u->versions, u->house.live);
    const sk_ram ram = sk_ram_allowed("");
    const up_budget b = {.available = sk_ram_available(""),
                         .allowed = ram.bytes,
                         .used = anon_of(&u->proc[UP_SERVER]),
                         .version = live ? live->bytes * 3 / 2 : 0,
                         .training = u->training_bytes};
    return up_budget_check(&b, e);
}

/* The stage itself begins, or there is no room for it. */
static void begin_stage(up_super *u)
{
    sk_err e = SK_ERR_INIT;
    sk_status st = up_stage_start(u, u->house.stage, false, &e);
    if (!st) return;
    up_tell(u, &(up_event){.kind = UP_EV_EXITED, .role = UP_TRAINER, .end = UP_END_FAILED}, e.text);
}

/* The trainer computed with as little as it can, and still: not now. */
static void no_room(up_super *u, const sk_err *why)
{
    up_tell(u, &(up_event){.kind = UP_EV_ROOM, .on = true}, why->text);
    up_tell(u, &(up_event){.kind = UP_EV_EXITED, .role = UP_TRAINER, .end = UP_END_STOPPED},
            "it would not fit into memory");
}

/* The plan's file holds the bytes of the training to come.  If they fit, or nothing is known, it
 * begins; if not, it is planned once more with one row at a time, and then given up until there is
 * room.  An end that was asked for in the meantime goes before all of it. */
void up_plan_ended(up_super *u, up_end end, const char *text)
{
    char path[UP_PATH];
    sk_err e = SK_ERR_INIT;
    int64_t bytes = 0;
    u->planning = false;
    json_t *root = object_of(up_dir_at(&u->dir, PLAN_FILE, path));
    if (root) (void)sk_json_get_int(root, "bytes", 0, INT64_MAX / 4, &bytes, NULL);
    json_decref(root);
    (void)unlink(path);
    bool told = u->house.life[UP_TRAINER].state != UP_RUNNING; /* to end, meanwhile */
    if (told && end == UP_END_OK) end = UP_END_STOPPED;
    if (told || end == UP_END_KILLED || end == UP_END_STOPPED) {
        up_tell(u, &(up_event){.kind = UP_EV_EXITED, .role = UP_TRAINER, .end = end}, text);
        return;
    }
    u->training_bytes = (uint64_t)bytes;
    if (!bytes || !check_room(u, &e)) { /* where nothing is known the trainer itself will say */
        u->planned = true;
        begin_stage(u);
        return;
    }
    if (u->micro != 1) {
        u->micro = 1;
        up_say(u, "train with one row at a time: memory is short");
        if (up_round_make(u, u->round_number, u->house.base, u->house.live) &&
            !up_stage_start(u, u->house.stage, true, &e))
            return;
    }
    u->micro = 0;
    no_room(u, &e);
}

void up_room_again(up_super *u)
{
    if (u->house.no_room && !check_room(u, NULL)) up_tell(u, &(up_event){.kind = UP_EV_ROOM}, NULL);
}

/* ---- the verdict ---- */

/* What the gate printed counts, whatever became of the process that printed it. */
void up_verdict(up_super *u, up_end end, const char *text)
{
    char path[UP_PATH], said[UP_WHY];
    const char *why = NULL;
    bool promote = false;
    up_event ev = {.kind = UP_EV_EXITED, .role = UP_GATE, .end = end};
    json_t *root = object_of(up_dir_gate(&u->dir, u->house.round, path));
    u->live_bpb = u->new_bpb = NAN;
    if (root && !sk_json_get_bool(root, "promote", &promote, NULL) &&
        !sk_json_get_str(root, "why", &why, NULL) && why) {
        ev.end = promote ? UP_END_OK : UP_END_KEEP;
        (void)sk_json_get_num(root, "live_bpb", 0, 1e6, &u->live_bpb, NULL);
        (void)sk_json_get_num(root, "new_bpb", 0, 1e6, &u->new_bpb, NULL);
    } else if (end == UP_END_OK || end == UP_END_KEEP) {
        ev.end = UP_END_FAILED; /* one that says nothing has not judged */
    }
    (void)snprintf(said, sizeof said, "%s", why ? why : text);
    json_decref(root);
    up_tell(u, &ev, said);
}

/* The figures of the verdict again, for a supervisor that did not hear it. */
static void verdict_of(const up_super *u, up_row *row)
{
    char path[UP_PATH];
    const char *why = "";
    json_t *root = object_of(up_dir_gate(&u->dir, u->house.round, path));
    row->live_bpb = row->new_bpb = NAN;
    if (root) {
        (void)sk_json_get_num(root, "live_bpb", 0, 1e6, &row->live_bpb, NULL);
        (void)sk_json_get_num(root, "new_bpb", 0, 1e6, &row->new_bpb, NULL);
        (void)sk_json_get_str(root, "why", &why, NULL);
    }
    (void)snprintf(row->why, sizeof row->why, "%s", why);
    json_decref(root);
}

void up_keep(up_super *u, uint32_t version)
{
    sk_err e = SK_ERR_INIT;
    up_row row = {.round = u->house.round};
    up_event ev = {.kind = UP_EV_KEPT, .version = version};
    verdict_of(u, &row);
    sk_status st = SK_OK;
    if (u->versions.last < version)
        st = up_versions_add(&u->versions, &u->dir, u->round->candidate, &row, &e);
    if (st)
        ev.kind = UP_EV_UNKEPT;
    else
        up_figures_keep(u, row.round, version);
    up_tell(u, &ev, st ? e.text : NULL);
}
