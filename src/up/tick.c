/* tick.c - what is looked at once a second: memory, disk, figures, the floor. */
#include "base/clock.h"
#include "up/policy.h"
#include "up/super.h"

#include <math.h>
#include <stdio.h>

enum { DISK_EVERY = 2, PROBE_EVERY = 5, LINE_EVERY = 10, ROOM_EVERY = 30, TRIM_EVERY = 60 };

#define LOG_MOST ((uint64_t)4 << 20)
#define TIMELINE_MOST ((uint64_t)16 << 20)
#define DISK_LEAST ((uint64_t)16 << 20)

/* A checkpoint takes about three times the model and is written beside the old one; where that was
 * too little once, more. */
static void look_at_disk(up_super *u)
{
    char text[96];
    const up_row *live = up_versions_find(&u->versions, u->house.live);
    uint64_t least = DISK_LEAST + 4 * (live ? live->bytes : 0);
    bool full = u->house.disk_full;
    if (least < u->disk_need) least = u->disk_need;
    u->free_bytes = up_dir_free(&u->dir);
    if (up_policy_disk_full(full, u->free_bytes, least) == full) return;
    (void)snprintf(text, sizeof text, "%.0f MB are free, it takes %.0f",
                   (double)u->free_bytes / 1e6, (double)least / 1e6);
    up_tell(u, &(up_event){.kind = UP_EV_DISK, .on = !full}, text);
}

static void look_at_cores(up_super *u)
{
    for (int r = 0; r < UP_ROLES; r++) {
        if (!u->proc[r].pid) continue;
        double by = up_grown(&u->cpu_last[r], up_proc_cpu(&u->proc[r]));
        u->total.cpu[r] += by;
        u->line.cpu[r] += by;
    }
}

/* A stretch of work that goes on is not in busy_us yet: then it was the whole second, if it stood
 * so at the last look too. */
static void look_at_share(up_super *u)
{
    bool was = u->figures.busy;
    sk_share_read(u->share, &u->figures);
    double by = up_grown(&u->busy_last, (double)u->figures.busy_us / 1e6);
    u->line.busy_s += by;
    u->total.busy_s += by;
    u->busy = u->figures.busy && was ? 1 : fmin(1, by);
}

/* Work done twice, after a kill, is work all the same. */
static void look_at_training(up_super *u)
{
    uint32_t s = u->house.stage;
    if (!u->round->n || s >= u->round->n || !u->proc[UP_TRAINER].pid) return;
    u->has_training = up_training_read(u->round->out[s], &u->training);
    if (!u->has_training) return;
    double now = (double)u->training.tokens;
    double by = now > u->tokens_last ? now - u->tokens_last : 0;
    bool taken = u->taken[UP_TRAINER];
    u->tokens_last = now;
    u->taken[UP_TRAINER] = false;
    if (taken || by > 1e9) return; /* trained before; another run's folder */
    u->total.training += by;
    u->line.training += by;
}

/* What the trainer says it takes is at the pace it has beside the server: without it, less. */
static void set_floor(up_super *u)
{
    double busy = u->total.busy_s / fmax(1, (double)(sk_now_us() - u->started_us) / 1e6);
    double need = 0, left = 0;
    if (busy > 1) busy = 1;
    if (u->o.train_by && u->has_training && isfinite(u->training.eta_s)) {
        need = u->training.eta_s * (1 - busy + busy * u->floor);
        left = (double)(u->o.train_by - sk_unix_s());
    }
    double floor = up_policy_floor(u->o.floor, need, left, busy);
    if (fabs(floor - u->floor) < 0.005) return;
    u->floor = floor;
    sk_share_floor(u->share, floor);
}

static void trim(up_super *u)
{
    up_dir_trim(&u->dir, "log/server.log", "log/server.log.1", LOG_MOST);
    up_dir_trim(&u->dir, "log/trainer.log", "log/trainer.log.1", LOG_MOST);
    up_dir_trim(&u->dir, "log/gate.log", "log/gate.log.1", LOG_MOST);
    up_dir_trim(&u->dir, "decisions.log", "decisions.log.1", LOG_MOST);
    up_dir_trim(&u->dir, "timeline.jsonl", "timeline.1.jsonl", TIMELINE_MOST);
}

void up_tick(up_super *u)
{
    unsigned n = u->ticks++;
    if (n % DISK_EVERY == 0) look_at_disk(u);
    if (u->house.watch_end || n % PROBE_EVERY == 0) up_ask_probe(u);
    if (n % ROOM_EVERY == 0) up_room_again(u);
    if (n % TRIM_EVERY == 0) trim(u);
    look_at_cores(u);
    look_at_share(u);
    look_at_training(u);
    set_floor(u);
    up_tell(u, &(up_event){.kind = UP_EV_TIME}, NULL);
    if (n % LINE_EVERY == LINE_EVERY - 1) up_add_timeline(u);
    up_show_state(u);
}
