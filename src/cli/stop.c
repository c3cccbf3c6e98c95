/* stop.c - the stop flag, set by a signal. */
#include "cli/stop.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A signal handler has no argument to carry state in, so the flag has to be global to the file. */
static atomic_bool stopped, terminated, save_asked;
static int stop_fd = -1, hup_fd = -1;

/* Only async-signal-safe calls.  SIGINT falls back to its default, which kills, for the next time.
 */
static void on_signal(int sig)
{
    int keep = errno;
    uint64_t one = 1;
    atomic_store(&stopped, true);
    if (sig == SIGTERM) atomic_store(&terminated, true);
    if (stop_fd >= 0 && write(stop_fd, &one, sizeof one) < 0) {
        /* The counter is full, so the descriptor is readable already. */
    }
    if (sig == SIGINT) signal(SIGINT, SIG_DFL);
    errno = keep;
}

void cmd_stop_install(void)
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    sigemptyset(&sa.sa_mask);
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    /* A closed pipe and a file at its size limit are errors of a write, not deaths. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

bool cmd_stopped(void *arg)
{
    (void)arg;
    return atomic_load_explicit(&stopped, memory_order_relaxed);
}

static void on_save(int sig)
{
    (void)sig;
    atomic_store(&save_asked, true);
}

void cmd_save_install(void)
{
    struct sigaction sa = {.sa_handler = on_save, .sa_flags = SA_RESTART};
    sigemptyset(&sa.sa_mask);
    sigaction(SIGUSR1, &sa, NULL);
}

bool cmd_save_asked(void *arg)
{
    (void)arg;
    return atomic_exchange(&save_asked, false);
}

sk_status cmd_requeue(sk_status st, sk_err *e)
{
    if (st != SK_E_STOPPED || !atomic_load(&terminated)) return st;
    if (e) e->status = SK_E_REQUEUE;
    return SK_E_REQUEUE;
}

bool cmd_terminated(void)
{
    return atomic_load(&terminated);
}

void cmd_term_set(void)
{
    atomic_store(&terminated, true);
}

int cmd_stop_fd(void)
{
    return stop_fd;
}

sk_status cmd_stopped_err(sk_err *e)
{
    return sk_fail(e, SK_E_STOPPED, "stopped");
}

static void on_hup(int sig)
{
    int keep = errno;
    uint64_t one = 1;
    (void)sig;
    if (write(hup_fd, &one, sizeof one) < 0) {
        /* The counter is full, so the descriptor is readable already. */
    }
    errno = keep;
}

int cmd_hup_install(void)
{
    struct sigaction sa = {.sa_handler = on_hup, .sa_flags = SA_RESTART};
    if (hup_fd < 0) hup_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    sigemptyset(&sa.sa_mask);
    if (hup_fd >= 0) sigaction(SIGHUP, &sa, NULL);
    return hup_fd;
}
