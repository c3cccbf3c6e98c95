/* lora.h - the flags that put an adapter on a model. */
#ifndef CMD_CLI_LORA_H
#define CMD_CLI_LORA_H

#include "cli/cmd.h"
#include "engine/engine.h"

typedef struct cmd_lora {
    const char *file; /* NULL: none */
    double scale;
} cmd_lora;

/* Their rows; T has a member `lora`. */
#define CMD_LORA_ROWS(T)                                                                           \
    {"lora",                                                                                       \
     0,                                                                                            \
     SK_OPT_STRING,                                                                                \
     "FILE",                                                                                       \
     NULL,                                                                                         \
     "put a LoRA adapter on the model: a GGUF, or a PEFT folder",                                  \
     offsetof(T, lora.file),                                                                       \
     0,                                                                                            \
     0,                                                                                            \
     false,                                                                                        \
     SK_COMPLETE_FILE,                                                                             \
     NULL},                                                                                        \
    {                                                                                              \
        "lora-scale", 0, SK_OPT_FLOAT, "X", "1", "strength of the adapter; 1 is as trained",       \
            offsetof(T, lora.scale), -100, 100, false, SK_COMPLETE_NONE, NULL                      \
    }

/* Opens the adapter that was asked for; *out stays NULL if none was. */
sk_status cmd_lora_open(eng_exec *x, const eng_model *m, const cmd_lora *o, eng_lora **out,
                        sk_err *e);

#endif
