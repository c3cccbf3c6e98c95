/* glpk.c - a mixed integer program solved by GLPK's program. */
#include "fleet/plan/glpk.h"

#include "base/file.h"
#include "base/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_ANSWER = 64 << 20, PATH_BYTES = 512 };

/* ---- the answer ---- */

/* A line without its end; false behind the last. */
static bool next_line(const char **p, const char *end, char *line, size_t room)
{
    if (*p >= end) return false;
    const char *nl = memchr(*p, '\n', (size_t)(end - *p));
    size_t n = (size_t)((nl ? nl : end) - *p), keep = n < room - 1 ? n : room - 1;
    memcpy(line, *p, keep);
    line[keep] = 0;
    *p = nl ? nl + 1 : end;
    return true;
}

static sk_status malformed(sk_err *e, const char *line)
{
    return sk_fail(e, SK_E_CORRUPT, "glpsol's answer can't be read: %.60s", line);
}

/* "s mip ROWS COLS o|f|n|u COST" or "s bas ROWS COLS p d COST": what came of it. */
static sk_status read_head(const char *line, size_t rows, size_t cols, bool *mip, bool *proven,
                           sk_err *e)
{
    char kind[8], a[4], b[4];
    uint64_t r, c;
    if (sscanf(line, "s %7s %" SCNu64 " %" SCNu64 " %3s %3s", kind, &r, &c, a, b) != 5)
        return malformed(e, line);
    *mip = strcmp(kind, "mip") == 0;
    if ((!*mip && strcmp(kind, "bas") != 0) || c != cols || r > rows) return malformed(e, line);
    bool best = *mip ? *a == 'o' : *a == 'f' && *b == 'f';
    bool some = *mip ? best || *a == 'f' : *a == 'f';
    if (*a == 'n') return sk_fail(e, SK_E_INVALID, "the demand can't be met");
    if (!some) return sk_fail(e, SK_E_AGAIN, "the solver found nothing in time: give it more");
    *proven = best;
    return SK_OK;
}

/* The form of `glpsol --write` (GLPK's manual, glp_write_sol and glp_write_mip): an "s" line, then
 * a "j" line a column, counted from 1, and an "e" line, by which a file that was cut short is
 * told. */
sk_status flt_glpk_read(const char *text, size_t n, size_t rows, size_t cols, double *value,
                        bool *proven, sk_err *e)
{
    const char *p = text, *end = text + n;
    char line[256] = "";
    bool head = false, mip = false, over = false;
    size_t seen = 0;
    sk_status st = SK_OK;
    while (!st && !over && next_line(&p, end, line, sizeof line)) {
        uint64_t j;
        char state[4], number[64], *rest;
        if (line[0] == 's' && !head) {
            st = read_head(line, rows, cols, &mip, proven, e);
            head = true;
        } else if (line[0] == 'j' && head) {
            int got = mip ? sscanf(line, "j %" SCNu64 " %63s", &j, number) - 2
                          : sscanf(line, "j %" SCNu64 " %3s %63s", &j, state, number) - 3;
            if (got || j != seen + 1 || j > cols) return malformed(e, line);
            value[seen++] = strtod(number, &rest);
            if (rest == number || *rest) return malformed(e, line);
        } else if (line[0] == 'e') {
            over = true;
        } else if (line[0] != 'c' && line[0] != 'i') {
            return malformed(e, line);
        }
    }
    if (!st && (!head || !over || seen != cols)) return malformed(e, "it is cut short");
    return st;
}

/* ---- the program ---- */

/* Runs glpsol over the files of a folder; what it says goes nowhere. */
static sk_status run(const char *in, const char *out, int seconds, sk_err *e)
{
    char limit[16];
    (void)snprintf(limit, sizeof limit, "%d", seconds);
    char *argv[] = {(char[]){"glpsol"},
                    (char[]){"--lp"},
                    (char *)(uintptr_t)in,
                    (char[]){"--write"},
                    (char *)(uintptr_t)out,
                    (char[]){"--tmlim"},
                    limit,
                    NULL};
    posix_spawn_file_actions_t fa;
    pid_t pid;
    int status;
    int rc = posix_spawn_file_actions_init(&fa);
    if (rc) return sk_fail_errno(e, rc, "cannot run glpsol");
    rc = posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
    if (!rc) rc = posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
    if (!rc) rc = posix_spawn_file_actions_adddup2(&fa, 1, 2);
    if (!rc) rc = posix_spawnp(&pid, argv[0], &fa, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&fa);
    if (rc == ENOENT)
        return sk_fail(e, SK_E_UNSUPPORTED,
                       "the cheapest mix is found by glpsol, which is not installed: apt-get "
                       "install glpk-utils");
    if (rc) return sk_fail_errno(e, rc, "cannot run glpsol");
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return sk_fail_errno(e, errno, "cannot wait for glpsol");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return sk_fail(e, SK_E_UNSUPPORTED, "glpsol can't be run: apt-get install glpk-utils");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return sk_fail(e, SK_E_INTERNAL, "glpsol ended without an answer");
    return SK_OK;
}

/* Writes, runs, reads. */
static sk_status solve_in(const flt_lp *lp, const char *in, const char *out, int seconds,
                          double *value, bool *proven, sk_err *e)
{
    sk_buf text = SK_BUF_INIT, answer = SK_BUF_INIT;
    flt_lp_write(lp, &text);
    sk_status st = sk_buf_ok(&text) ? sk_file_replace(in, text.p, text.len, e)
                                    : sk_fail(e, SK_E_NOMEM, "no memory for the program");
    sk_buf_fini(&text);
    if (!st) st = run(in, out, seconds, e);
    if (!st) st = sk_file_load(out, MOST_ANSWER, &answer, e);
    if (!st)
        st = flt_glpk_read(answer.p ? answer.p : "", answer.len, flt_lp_rows(lp), flt_lp_cols(lp),
                           value, proven, e);
    sk_buf_fini(&answer);
    return st;
}

sk_status flt_glpk_solve(const flt_lp *lp, int seconds, double *value, bool *proven, sk_err *e)
{
    char folder[PATH_BYTES], in[PATH_BYTES + 8], out[PATH_BYTES + 8];
    const char *tmp = getenv("TMPDIR");
    if (!flt_lp_ok(lp)) return sk_fail(e, SK_E_NOMEM, "no memory for the program");
    int n = snprintf(folder, sizeof folder, "%s/stoke-plan-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (n < 0 || (size_t)n >= sizeof folder)
        return sk_fail(e, SK_E_TOOBIG, "the name of the temporary folder is too long");
    if (!mkdtemp(folder)) return sk_fail_errno(e, errno, "cannot make a folder in %s", folder);
    (void)snprintf(in, sizeof in, "%s/in.lp", folder);
    (void)snprintf(out, sizeof out, "%s/out.sol", folder);
    sk_status st = solve_in(lp, in, out, seconds, value, proven, e);
    (void)unlink(in);
    (void)unlink(out);
    (void)rmdir(folder);
    return st ? st : flt_lp_check(lp, value, 1e-6, e);
}
