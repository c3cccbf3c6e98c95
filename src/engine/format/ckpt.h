/* ckpt.h - our checkpoint container: named sections, each with its length and CRC.
 *
 * Byte layout in docs/format/checkpoint.md.  Written atomically; a reader checks every CRC before
 * it hands out a byte.
 */
#ifndef ENG_FORMAT_CKPT_H
#define ENG_FORMAT_CKPT_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct eng_ckpt_section {
    char name[8];  /* NUL-padded: "meta", "param", "adam.m" */
    const void *p; /* borrowed during the write */
    uint64_t n;    /* bytes */
} eng_ckpt_section;

/* Writes the sections to path (old file replaced only when all is on disk). */
sk_status eng_ckpt_write(const char *path, const eng_ckpt_section *s, size_t n, sk_err *e);

/* The same piece by piece: the bytes of each section in the order of the table, their checksums
 * made on the way.  p of the sections is not looked at. */
typedef struct eng_ckpt_out eng_ckpt_out;

/* Starts a file that replaces path when committed; s is borrowed until then. */
sk_status eng_ckpt_begin(const char *path, const eng_ckpt_section *s, size_t n, eng_ckpt_out **out,
                         sk_err *e);

/* The next bytes; a piece does not reach over the end of its section. */
sk_status eng_ckpt_add(eng_ckpt_out *c, const void *p, size_t n, sk_err *e);

/* After the last byte: the directory, and all of it on the disk, under no name yet. */
sk_status eng_ckpt_sync(eng_ckpt_out *c, sk_err *e);

/* Puts the synced file in its place; c is gone whatever happens. */
sk_status eng_ckpt_commit(eng_ckpt_out *c, sk_err *e);

/* Drops it; NULL is allowed. */
void eng_ckpt_abort(eng_ckpt_out *c);

typedef struct eng_ckpt eng_ckpt;

/* Maps and checks the file: magic, version, table, every CRC.  SK_E_CORRUPT names the section that
 * is damaged. */
sk_status eng_ckpt_open(const char *path, eng_ckpt **out, sk_err *e);

/* The same over n bytes in memory, which must outlive the object and start at a multiple of 64 for
 * the sections to do so. */
sk_status eng_ckpt_open_bytes(const void *p, size_t n, eng_ckpt **out, sk_err *e);

/* Closes the file; NULL is allowed. */
void eng_ckpt_close(eng_ckpt *c);

/* A section by name, borrowed, 64-byte aligned; SK_E_FORMAT if it is missing. */
sk_status eng_ckpt_get(const eng_ckpt *c, const char *name, const void **p, uint64_t *n, sk_err *e);

#endif
