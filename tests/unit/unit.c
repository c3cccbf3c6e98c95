/* unit.c - helpers of the unit tests. */
#include "tests/unit/unit.h"

#include <dirent.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/mem.h"

/* A new folder under $TMPDIR or /tmp. */
const char *unit_tmpdir(void)
{
    static char path[512];
    const char *base = getenv("TMPDIR");
    (void)snprintf(path, sizeof path, "%s/stoke-unit-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(path)) fail_msg("cannot make a folder %s", path);
    return path;
}

/* Removes one entry, the folder after what is in it. */
static int remove_one(const char *path, const struct stat *s, int type, struct FTW *at)
{
    (void)s;
    (void)type;
    (void)at;
    return remove(path);
}

/* Removes a folder and all in it. */
void unit_rm_rf(const char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

char unit_dir[512];

int unit_dir_make(void **state)
{
    (void)state;
    (void)snprintf(unit_dir, sizeof unit_dir, "%s", unit_tmpdir());
    return 0;
}

int unit_dir_remove(void **state)
{
    (void)state;
    unit_rm_rf(unit_dir);
    return 0;
}

bool unit_stop(void *arg)
{
    (void)arg;
    return true;
}

/* "folder/name". */
const char *unit_path(const char *folder, const char *name)
{
    static char paths[4][1024];
    static unsigned turn;
    char *p = paths[turn++ % 4];
    (void)snprintf(p, sizeof paths[0], "%s/%s", folder, name);
    return p;
}

/* Writes n bytes to path. */
void unit_write(const char *path, const void *p, size_t n)
{
    FILE *f = fopen(path, "wb");
    bool ok = f && (n == 0 || fwrite(p, 1, n, f) == n);
    if (f) ok &= fclose(f) == 0;
    if (!ok) fail_msg("cannot write %s", path);
}

/* The whole file into b. */
bool unit_read(const char *path, sk_buf *b)
{
    char chunk[4096];
    sk_buf_reset(b);
    FILE *f = fopen(path, "rb");
    if (!f) return false;
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        sk_buf_add(b, chunk, n);
    bool ok = !ferror(f);
    (void)fclose(f);
    return ok && sk_buf_ok(b);
}

/* Number of entries in a folder, "." and ".." left out. */
size_t unit_count_files(const char *folder)
{
    size_t n = 0;
    DIR *d = opendir(folder);
    if (!d) fail_msg("cannot read the folder %s", folder);
    for (struct dirent *it; d && (it = readdir(d));)
        n += strcmp(it->d_name, ".") != 0 && strcmp(it->d_name, "..") != 0;
    if (d) (void)closedir(d);
    return n;
}

/* Runs a script by /bin/sh. */
int unit_shell(const char *script, const char *arg, sk_buf *out)
{
    int fds[2], rc;
    char chunk[512];
    sk_buf_reset(out);
    sk_buf_add(out, "", 0);
    if (pipe(fds) != 0) fail_msg("no pipe");
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(fds[1], STDOUT_FILENO);
        (void)dup2(fds[1], STDERR_FILENO);
        (void)close(fds[0]);
        (void)close(fds[1]);
        (void)execl("/bin/sh", "sh", "-c", script, "sh", arg, (char *)NULL);
        _exit(127);
    }
    (void)close(fds[1]);
    for (ssize_t n; (n = read(fds[0], chunk, sizeof chunk)) > 0;)
        sk_buf_add(out, chunk, (size_t)n);
    (void)close(fds[0]);
    if (waitpid(pid, &rc, 0) != pid || !WIFEXITED(rc)) return -1;
    return WEXITSTATUS(rc);
}

/* True when there is a program of that name. */
bool unit_have(const char *program)
{
    sk_buf b = SK_BUF_INIT;
    int rc = unit_shell("command -v \"$1\"", program, &b);
    sk_buf_fini(&b);
    return rc == 0;
}

/* Relative L2 distance with the worst element in the message. */
void unit_close_at(const float *a, const float *b, size_t n, double tol, const char *file, int line)
{
    double diff = 0, norm = 0, worst = -1;
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        double d = (double)a[i] - b[i];
        if (!isfinite(a[i]) || !isfinite(b[i])) {
            print_error("element %zu of %zu: %g, expected %g\n", i, n, (double)a[i], (double)b[i]);
            _fail(file, line);
        }
        diff += d * d;
        norm += (double)b[i] * b[i];
        if (fabs(d) <= worst) continue;
        worst = fabs(d);
        at = i;
    }
    double distance = norm > 0 ? sqrt(diff / norm) : sqrt(diff);
    if (distance <= tol) return;
    print_error("relative L2 distance %g > %g; worst element %zu of %zu: %g, expected %g\n",
                distance, tol, at, n, (double)a[at], (double)b[at]);
    _fail(file, line);
}

/* Fails unless st is SK_OK. */
void unit_status_ok_at(sk_status st, const sk_err *e, const char *what, const char *file, int line)
{
    if (st == SK_OK) return;
    print_error("%s: %s (%s)\n", what, sk_status_text(st), e->text);
    _fail(file, line);
}

/* Fails unless st is `want` and the sentence has `part` in it. */
void unit_status_at(sk_status st, sk_status want, const sk_err *e, const char *part,
                    const char *what, const char *file, int line)
{
    bool ok = st == want && (want == SK_OK || (e->status == want && strstr(e->text, part)));
    if (ok) return;
    print_error("%s: status '%s', expected '%s'; sentence '%s' (%s), expected '%s' in it\n", what,
                sk_status_text(st), sk_status_text(want), e->text, sk_status_text(e->status), part);
    _fail(file, line);
}

/* The allocations of an attempt, counted when its plan was lifted. */
static unsigned long starve_calls;
static bool starve_over;

void unit_starve_end(void)
{
    if (starve_over) return;
    starve_over = true;
    starve_calls = sk_fault_count(SK_FAULT_ALLOC);
    sk_fault_plan(SK_FAULT_ALLOC, 0, false);
}

sk_status unit_starved_buf(sk_buf *b, sk_err *e)
{
    bool ok = sk_buf_ok(b);
    sk_buf_fini(b);
    return ok ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for a text");
}

/* What is wrong with the end of a run, NULL if nothing; hit: an allocation of it failed. */
static const char *starve_fault(sk_status st, const sk_err *e, bool hit, unsigned how)
{
    if (!hit) return st ? "fails though it had all memory" : NULL;
    if (!st) return how & UNIT_TOLD ? "does not tell that it found no memory" : NULL;
    if (st != SK_E_NOMEM || e->status != SK_E_NOMEM) return "gives another status";
    return e->text[0] ? NULL : "has no sentence";
}

/* The kind of memory of which another amount is held than before, NULL if none. */
static const char *starve_kept(const uint64_t *before, unsigned how)
{
    for (int k = 0; k < SK_MEM_N; k++) {
        if (k == SK_MEM_SCRATCH && (how & UNIT_GROWS)) continue;
        if (sk_mem_bytes((sk_mem_kind)k) != before[k]) return sk_mem_kind_name((sk_mem_kind)k);
    }
    return NULL;
}

/* Makes each allocation of an attempt fail in turn. */
unsigned long unit_starve_at(unit_attempt attempt, void *arg, unsigned long most, unsigned how,
                             const char *what, const char *file, int line)
{
    uint64_t before[SK_MEM_N];
    unsigned long last = 0;
    for (int k = 0; k < SK_MEM_N; k++)
        before[k] = sk_mem_bytes((sk_mem_kind)k);
    for (unsigned long nth = 1;; nth += how & UNIT_STRIDES ? 1 + nth / 50 : 1) {
        sk_err e = SK_ERR_INIT;
        starve_over = false;
        sk_fault_plan(SK_FAULT_ALLOC, nth, how & UNIT_LATER);
        sk_status st = attempt(arg, &e);
        unit_starve_end();
        bool hit = starve_calls >= nth;
        const char *kept = starve_kept(before, how), *fault = starve_fault(st, &e, hit, how);
        if (hit && nth >= most) fault = "asks for more than it should";
        if (!hit && nth == 1) fault = "asks for no memory";
        if (kept || fault) {
            print_error("%s, allocation %lu: %s%s; status '%s', sentence '%s' (%s)\n", what, nth,
                        fault ? fault : "memory is not as before: ", fault ? "" : kept,
                        sk_status_text(st), e.text, sk_status_text(e.status));
            _fail(file, line);
        }
        if (!hit) return last;
        last = nth;
    }
}

/* Fails unless text contains part. */
void unit_contains_at(const char *text, const char *part, const char *file, int line)
{
    if (text && strstr(text, part)) return;
    print_error("'%s' is not in:\n%s\n", part, text ? text : "(null)");
    _fail(file, line);
}
