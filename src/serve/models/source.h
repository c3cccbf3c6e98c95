/* source.h - where a version of a model comes from: its files, as they were when it was loaded.
 *
 * A trainer replaces model.gguf by a better one under the same name, and then the file that was
 * live before has no name any more.  As long as a source keeps its descriptor the file is there
 * all the same, so that a rollback can open it; it takes space on the disk meanwhile, no memory.
 */
#ifndef SRV_MODELS_SOURCE_H
#define SRV_MODELS_SOURCE_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct srv_source {
    char *path;      /* a GGUF, or a Hugging Face folder */
    char *lora;      /* its adapter, NULL: none */
    double scale;    /* of the adapter */
    int fd, lora_fd; /* the files; -1 for folders and what is not there */
} srv_source;

/* What tells a file from another one in its place. */
typedef struct srv_ident {
    uint64_t dev, ino, bytes;
    int64_t changed_ns;
} srv_ident;

/* Copies the names and opens the files; lora may be NULL.  What is not there is no error yet.
 * SK_E_NOMEM. */
sk_status srv_source_open(const char *path, const char *lora, double scale, srv_source *out,
                          sk_err *e);

/* A copy of s with descriptors of its own. */
sk_status srv_source_copy(const srv_source *s, srv_source *out, sk_err *e);

/* Moves the adapter of `from` into s, whose own is closed. */
void srv_source_set_lora(srv_source *s, srv_source *from);

/* Closes and frees; one of zeros is allowed. */
void srv_source_close(srv_source *s);

/* Longest name that srv_source_path makes up, with its end. */
#define SRV_SOURCE_FD_NAME 40u

/* Under which name the file can be opened now: its path, or if another file is there by now the
 * descriptor's name, written into buf.  `of_lora`: the adapter's. */
const char *srv_source_path(const srv_source *s, bool of_lora, char buf[SRV_SOURCE_FD_NAME]);

/* True when both name the same file of a model, or the same folder; the adapters do not count. */
bool srv_source_same_model(const srv_source *a, const srv_source *b);

/* What is at path now; false if nothing is. */
bool srv_ident_of(const char *path, srv_ident *out);

/* True when a and b are the same file in the same state. */
bool srv_ident_same(const srv_ident *a, const srv_ident *b);

/* What the model's file is now; false if it is none that was opened. */
bool srv_source_ident(const srv_source *s, srv_ident *out);

/* Bytes of the model's file, or of all files in its folder; 0 if it cannot be read. */
uint64_t srv_source_bytes(const srv_source *s);

#endif
