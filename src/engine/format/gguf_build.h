/* gguf_build.h - a GGUF in memory: keys and tensors put together by the program, then read like a
 * file.
 *
 * What turns another format into a model (a Hugging Face folder, say) builds one of these; all that
 * reads models knows eng_gguf only.  Keys are put with the eng_gguf_put_* and eng_gguf_copy_*
 * functions of gguf.h; tensors point at memory of the caller's, usually a mapped file.
 */
#ifndef ENG_FORMAT_GGUF_BUILD_H
#define ENG_FORMAT_GGUF_BUILD_H

#include "engine/format/gguf.h"

/* Starts an empty one.  It ends in eng_gguf_build_open or eng_gguf_abort (which drops what it
 * owns); nothing of it may be committed or written. */
sk_status eng_gguf_build(eng_gguf_writer **out, sk_err *e);

/* A tensor of any ggml type with 1 to 4 dimensions, innermost first, and its data: as many bytes as
 * type and shape take, aligned to 4 at least, good until the GGUF is closed. */
void eng_gguf_build_tensor(eng_gguf_writer *w, const char *name, uint32_t type, uint32_t n_dims,
                           const uint64_t *dim, const void *data);

/* Gives p to the GGUF: drop(p) is called when it is closed, or at once with a false return when
 * there is no memory to remember it (reported by the next status, too).  The last given is dropped
 * first.  For memory of sk_alloc, drop is sk_free. */
bool eng_gguf_build_own(eng_gguf_writer *w, void *p, void (*drop)(void *p));

/* The same for what maps files: the guard has them watched with the GGUF (eng_gguf_watch). */
bool eng_gguf_build_own_files(eng_gguf_writer *w, void *p, void (*drop)(void *p),
                              const eng_gguf_guard *guard);

/* Makes the open GGUF (version 3, no files); w is gone whatever happens, and on failure what it
 * owns is dropped.  A put or a tensor that could not be done is reported here. */
sk_status eng_gguf_build_open(eng_gguf_writer *w, eng_gguf **out, sk_err *e);

/* Writes an open GGUF, built or read, to path as one file: all keys but those of a file's layout,
 * all tensors with their bytes as they are. */
sk_status eng_gguf_save(const eng_gguf *g, const char *path, sk_err *e);

#endif
