/* serve_models.h - what stoke serve is told of its models: NAME=FILE and the like. */
#ifndef CMD_CLI_SERVE_MODELS_H
#define CMD_CLI_SERVE_MODELS_H

#include "base/mem.h"
#include "base/opt.h"
#include "serve/serve.h"

/* Reads [NAME=]FILE items (at least one) into o->model, o->name and o->also; strings are the
 * arena's.  A name that has no file is looked for as cmd_model_path does. */
sk_status cmd_serve_models(const sk_opt_list *items, sk_arena *mem, srv_opts *o, sk_err *e);

/* Reads [NAME[@MODEL]=]FILE[:X] items, after the models: one without a name into o->lora, the
 * others into o->also.  SK_E_USAGE for a second one without. */
sk_status cmd_serve_adapters(const sk_opt_list *items, sk_arena *mem, srv_opts *o, sk_err *e);

/* Reads [NAME=]PATH items into o->watch. */
sk_status cmd_serve_watches(const sk_opt_list *items, sk_arena *mem, srv_opts *o, sk_err *e);

#endif
