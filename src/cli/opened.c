/* opened.c - from -m to an open model. */
#include "cli/opened.h"

#include "cli/model_path.h"

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
