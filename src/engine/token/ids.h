/* ids.h - a growable array of token ids. */
#ifndef ENG_TOKEN_IDS_H
#define ENG_TOKEN_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct eng_ids {
    int32_t *id; /* [cap], n in use */
    size_t n, cap;
} eng_ids;

/* Appends n ids; false without memory (the array is unchanged). */
bool eng_ids_add(eng_ids *a, const int32_t *id, size_t n);

/* Appends one id, likewise. */
bool eng_ids_push(eng_ids *a, int32_t id);

/* Frees the array; a is then empty. */
void eng_ids_fini(eng_ids *a);

#endif
