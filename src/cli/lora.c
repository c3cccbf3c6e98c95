/* lora.c - opening the adapter that the flags name. */
#include "cli/lora.h"

sk_status cmd_lora_open(eng_exec *x, const eng_model *m, const cmd_lora *o, eng_lora **out,
                        sk_err *e)
{
    return o->file ? eng_lora_open(x, m, o->file, o->scale, out, e) : SK_OK;
}
