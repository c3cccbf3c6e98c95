/* family.h - the architectures this build knows, one file each.
 *
 * A family is data: the switches its decoder needs, and what its model files may carry.  A new one
 * of the same shape is one more family_NAME.c and one more line in config.c.
 */
#ifndef ENG_MODEL_FAMILY_H
#define ENG_MODEL_FAMILY_H

#include "engine/kernel/kernel.h"

#include <stdbool.h>

typedef struct eng_family {
    const char *arch; /* general.architecture, also the prefix of its keys */
    eng_rope_form rope_form;
    bool qk_norm;
} eng_family;

extern const eng_family eng_family_llama, eng_family_qwen3;

/* The family of that name, static storage; NULL if there is none. */
const eng_family *eng_family_find(const char *arch);

/* Names of all families, ", " between. */
const char *eng_family_names(void);

#endif
