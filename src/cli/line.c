/* line.c - libedit at a terminal, a buffer of bytes from anything else. */
#include "cli/line.h"

#include "base/file.h"
#include "base/mem.h"
#include "cli/stop.h"

#include <errno.h>
#include <histedit.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

/* Lines kept, and most bytes of the file they are kept in. */
#define KEPT 1000
#define KEPT_BYTES ((uint64_t)4 << 20)

struct cmd_line {
    int interrupts;
    /* plain */
    sk_buf held; /* read, not yet used */
    bool eof;
    /* edited */
    EditLine *el;
    History *history;
    const char *prompt;
    char *path; /* of the history, NULL: not kept */
    bool interrupted;
    mbstate_t mb;
};

bool cmd_line_interrupted(cmd_line *l)
{
    struct signalfd_siginfo info;
    return read(l->interrupts, &info, sizeof info) > 0;
}

/* Waits until there is something to read; false at Ctrl-C (noted in l) or at the end of the
 * program. */
static bool wait_input(cmd_line *l)
{
    struct pollfd p[3] = {
        {STDIN_FILENO, POLLIN, 0}, {l->interrupts, POLLIN, 0}, {cmd_stop_fd(), POLLIN, 0}};
    for (;;) {
        int n = poll(p, 3, -1);
        if (n < 0 && errno != EINTR) return false;
        if (cmd_line_interrupted(l)) {
            l->interrupted = true;
            return false;
        }
        if (cmd_stopped(NULL)) return false;
        if (n > 0 && p[0].revents) return true;
    }
}

/* ---- edited ---- */

static char *show_prompt(EditLine *el)
{
    cmd_line *l = NULL;
    (void)el_get(el, EL_CLIENTDATA, &l);
    return (char *)(uintptr_t)l->prompt;
}

/* A character for libedit: 1, 0 at the end of the input, -1 when the wait was ended otherwise. */
static int get_char(EditLine *el, wchar_t *out)
{
    cmd_line *l = NULL;
    (void)el_get(el, EL_CLIENTDATA, &l);
    for (;;) {
        char c;
        if (!wait_input(l)) return -1;
        ssize_t n = read(STDIN_FILENO, &c, 1);
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (n <= 0) return (int)n;
        size_t got = mbrtowc(out, &c, 1, &l->mb);
        if (got == (size_t)-1) memset(&l->mb, 0, sizeof l->mb); /* no character: passed over */
        if (got <= 1) return 1;
    }
}

/* Enters the lines of the file. */
static void load_history(cmd_line *l)
{
    sk_buf b = SK_BUF_INIT;
    sk_err e = SK_ERR_INIT;
    if (l->path && !sk_file_load(l->path, KEPT_BYTES, &b, &e) && b.len) {
        char *rest = NULL;
        for (char *line = strtok_r(b.p, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
            cmd_line_keep(l, line);
    }
    sk_buf_fini(&b);
}

/* Writes the kept lines, readable by their owner only. */
static void save_history(cmd_line *l)
{
    sk_buf b = SK_BUF_INIT;
    sk_err e = SK_ERR_INIT;
    HistEvent ev;
    for (int more = history(l->history, &ev, H_LAST); more >= 0;
         more = history(l->history, &ev, H_PREV)) {
        sk_buf_adds(&b, ev.str);
        sk_buf_addc(&b, '\n');
    }
    mode_t was = umask(077);
    if (sk_buf_ok(&b) && b.len) (void)sk_file_replace(l->path, b.p, b.len, &e);
    (void)umask(was);
    sk_buf_fini(&b);
}

/* Starts libedit. */
static sk_status open_editor(cmd_line *l, sk_err *e)
{
    HistEvent ev;
    l->history = history_init();
    l->el = l->history ? el_init("stoke", stdin, stdout, stderr) : NULL;
    if (!l->el) return sk_fail(e, SK_E_NOMEM, "cannot start the line editor");
    (void)history(l->history, &ev, H_SETSIZE, KEPT);
    (void)history(l->history, &ev, H_SETUNIQUE, 1);
    (void)el_set(l->el, EL_CLIENTDATA, l);
    (void)el_set(l->el, EL_PROMPT, show_prompt);
    (void)el_set(l->el, EL_EDITOR, "emacs");
    (void)el_set(l->el, EL_HIST, history, l->history);
    (void)el_set(l->el, EL_GETCFN, get_char);
    (void)el_set(l->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
    (void)el_source(l->el, NULL); /* the person's own ~/.editrc */
    load_history(l);
    return SK_OK;
}

/* A line by the editor. */
static sk_status read_edited(cmd_line *l, const char *prompt, sk_buf *out, cmd_line_end *end,
                             sk_err *e)
{
    int n = 0;
    l->prompt = prompt;
    l->interrupted = false;
    el_resize(l->el);
    const char *line = el_gets(l->el, &n);
    *end = line ? CMD_LINE_TEXT : l->interrupted ? CMD_LINE_INTERRUPT : CMD_LINE_OVER;
    if (!line) {
        (void)fputc('\n', stdout);
        (void)fflush(stdout);
        return SK_OK;
    }
    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
        n--;
    sk_buf_add(out, line, (size_t)n);
    return sk_buf_ok(out) ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for the line");
}

void cmd_line_keep(cmd_line *l, const char *text)
{
    HistEvent ev;
    if (l->history && *text) (void)history(l->history, &ev, H_ENTER, text);
}

char *cmd_line_history_path(void)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    bool xdg = state && *state == '/';
    if (!xdg && (!home || *home != '/')) return NULL;
    sk_buf b = SK_BUF_INIT;
    sk_err e = SK_ERR_INIT;
    sk_buf_addf(&b, "%s%s/stoke", xdg ? state : home, xdg ? "" : "/.local/state");
    bool made = sk_buf_ok(&b) && !sk_mkdirs(b.p, &e);
    sk_buf_adds(&b, "/history");
    char *path = made ? sk_buf_detach(&b, NULL) : NULL;
    sk_buf_fini(&b);
    return path;
}

/* ---- plain ---- */

/* Moves the first line of what is held to *out; false if none is complete. */
static bool take_line(cmd_line *l, sk_buf *out)
{
    char *nl = l->held.len ? memchr(l->held.p, '\n', l->held.len) : NULL;
    if (!nl && !(l->eof && l->held.len)) return false;
    size_t n = nl ? (size_t)(nl - l->held.p) : l->held.len, used = nl ? n + 1 : n;
    sk_buf_add(out, l->held.p, n);
    memmove(l->held.p, l->held.p + used, l->held.len - used);
    l->held.len -= used;
    l->held.p[l->held.len] = 0;
    return true;
}

static sk_status read_plain(cmd_line *l, sk_buf *out, cmd_line_end *end, sk_err *e)
{
    *end = CMD_LINE_TEXT;
    while (!take_line(l, out)) {
        char b[4096];
        *end = CMD_LINE_OVER;
        if (l->eof || !wait_input(l)) return SK_OK;
        ssize_t n = read(STDIN_FILENO, b, sizeof b);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return sk_fail_errno(e, errno, "standard input");
        l->eof = n == 0;
        if (n > 0) sk_buf_add(&l->held, b, (size_t)n);
        if (!sk_buf_ok(&l->held)) return sk_fail(e, SK_E_NOMEM, "no memory for the line");
        *end = CMD_LINE_TEXT;
    }
    return sk_buf_ok(out) ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for the line");
}

/* ---- both ---- */

/* The path is copied before the editor opens and dropped if it doesn't: cmd_line_close() saves the
 * history there, and one that was never loaded would overwrite it. */
sk_status cmd_line_open(bool edit, int interrupts, const char *path, cmd_line **out, sk_err *e)
{
    cmd_line *l = sk_calloc(SK_MEM_MISC, 1, sizeof *l);
    if (!l) return sk_fail(e, SK_E_NOMEM, "no memory to read lines");
    l->interrupts = interrupts;
    sk_status st = SK_OK;
    if (edit && path) {
        l->path = sk_alloc(SK_MEM_MISC, strlen(path) + 1);
        if (l->path)
            memcpy(l->path, path, strlen(path) + 1);
        else
            st = sk_fail(e, SK_E_NOMEM, "no memory to read lines");
    }
    if (!st && edit) st = open_editor(l, e);
    if (st) {
        sk_free(l->path);
        l->path = NULL;
        cmd_line_close(l);
        return st;
    }
    *out = l;
    return SK_OK;
}

void cmd_line_close(cmd_line *l)
{
    if (!l) return;
    if (l->path && l->history) save_history(l);
    if (l->el) el_end(l->el);
    if (l->history) history_end(l->history);
    sk_free(l->path);
    sk_buf_fini(&l->held);
    sk_free(l);
}

sk_status cmd_line_read(cmd_line *l, const char *prompt, sk_buf *out, cmd_line_end *end, sk_err *e)
{
    sk_buf_reset(out);
    return l->el ? read_edited(l, prompt, out, end, e) : read_plain(l, out, end, e);
}
