/* proc.h - processes of this very program that outlive who started them.
 *
 * A child is /proc/self/exe run by another verb, in a session of its own, so that neither a Ctrl-C
 * in the supervisor's terminal nor the supervisor's death ends it.  It carries a mark in its
 * environment (STOKE_UP_MARK) by which a later supervisor finds it again: a number of a process
 * alone may have been given to another by then.
 */
#ifndef UP_PROC_H
#define UP_PROC_H

#include "base/opt.h"
#include "base/status.h"
#include "up/house.h"

#include <stdint.h>
#include <sys/types.h>

/* The descriptor under which a server gets its listening socket. */
#define UP_LISTEN_FD 3

/* Exit code of the gate for "what is live stays". */
#define UP_EXIT_KEEP 10

/* What a child is there for: the role, and of the trainer round and stage, of the gate the round,
 * of the server the version it was started with. */
typedef struct up_mark {
    up_role role;
    uint32_t a, b;
} up_mark;

typedef struct up_proc {
    pid_t pid; /* 0: none */
    int fd;    /* a pidfd: readable once it has ended */
    bool ours; /* our child: how it ended can be known */
    up_mark mark;
} up_proc;

#define UP_PROC_NONE                                                                               \
    {                                                                                              \
        0, -1, false,                                                                              \
        {                                                                                          \
            UP_SERVER, 0, 0                                                                        \
        }                                                                                          \
    }

typedef struct up_spawn {
    const sk_opt_list *words; /* verb first */
    const char *log;          /* file its standard error is appended to */
    const char *out;          /* file its standard output goes to; NULL: the log */
    const char *dir;          /* the supervisor's folder, absolute, for the mark */
    up_mark mark;
    int listen_fd;   /* -1: none; else it becomes UP_LISTEN_FD */
    bool background; /* it gets the processor when nobody else wants it */
} up_spawn;

/* Starts a child. */
sk_status up_proc_start(const up_spawn *s, up_proc *out, sk_err *e);

/* Finds the processes with a mark of this folder (absolute), `most` at most; returns how many. They
 * are held by pidfds, so none is mistaken for another later. */
size_t up_proc_find(const char *dir, up_proc *out, size_t most);

/* True when it has ended: *end says how, text[] in words ("exit code 3", "signal 9"). */
bool up_proc_ended(up_proc *p, up_end *end, char text[64]);

/* Sends a signal, if it is still there. */
void up_proc_signal(const up_proc *p, int sig);

/* Processor time it has taken, in seconds; 0 if it is gone. */
double up_proc_cpu(const up_proc *p);

/* Lets go of it; the process goes on. */
void up_proc_close(up_proc *p);

/* A descriptor of the process as one of ours; -1 with errno (kernel.yama.ptrace_scope may forbid
 * it). */
int up_proc_take_fd(const up_proc *p, int fd);

#endif
