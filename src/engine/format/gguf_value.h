/* gguf_value.h - what the reader's files share: the directory of an open GGUF.
 *
 * gguf.c builds and checks it, gguf_split.c joins several, gguf_build.c makes one in memory,
 * gguf_value.c answers questions about its keys.  Private to the room.
 */
#ifndef ENG_FORMAT_GGUF_VALUE_H
#define ENG_FORMAT_GGUF_VALUE_H

#include "base/file.h"
#include "base/mem.h"
#include "engine/format/gguf.h"

/* A key as it is kept: few bytes, since a hostile file can be little else than keys. */
typedef struct eng_gguf_slot {
    const uint8_t *at;         /* where it begins in the file: its name's length */
    const uint8_t *const *str; /* array of strings: where each begins, with its length */
} eng_gguf_slot;

/* A key as it is looked at: read from the file when asked for. */
typedef struct eng_gguf_key {
    eng_str name;
    uint32_t type;             /* ENG_GGUF_*; checked */
    uint32_t elem;             /* element type of an array */
    uint64_t n;                /* bytes of a string, elements of an array, 1 for the others */
    const uint8_t *val;        /* first byte of the value, of the string, of the first element */
    const uint8_t *const *str; /* array of strings: n of them (eng_gguf_string_at) */
    const uint8_t *raw;        /* all of the value as it lies in the file, and how much that is */
    size_t raw_bytes;
} eng_gguf_key;

/* Something that goes when the GGUF is closed: drop(p). */
typedef struct eng_gguf_owned {
    void (*drop)(void *p);
    void *p;
    const eng_gguf_guard *guard; /* of the files it maps, NULL: none */
} eng_gguf_owned;

struct eng_gguf {
    sk_arena *mem; /* all lists below */
    sk_map *map;   /* the files, n_files of them */
    size_t n_files;
    eng_gguf_owned *owned; /* dropped at the end, the last first */
    size_t n_owned;
    uint64_t len;             /* bytes of all files */
    uint32_t version;         /* 2 or 3 */
    size_t n_keys, n_tensors; /* of key, of tensor */
    eng_gguf_slot *key;       /* in the file's order */
    const uint8_t *keys_end;  /* behind the last */
    uint32_t *by_key;         /* numbers of keys, sorted by name */
    eng_gguf_tensor *tensor;  /* in the order of the table */
    uint32_t *by_tensor;      /* numbers of tensors, sorted by name */
};

/* A number out of the file, whatever its type: as integer (negative said apart) or as double. */
typedef struct eng_gguf_number {
    bool is_int, negative;
    uint64_t u; /* the integer; two's complement when negative */
    double f;
} eng_gguf_number;

/* The number of the given type at p (any alignment); bool counts as u8.  The type is of fixed size.
 */
eng_gguf_number eng_gguf_read_number(uint32_t type, const uint8_t *p);

/* Reads n keys from the len bytes at p into g (mem set, all else empty) and indexes them. */
sk_status eng_gguf_read_keys(eng_gguf *g, const void *p, size_t len, uint64_t n, sk_err *e);

/* Sorts the names of g's tensors into by_tensor; a name that comes twice is refused. */
sk_status eng_gguf_index_tensors(eng_gguf *g, sk_err *e);

/* Key i. */
eng_gguf_key eng_gguf_key_read(const eng_gguf *g, size_t i);

/* The key of that name into *out (NULL allowed); false if there is none. */
bool eng_gguf_key_find(const eng_gguf *g, const char *name, eng_gguf_key *out);

/* The string whose length lies at p. */
eng_str eng_gguf_string_at(const uint8_t *p);

#endif
