/* gguf_value.h - what the reader's two files share: the directory of an open GGUF.
 *
 * gguf.c builds and checks it, gguf_value.c answers questions about its keys.  Private to the room.
 */
#ifndef ENG_FORMAT_GGUF_VALUE_H
#define ENG_FORMAT_GGUF_VALUE_H

#include "base/file.h"
#include "base/mem.h"
#include "engine/format/gguf.h"

/* A key and where its value lies.  Values are read from the file when asked for. */
typedef struct eng_gguf_key {
    eng_str name;
    uint32_t type;      /* ENG_GGUF_*; checked */
    uint32_t elem;      /* element type of an array */
    uint64_t n;         /* bytes of a string, elements of an array, 1 for the others */
    const uint8_t *val; /* first byte of the value, of the string, of the first element */
    const eng_str *str; /* array of strings: n of them */
} eng_gguf_key;

struct eng_gguf {
    sk_arena *mem;
    sk_map map; /* p is NULL when opened from bytes */
    const uint8_t *p;
    size_t len;
    uint32_t version;
    size_t n_keys, n_tensors;
    eng_gguf_key *key; /* in the file's order */
    uint32_t *by_key;  /* numbers of keys, sorted by name */
    eng_gguf_tensor *tensor;
    uint32_t *by_tensor; /* numbers of tensors, sorted by name */
};

/* The key of that name, NULL if there is none. */
const eng_gguf_key *eng_gguf_key_find(const eng_gguf *g, const char *name);

#endif
