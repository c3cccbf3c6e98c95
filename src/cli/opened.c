/* opened.c - from -m to an open model. */
#include "cli/opened.h"

#include "base/buf.h"
#include "base/file.h"
#include "cli/model_path.h"

#include <stdio.h>

/* Most bytes of a text. */
#define TEXT_MAX ((uint64_t)1 << 30)

sk_status cmd_opened_open(const char *model, const cmd_common *common, const cmd_load *load,
                          cmd_opened *o, sk_err *e)
{
    char path[CMD_PATH_MAX];
    eng_model_opts mo = cmd_load_opts(load);
    *o = (cmd_opened){NULL, NULL};
    sk_status st = cmd_model_path(model, path, e);
    if (!st) st = eng_exec_open((size_t)common->threads, &o->x, e);
    return st ? st : eng_model_open_opts(o->x, path, &mo, &o->m, e);
}

void cmd_opened_close(cmd_opened *o)
{
    eng_model_close(o->m);
    eng_exec_close(o->x);
    *o = (cmd_opened){NULL, NULL};
}

sk_status cmd_opened_text(const char *model, const char *file, const cmd_common *common,
                          const cmd_load *load, cmd_text_fn fn, void *arg, sk_err *e)
{
    cmd_opened on = {NULL, NULL};
    sk_buf text = SK_BUF_INIT;
    sk_status st = sk_file_load(file, TEXT_MAX, &text, e);
    if (!st) st = cmd_opened_open(model, common, load, &on, e);
    if (!st) {
        sk_progress *bar = sk_progress_new(stderr, common->quiet);
        st = fn(arg, &on, text.p ? text.p : "", text.len, bar, e);
        sk_progress_free(bar);
    }
    cmd_opened_close(&on);
    sk_buf_fini(&text);
    return st == SK_E_STOPPED ? cmd_stopped_err(e) : st;
}
