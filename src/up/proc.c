/* proc.c - spawns, finds, signals. */
#include "up/proc.h"

#include "base/mem.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MARK "STOKE_UP_MARK="

enum { WORDS = 260, ENVS = 4096, EXIT_REQUEUE = 85, EXIT_STOPPED = 130 };

static const char *const role_names[UP_ROLES] = {"server", "trainer", "gate"};

static int pidfd_of(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd >= 0) (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

/* ---- starting ---- */

/* Standard streams, and the listening socket: all else is closed by exec. */
static int set_files(posix_spawn_file_actions_t *fa, const up_spawn *s)
{
    const int log = O_WRONLY | O_CREAT | O_APPEND, out = O_WRONLY | O_CREAT | O_TRUNC;
    int rc = posix_spawn_file_actions_addopen(fa, 0, "/dev/null", O_RDONLY, 0);
    if (!rc) rc = posix_spawn_file_actions_addopen(fa, 2, s->log, log, 0600);
    if (!rc && s->out) rc = posix_spawn_file_actions_addopen(fa, 1, s->out, out, 0600);
    if (!rc && !s->out) rc = posix_spawn_file_actions_adddup2(fa, 2, 1);
    if (!rc && s->listen_fd >= 0)
        rc = posix_spawn_file_actions_adddup2(fa, s->listen_fd, UP_LISTEN_FD);
    return rc;
}

/* A session of its own, signals as a fresh program has them. */
static int set_attributes(posix_spawnattr_t *at)
{
    sigset_t set;
    (void)sigemptyset(&set);
    int rc = posix_spawnattr_setsigmask(at, &set);
    (void)sigfillset(&set);
    if (!rc) rc = posix_spawnattr_setsigdefault(at, &set);
    if (rc) return rc;
    return posix_spawnattr_setflags(at, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF |
                                            POSIX_SPAWN_SETSIGMASK);
}

/* Before it has threads: those inherit it. */
static void put_last(pid_t pid)
{
    const struct sched_param none = {0};
    (void)setpriority(PRIO_PROCESS, (id_t)pid, 19);
    (void)sched_setscheduler(pid, SCHED_IDLE, &none);
}

/* The environment with the mark; entries are borrowed. */
static void environment(char *mark, char **to)
{
    size_t n = 0;
    for (char **v = environ; v && *v && n + 2 < ENVS; v++)
        if (strncmp(*v, MARK, sizeof MARK - 1) != 0) to[n++] = *v;
    to[n++] = mark;
    to[n] = NULL;
}

/* The same program again, by /proc/self/exe: a new one that was installed meanwhile would be
 * another version than its supervisor. */
static int spawn(const up_spawn *s, char *mark, char **env, pid_t *pid)
{
    char *argv[WORDS];
    size_t n = 0;
    posix_spawn_file_actions_t fa;
    posix_spawnattr_t at;
    argv[n++] = (char *)(uintptr_t) "stoke";
    for (size_t i = 0; i < s->words->n && n + 1 < WORDS; i++)
        argv[n++] = (char *)(uintptr_t)s->words->item[i];
    argv[n] = NULL;
    environment(mark, env);
    int rc = posix_spawn_file_actions_init(&fa);
    if (rc) return rc;
    rc = posix_spawnattr_init(&at);
    if (!rc) {
        rc = set_files(&fa, s);
        if (!rc) rc = set_attributes(&at);
        if (!rc) rc = posix_spawn(pid, "/proc/self/exe", &fa, &at, argv, env);
        (void)posix_spawnattr_destroy(&at);
    }
    (void)posix_spawn_file_actions_destroy(&fa);
    return rc;
}

/* The mark goes into the child's environment, where a later supervisor finds it (up_proc_find). A
 * child that can't be followed by a descriptor is killed: its number may become somebody else's. */
sk_status up_proc_start(const up_spawn *s, up_proc *out, sk_err *e)
{
    char mark[4352];
    pid_t pid = 0;
    assert(s->words->n > 0 && s->dir[0] == '/');
    int n = snprintf(mark, sizeof mark, MARK "%s %u %u %s", role_names[s->mark.role], s->mark.a,
                     s->mark.b, s->dir);
    if (n < 0 || n >= (int)sizeof mark) return sk_fail(e, SK_E_INVALID, "a path is too long");
    char **env = sk_calloc(SK_MEM_MISC, ENVS, sizeof(char *));
    if (!env) return sk_fail(e, SK_E_NOMEM, "no memory to start a process");
    int rc = spawn(s, mark, env, &pid);
    sk_free(env);
    if (rc) return sk_fail_errno(e, rc, "cannot start the %s", role_names[s->mark.role]);
    if (s->background) put_last(pid);
    int fd = pidfd_of(pid);
    if (fd < 0) {
        rc = errno;
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        return sk_fail_errno(e, rc, "cannot follow the %s", role_names[s->mark.role]);
    }
    *out = (up_proc){pid, fd, true, s->mark};
    return SK_OK;
}

/* ---- finding ---- */

/* Reads a mark; false unless it is one of this folder. */
static bool read_mark(const char *text, const char *dir, up_mark *out)
{
    char role[16], *end;
    size_t n = strcspn(text, " ");
    if (n >= sizeof role || text[n] != ' ') return false;
    memcpy(role, text, n);
    role[n] = 0;
    out->a = (uint32_t)strtoul(text + n + 1, &end, 10);
    if (*end != ' ') return false;
    out->b = (uint32_t)strtoul(end + 1, &end, 10);
    if (*end != ' ' || strcmp(end + 1, dir) != 0) return false;
    for (int r = 0; r < UP_ROLES; r++) {
        out->role = (up_role)r;
        if (strcmp(role, role_names[r]) == 0) return true;
    }
    return false;
}

/* The mark of a process, out of an environment of len bytes that ends in NUL. */
static bool mark_in(const char *p, size_t len, const char *dir, up_mark *out)
{
    for (size_t at = 0; at < len; at += strlen(p + at) + 1)
        if (strncmp(p + at, MARK, sizeof MARK - 1) == 0)
            return read_mark(p + at + sizeof MARK - 1, dir, out);
    return false;
}

static bool mark_of(pid_t pid, const char *dir, char *room, size_t size, up_mark *out)
{
    char path[64];
    size_t len = 0;
    ssize_t n = 1;
    (void)snprintf(path, sizeof path, "/proc/%ld/environ", (long)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    while (n > 0 && len + 1 < size) {
        n = read(fd, room + len, size - 1 - len);
        if (n > 0) len += (size_t)n;
    }
    (void)close(fd);
    room[len] = 0;
    return mark_in(room, len, dir, out);
}

/* By the marks in /proc/PID/environ; processes of other users, which can't be read, have none of
 * ours. */
size_t up_proc_find(const char *dir, up_proc *out, size_t most)
{
    enum { ROOM = 1 << 20 };
    char *room = sk_alloc(SK_MEM_MISC, ROOM);
    DIR *d = room ? opendir("/proc") : NULL;
    size_t n = 0;
    for (const struct dirent *it; d && n < most && (it = readdir(d));) {
        pid_t pid = (pid_t)strtol(it->d_name, NULL, 10);
        up_mark mark;
        if (pid <= 0 || pid == getpid()) continue;
        /* The descriptor comes first: what is read afterwards is of this very process, or of one
         * that has ended by then. */
        int fd = pidfd_of(pid);
        if (fd < 0) continue;
        if (mark_of(pid, dir, room, ROOM, &mark))
            out[n++] = (up_proc){pid, fd, false, mark};
        else
            (void)close(fd);
    }
    if (d) (void)closedir(d);
    sk_free(room);
    return n;
}

/* ---- what becomes of it ---- */

static void meaning(const siginfo_t *i, up_role role, up_end *end, char text[64])
{
    static const int faults[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGTRAP};
    int code = i->si_status;
    if (i->si_code == CLD_EXITED) {
        *end = code == 0                                      ? UP_END_OK
               : code == EXIT_REQUEUE || code == EXIT_STOPPED ? UP_END_STOPPED
               : code == UP_EXIT_KEEP && role == UP_GATE      ? UP_END_KEEP
                                                              : UP_END_FAILED;
        (void)snprintf(text, 64, "exit code %d", code);
        return;
    }
    *end = UP_END_KILLED;
    for (size_t k = 0; k < sizeof faults / sizeof *faults; k++)
        if (code == faults[k]) *end = UP_END_FAULT;
    (void)snprintf(text, 64, "signal %d", code);
}

/* A pidfd becomes readable when the process has ended, whoever its parent is. */
static bool has_ended(const up_proc *p)
{
    struct pollfd f = {.fd = p->fd, .events = POLLIN};
    return poll(&f, 1, 0) > 0;
}

bool up_proc_ended(up_proc *p, up_end *end, char text[64])
{
    siginfo_t info = {0};
    if (p->ours) {
        if (waitid(P_PIDFD, (id_t)p->fd, &info, WEXITED | WNOHANG) != 0 || !info.si_pid)
            return false;
        meaning(&info, p->mark.role, end, text);
        return true;
    }
    if (!has_ended(p)) return false;
    *end = UP_END_UNKNOWN;
    (void)snprintf(text, 64, "process %ld of an earlier supervisor", (long)p->pid);
    return true;
}

void up_proc_signal(const up_proc *p, int sig)
{
    if (p->pid) (void)syscall(SYS_pidfd_send_signal, p->fd, sig, NULL, 0);
}

double up_proc_cpu(const up_proc *p)
{
    char path[64], text[1024];
    unsigned long user = 0, system = 0;
    (void)snprintf(path, sizeof path, "/proc/%ld/stat", (long)p->pid);
    int fd = p->pid ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    (void)close(fd);
    text[n > 0 ? n : 0] = 0;
    const char *at = strrchr(text, ')'); /* a name may have anything in it but stands first */
    if (!at ||
        sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        return 0;
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

void up_proc_close(up_proc *p)
{
    if (p->fd >= 0) (void)close(p->fd);
    *p = (up_proc)UP_PROC_NONE;
}

int up_proc_take_fd(const up_proc *p, int fd)
{
    int got = (int)syscall(SYS_pidfd_getfd, p->fd, fd, 0);
    if (got >= 0) (void)fcntl(got, F_SETFD, FD_CLOEXEC);
    return got;
}
