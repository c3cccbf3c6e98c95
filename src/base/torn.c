/* torn.c - a table of stretches, and the handler of SIGBUS that looks into it. */
#include "base/torn.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MOST = 1024 };

/* A stretch; at is 0 where the place is free, and set last. */
typedef struct stretch {
    _Atomic uintptr_t at;
    _Atomic size_t n;
    atomic_bool torn;
} stretch;

/* A signal handler has no argument to carry state in, so all of it is global to the file. */
static stretch table[MOST];
static _Atomic size_t n_used;                            /* places from here on were never used */
static atomic_bool any_torn;                             /* ever */
static uintptr_t page_bytes;                             /* set before the handler is */
static struct sigaction other;                           /* who had SIGBUS before */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of those who watch and forget */

/* The stretch that the address is in; NULL if it is in none. */
static stretch *holds(uintptr_t p)
{
    size_t n = atomic_load(&n_used);
    for (size_t i = 0; i < n; i++) {
        uintptr_t at = atomic_load(&table[i].at);
        if (at && p >= at && p - at < atomic_load(&table[i].n)) return &table[i];
    }
    return NULL;
}

/* Not ours: as it would have been.  Returning raises it again where the default is to end. */
static void pass_on(int sig, siginfo_t *info, void *context)
{
    if (other.sa_flags & SA_SIGINFO)
        other.sa_sigaction(sig, info, context);
    else if (other.sa_handler == SIG_DFL || other.sa_handler == SIG_IGN)
        (void)sigaction(SIGBUS, &other, NULL);
    else
        other.sa_handler(sig);
}

/* Zeros from the page on to the end of the stretch: behind it nothing can be read either.  Several
 * threads may come here at once, which only does it twice.  (mmap is a bare system call.) */
static void on_bus(int sig, siginfo_t *info, void *context)
{
    int keep = errno;
    uintptr_t p = (uintptr_t)info->si_addr;
    stretch *s = info->si_code > 0 ? holds(p) : NULL;
    if (s) {
        uintptr_t from = p & ~(page_bytes - 1), end = atomic_load(&s->at) + atomic_load(&s->n);
        atomic_store(&s->torn, true);
        atomic_store(&any_torn, true);
        void *zeros = mmap((void *)from, end - from, PROT_READ,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
        if (zeros == MAP_FAILED) s = NULL;
    }
    if (!s) pass_on(sig, info, context);
    errno = keep;
}

/* Puts the handler in place, also where somebody else has taken it since. */
static void install(void)
{
    struct sigaction sa = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO | SA_RESTART}, now;
    page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
    sigemptyset(&sa.sa_mask);
    (void)sigaction(SIGBUS, NULL, &now);
    if (now.sa_flags & SA_SIGINFO && now.sa_sigaction == on_bus) return;
    other = now;
    (void)sigaction(SIGBUS, &sa, NULL);
}

bool sk_torn_watch(const void *p, size_t n)
{
    (void)pthread_mutex_lock(&lock);
    install();
    assert(p && n && (uintptr_t)p % page_bytes == 0);
    size_t used = atomic_load(&n_used), i = 0;
    while (i < used && atomic_load(&table[i].at))
        i++;
    if (i < MOST) {
        atomic_store(&table[i].n, n);
        atomic_store(&table[i].torn, false);
        atomic_store(&table[i].at, (uintptr_t)p);
        if (i == used) atomic_store(&n_used, used + 1);
    }
    (void)pthread_mutex_unlock(&lock);
    return i < MOST;
}

void sk_torn_forget(const void *p)
{
    (void)pthread_mutex_lock(&lock);
    stretch *s = holds((uintptr_t)p);
    if (s && atomic_load(&s->at) == (uintptr_t)p) atomic_store(&s->at, 0);
    (void)pthread_mutex_unlock(&lock);
}

bool sk_torn(const void *p)
{
    if (!atomic_load_explicit(&any_torn, memory_order_relaxed)) return false;
    const stretch *s = holds((uintptr_t)p);
    return s && atomic_load(&s->torn);
}
