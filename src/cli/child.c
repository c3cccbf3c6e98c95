/* child.c - forks, runs this very program, collects what it prints. */
#include "cli/child.h"

#include "cli/stop.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHUNK = 64 << 10, MOST = 64 << 20, REQUEUE = 85, STOPPED = 130, WORDS = 260 };

/* In the child: never returns.  Only what is allowed between fork and exec. */
static void become(const sk_opt_list *words, int to)
{
    char *argv[WORDS];
    size_t n = 0;
    argv[n++] = (char *)(uintptr_t) "stoke";
    for (size_t i = 0; i < words->n; i++)
        argv[n++] = (char *)(uintptr_t)words->item[i];
    argv[n] = NULL;
    int nothing = open("/dev/null", O_RDONLY);
    if (nothing >= 0) (void)dup2(nothing, STDIN_FILENO);
    if (to >= 0) (void)dup2(to, STDOUT_FILENO);
    (void)execv("/proc/self/exe", argv);
    _exit(127);
}

/* Adds what there is to read; false at the end. */
static bool collect(int from, sk_buf *out)
{
    char chunk[CHUNK];
    ssize_t n = read(from, chunk, sizeof chunk);
    if (n < 0) return errno == EINTR || errno == EAGAIN;
    if (n > 0 && out->len < MOST) sk_buf_add(out, chunk, (size_t)n);
    return n > 0;
}

/* Until the child has ended: reads its output, passes a stop on once. */
static int wait_for(pid_t pid, int from, sk_buf *out)
{
    int status = 0;
    bool told = false, open_pipe = out != NULL;
    for (;;) {
        struct pollfd p[2] = {{.fd = told ? -1 : cmd_stop_fd(), .events = POLLIN},
                              {.fd = open_pipe ? from : -1, .events = POLLIN}};
        (void)poll(p, 2, 100);
        if (out && p[1].revents) open_pipe = collect(from, out);
        if (!told && cmd_stopped(NULL)) {
            (void)kill(pid, SIGTERM);
            told = true;
        }
        pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended == pid || (ended < 0 && errno != EINTR)) break;
    }
    while (out && open_pipe && collect(from, out)) {
        /* what it wrote last */
    }
    return status;
}

static sk_status meaning(const char *verb, int status, sk_err *e)
{
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (code == 0) return SK_OK;
    if (code == REQUEUE || code == STOPPED || cmd_stopped(NULL))
        return sk_fail(e, SK_E_STOPPED, "stopped; the same command goes on from here");
    if (WIFSIGNALED(status))
        return sk_fail(e, SK_E_INTERNAL, "%s was ended by signal %d", verb, WTERMSIG(status));
    for (int st = 1; st < SK_STATUS_N; st++)
        if (sk_status_exit((sk_status)st) == code)
            return sk_fail(e, (sk_status)st, "%s failed: %s", verb, sk_status_text((sk_status)st));
    return sk_fail(e, SK_E_INTERNAL, "%s failed with exit code %d", verb, code);
}

sk_status cmd_child_run(const sk_opt_list *words, sk_buf *out, sk_err *e)
{
    int fd[2] = {-1, -1};
    assert(words->n > 0 && words->n < WORDS - 2);
    if (out && pipe2(fd, O_CLOEXEC) != 0) return sk_fail_errno(e, errno, "cannot make a pipe");
    pid_t pid = fork();
    if (pid == 0) become(words, fd[1]);
    int err = errno;
    if (fd[1] >= 0) (void)close(fd[1]);
    int status = pid > 0 ? wait_for(pid, fd[0], out) : 0;
    if (fd[0] >= 0) (void)close(fd[0]);
    if (pid < 0) return sk_fail_errno(e, err, "cannot start a process");
    sk_status st = meaning(words->item[0], status, e);
    if (!st && out && !sk_buf_ok(out))
        st = sk_fail(e, SK_E_NOMEM, "no memory for what %s prints", words->item[0]);
    return st;
}
