/* model_path.h - from what -m was given to a file. */
#ifndef CMD_CLI_MODEL_PATH_H
#define CMD_CLI_MODEL_PATH_H

#include "base/status.h"

#define CMD_PATH_MAX 4096

/* The file behind -m: a path that exists, else NAME.gguf in $STOKE_MODELS, models/, models/local/
 * and, beside the program's folder, ../models, ../models/local, ../share/stoke/models.
 * SK_E_NOTFOUND says where it looked.  path: at least CMD_PATH_MAX bytes. */
sk_status cmd_model_path(const char *name, char *path, sk_err *e);

#endif
