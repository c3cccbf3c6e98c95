/* house.h - the whole policy of stoke up, as a state machine that touches nothing.
 *
 * What happened goes in as events, what is to be done comes out as actions, each with a sentence
 * that says why.  There are three processes: the server that answers, the trainer that does the
 * stages of a round, the gate that judges a round's candidate.  The rules:
 *
 *   - there is always a server wanted, and never more than one; one that ended is started again, at
 *     once a few times, then after waits that double;
 *   - only versions that passed the gate (and the one begun with) are ever served; a new one is put
 *     in by a hot swap and watched for a minute; one that fails in it is bad and goes live no
 *     longer;
 *   - the trainer and the gate never run together, a stage runs only while its round is the current
 *     one, and nothing is begun while the disk is full or training is paused;
 *   - a round that goes on from a version that turned out bad is given up: nothing is learned on
 *     top of what was thrown away.
 *
 * Time is the sum of what passes between two calls, of which more than five seconds count as five:
 * a machine that slept, a supervisor that was stopped or a clock that was set end no watch and no
 * wait by themselves.
 */
#ifndef UP_HOUSE_H
#define UP_HOUSE_H

#include "up/backoff.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UP_VERSIONS = 64, UP_ACTIONS = 16, UP_WHY = 240 };

typedef enum up_role { UP_SERVER, UP_TRAINER, UP_GATE, UP_ROLES } up_role;

/* How a process ended. */
typedef enum up_end {
    UP_END_OK,      /* done; of the gate: the candidate passed */
    UP_END_KEEP,    /* of the gate: what is live stays */
    UP_END_STOPPED, /* as it was told to, to be gone on with */
    UP_END_FAILED,  /* with an error */
    UP_END_FAULT,   /* by a signal of its own making: SIGSEGV, SIGABRT, .. */
    UP_END_KILLED,  /* by a signal from elsewhere */
    UP_END_UNKNOWN  /* it was not our child */
} up_end;

typedef enum up_event_kind {
    UP_EV_TIME,      /* nothing but time passed */
    UP_EV_EXITED,    /* `role` ended as `end`; its process is gone */
    UP_EV_READY,     /* the server answers; version: what it serves, 0: what it was started with */
    UP_EV_SWAPPED,   /* it serves `version` now */
    UP_EV_UNSWAPPED, /* the swap to `version` came to nothing; end: FAILED, the version is to blame;
                        STOPPED, it may be tried again */
    UP_EV_KEPT,      /* the candidate is kept as `version` */
    UP_EV_UNKEPT,    /* it could not be: the disk */
    UP_EV_SICK,      /* answers fail */
    UP_EV_STUCK,     /* the server answers no more */
    UP_EV_DISK,      /* on: it is full; else: not any more */
    UP_EV_ROOM,      /* on: training would not fit into memory; else: it would */
    UP_EV_PAUSE,     /* on: a person wants no training; else: again */
    UP_EV_PIN,       /* a person wants `version`; 0: the newest again */
    UP_EV_ROLLBACK,  /* a person wants the version before */
    UP_EV_STOP       /* all is to end */
} up_event_kind;

typedef struct up_event {
    up_event_kind kind;
    up_role role;
    up_end end;
    bool on;
    uint32_t version;
    const char *text; /* for the sentence; may be NULL */
} up_event;

typedef enum up_action_kind {
    UP_DO_SAY,          /* nothing but the sentence */
    UP_DO_SERVER_START, /* serving `version` */
    UP_DO_STAGE_START,  /* `stage` of `round`, which goes on from `version` */
    UP_DO_GATE_START,   /* the candidate of `round` against `version` */
    UP_DO_STOP,         /* `role`'s process may finish what it is at */
    UP_DO_KILL,         /* or not */
    UP_DO_SWAP,         /* the server is to serve `version` */
    UP_DO_KEEP,         /* the candidate of `round` as `version` */
    UP_DO_DROP,         /* the file of `version` */
    UP_DO_HOLD,         /* on: guests of the share wait */
    UP_DO_END           /* all processes are gone, as was asked */
} up_action_kind;

typedef struct up_action {
    up_action_kind kind;
    up_role role;
    bool on;
    uint32_t version, round, stage;
    char why[UP_WHY];
} up_action;

typedef struct up_actions {
    up_action a[UP_ACTIONS];
    size_t n;
} up_actions;

typedef enum up_phase {
    UP_PHASE_STAGE, /* stages of the round */
    UP_PHASE_GATE,  /* its candidate is judged */
    UP_PHASE_KEEP   /* it passed and is being kept */
} up_phase;

typedef enum up_proc_state { UP_DOWN, UP_STARTING, UP_RUNNING, UP_STOPPING } up_proc_state;

typedef struct up_version {
    uint32_t number;
    bool bad; /* it was rolled back */
} up_version;

/* What a process does, and when it may be started again. */
typedef struct up_life {
    up_proc_state state;
    up_backoff again;
    uint64_t since;      /* house time */
    uint64_t not_before; /* of the next start */
    uint32_t restarts;
} up_life;

typedef struct up_house {
    /* what a supervisor that starts again must be told (memo.h) */
    up_version
        version[UP_VERSIONS]; /* [n_versions] by number; each passed, and its file is there */
    size_t n_versions;
    uint32_t last;         /* highest number ever given */
    uint32_t live, before; /* before: 0, none */
    uint32_t pinned;       /* 0: none */
    uint32_t round, stage; /* stage: from 0 */
    uint32_t base;         /* version the round goes on from; 0: it is not begun */
    up_phase phase;
    bool paused;
    /* the rest */
    uint64_t seed;
    uint32_t keep, n_stages; /* versions that stay; stages of a round, 0: nothing to train with */
    up_life life[UP_ROLES];
    uint64_t now_us, seen_us; /* house time; the caller's clock at the last event */
    uint64_t watch_end;       /* 0: the live version is not watched */
    uint32_t watch_kills;     /* in this watch */
    uint32_t failed_starts;   /* of the server with this version, in a row, before it was ready */
    uint32_t swapping;        /* version a swap is under way to, 0: none */
    up_backoff swap_again;
    uint64_t swap_not_before;
    uint32_t against;     /* version the candidate is judged against */
    uint32_t round_fails; /* of a stage or of the gate, in a row */
    bool keeping;         /* UP_DO_KEEP is under way */
    uint64_t keep_not_before;
    bool disk_full, no_room, held, stopping, ended;
    char no_room_why[UP_WHY];
} up_house;

/* House times, microseconds. */
#define UP_SECOND 1000000u
#define UP_WATCH_US (60u * UP_SECOND)
#define UP_HEALTHY_US (60u * UP_SECOND)     /* after which earlier failures count no more */
#define UP_START_MOST_US (600u * UP_SECOND) /* that a server may take to get ready */
#define UP_STOP_MOST_US (120u * UP_SECOND)  /* that a process may take to end */

/* A house whose only version is number 1; nothing runs.  keep: versions that stay (at least 2). */
void up_house_init(up_house *h, uint64_t seed, uint32_t keep, uint32_t n_stages, uint64_t now_us);

/* Before the first step: a process of an earlier supervisor goes on. */
void up_house_adopt(up_house *h, up_role role);

/* One event, at the caller's time (monotonic): adds to nothing, fills out anew. */
void up_house_step(up_house *h, uint64_t now_us, const up_event *ev, up_actions *out);

/* Microseconds until the house wants to be stepped even if nothing happens; UINT64_MAX: never. */
uint64_t up_house_due(const up_house *h);

/* The same, from now_us of the caller's time on, which has passed since the last step. */
uint64_t up_house_wait(const up_house *h, uint64_t now_us);

/* The version that shall answer, as the versions and the pin stand. */
uint32_t up_house_want(const up_house *h);

/* Whether training would go on by itself; else why not, static or the house's. */
bool up_house_trains(const up_house *h, const char **why);

/* The row of a version, NULL if there is none (or no more). */
const up_version *up_house_version(const up_house *h, uint32_t number);

/* Whether a person's request makes sense now; else a sentence of why not, static. */
const char *up_house_refuse(const up_house *h, const up_event *ev);

#endif
