/* cmd.c - what all verbs share: reading flags, writing to stdout. */
#include "cli/cmd.h"

#include "base/cpu.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

int cmd_columns(void)
{
    struct winsize w;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col >= 40)
        return w.ws_col < 100 ? w.ws_col : 100;
    return 80;
}

/* The log goes to stderr, so that stdout stays data. */
static sk_status apply_common(const cmd_common *c, sk_err *e)
{
    sk_log_level level = SK_LOG_WARN;
    if (c->log_level && !sk_log_level_parse(c->log_level, &level))
        return sk_fail(e, SK_E_USAGE, "--log-level %s is not a level", c->log_level);
    sk_log_open(stderr, level, c->log_json);
    if (c->cpu) return sk_cpu_mask(c->cpu, e);
    return SK_OK;
}

eng_model_opts cmd_load_opts(const cmd_load *l)
{
    return (eng_model_opts){.no_repack = l->no_repack, .pack_cache = l->pack_cache};
}

sk_status cmd_parse(const cmd_verb *v, int argc, char **argv, void *into, cmd_common *common,
                    sk_opt_list *args, bool *done, sk_err *e)
{
    bool help = false;
    sk_status st = sk_opt_parse(&v->opt, argc, argv, into, args, &help, e);
    *done = help;
    if (st) return st;
    if (help) {
        sk_buf text = SK_BUF_INIT;
        sk_opt_help(&v->opt, CMD_PROGRAM, cmd_columns(), &text);
        return cmd_out_buf(&text, e);
    }
    return common ? apply_common(common, e) : SK_OK;
}

sk_status cmd_out(const char *p, size_t n, sk_err *e)
{
    if (fwrite(p, 1, n, stdout) != n || fflush(stdout) != 0)
        return sk_fail_errno(e, errno, "cannot write to stdout");
    return SK_OK;
}

sk_status cmd_outf(sk_err *e, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vfprintf(stdout, fmt, ap);
    va_end(ap);
    if (n < 0 || fflush(stdout) != 0) return sk_fail_errno(e, errno, "cannot write to stdout");
    return SK_OK;
}

sk_status cmd_out_buf(sk_buf *b, sk_err *e)
{
    sk_status st = SK_OK;
    if (!sk_buf_ok(b))
        st = sk_fail(e, SK_E_NOMEM, "no memory for the output");
    else if (b->len)
        st = cmd_out(b->p, b->len, e);
    sk_buf_fini(b);
    return st;
}
