/* super.h - what the files of the running supervisor share. */
#ifndef UP_SUPER_H
#define UP_SUPER_H

#include "base/share.h"
#include "up/call.h"
#include "up/house.h"
#include "up/listen.h"
#include "up/observe.h"
#include "up/proc.h"
#include "up/up.h"
#include "up/versions.h"

enum { UP_QUEUE = 32, UP_SAID = 32 };

/* An event that waits for its turn, with a sentence of its own. */
typedef struct up_news {
    up_event ev;
    char text[UP_WHY];
} up_news;

/* A line of decisions.log. */
typedef struct up_said {
    int64_t at;
    char text[UP_WHY];
} up_said;

/* Sums since the last line of timeline.jsonl, or since the start. */
typedef struct up_sums {
    double cpu[UP_ROLES], busy_s, people, prompt, training;
} up_sums;

struct up_super {
    up_opts o;
    up_dir dir;
    up_listen listen;
    up_house house, saved; /* saved: as memo.json has it */
    up_versions versions;
    up_proc proc[UP_ROLES];
    sk_share *share;
    int control;
    up_call ready, probe, swap;
    uint32_t swap_to;
    uint64_t ready_at; /* when to ask again whether it is ready; 0: not */
    unsigned silent;   /* probes in a row that got no answer */
    up_news queue[UP_QUEUE];
    size_t n_queue;
    up_said said[UP_SAID];
    size_t n_said; /* ever */
    /* the round under way */
    sk_arena *mem;
    up_round *round;
    uint32_t round_number; /* of `round`, 0: it is not made */
    uint32_t round_live;   /* version its gate compares with */
    uint32_t micro, saved_micro;
    bool planning, planned; /* its need of memory is being measured, was */
    uint64_t training_bytes;
    double live_bpb, new_bpb; /* of the last verdict */
    /* figures */
    int64_t started;              /* unix ms, for people */
    uint64_t started_us, line_us; /* sk_now_us of it, of the last line of the timeline: lengths
                                     of time, which no clock that is set changes */
    uint64_t next_tick_us, next_probe_us, next_disk_us;
    unsigned ticks;
    up_training training;
    bool has_training;
    up_serving serving, last; /* last: for growth */
    double failed_base;       /* failures before the watch began; -1: to be taken */
    double tokens_last, cpu_last[UP_ROLES], busy_last;
    bool taken[UP_ROLES]; /* taken over: what it did until the first look is not to be counted */
    double busy, floor;   /* of the last second; of the share, now */
    up_sums total, line;
    sk_share_figures figures;
    uint64_t free_bytes, disk_need; /* need: more than was free when something failed for it */
    bool memo_failed, ended;
    char off_why[UP_WHY]; /* why nothing can be trained at all */
};

/* Adds an event for the house; text may be NULL. */
void up_tell(up_super *u, const up_event *ev, const char *text);

/* ---- act.c: what the house says is done ---- */

void up_act(up_super *u, const up_action *a);

/* A process has ended: what came of it becomes an event, or the next step of a plan. */
void up_ended(up_super *u, up_role role, up_end end, const char *text);

/* Takes over what an earlier supervisor left running; *listen is its server's socket, -1: none. */
sk_status up_adopt(up_super *u, int *listen, sk_err *e);

/* ---- ask.c: the server, asked over HTTP ---- */

void up_ask_ready(up_super *u);
void up_ask_swap(up_super *u, uint32_t version);
void up_ask_probe(up_super *u);
void up_asked(up_super *u); /* goes on with what is under way */
void up_ask_drop(up_super *u);

/* ---- training.c: the round under way ---- */

/* Makes the commands of the house's round; false, with an event, if that can't be. */
bool up_round_make(up_super *u, uint32_t round, uint32_t base, uint32_t live);
sk_status up_stage_start(up_super *u, uint32_t stage, bool plan, sk_err *e);
sk_status up_gate_start(up_super *u, sk_err *e);
void up_plan_ended(up_super *u, up_end end, const char *text);
void up_verdict(up_super *u, up_end end, const char *text);
void up_keep(up_super *u, uint32_t version);
void up_room_again(up_super *u);

/* ---- figures.c: what the gate measured versions to be ---- */

/* Adds to the gate's command where the live version's figures are kept, where the candidate's go,
 * and those of all versions that were not rolled back.  Words live in the round's memory. */
sk_status up_figures_words(up_super *u, uint32_t round, uint32_t live, sk_opt_list *words,
                           sk_err *e);

/* The candidate of that round is that version; without figures it is measured again when it is
 * live. */
void up_figures_keep(up_super *u, uint32_t round, uint32_t version);

/* ---- report.c: state.json, decisions, the timeline ---- */

void up_say(up_super *u, const char *text);
void up_state_json(up_super *u, sk_buf *b);
void up_show_state(up_super *u);
void up_add_timeline(up_super *u);

/* ---- tick.c: once a second ---- */

void up_tick(up_super *u);

#endif
