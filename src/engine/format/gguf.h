/* gguf.h - GGUF, the file format of models (version 3 written, 2 and 3 read, little-endian).
 *
 * Source: ggml's docs/gguf.md.  A reader trusts nothing: every count, length, offset and type is
 * checked against the file before it is used, no allocation exceeds a small multiple of the file's
 * size, and tensors may not overlap or pass the end.  The mapping stays open as long as the object;
 * strings and tensors point into it.
 */
#ifndef ENG_FORMAT_GGUF_H
#define ENG_FORMAT_GGUF_H

#include "base/buf.h"
#include "base/status.h"
#include "engine/tensor/dtype.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct eng_gguf eng_gguf;

typedef struct eng_str {
    const char *p; /* not NUL-terminated */
    size_t n;
} eng_str;

/* Order of two strings: bytes, then length.  Below, at or above 0. */
int eng_str_cmp(eng_str a, eng_str b);

typedef struct eng_gguf_tensor {
    eng_str name;     /* borrowed, without a NUL */
    uint32_t type;    /* ggml_type */
    uint32_t n_dims;  /* 1 to 4 */
    uint64_t dim[4];  /* innermost first, as in the file; 1 beyond n_dims */
    uint32_t file;    /* which file of a split model it lies in, from 0 */
    const void *data; /* in the mapping (or the caller's memory); aligned as the file says, else to
                         32 bytes */
    uint64_t bytes;   /* of data */
} eng_gguf_tensor;

/* "F32", "Q4_K", ...: every tensor type there is, also those this build cannot compute with; "?"
 * for an unknown number (a reader refuses those). */
const char *eng_gguf_type_name(uint32_t type);

/* Opens and checks the whole directory of the file.  The first file of a split model
 * (NAME-00001-of-00003.gguf) opens all of them as one: keys of the first, tensors of all.  A file
 * of it that is missing, is of another model or comes twice is refused, and so is opening it by
 * another than the first. */
sk_status eng_gguf_open(const char *path, eng_gguf **out, sk_err *e);

/* One file alone, whatever it says about others (to look at it). */
sk_status eng_gguf_open_one(const char *path, eng_gguf **out, sk_err *e);

/* The same over n bytes in memory, which must outlive the object (tests, fuzzing). */
sk_status eng_gguf_open_bytes(const void *p, size_t n, eng_gguf **out, sk_err *e);

/* Closes the file and frees g; NULL is allowed. */
void eng_gguf_close(eng_gguf *g);

/* The version of the format (2 or 3) and the size of the file, of all files of a split model. */
uint32_t eng_gguf_version(const eng_gguf *g);

/* Bytes of the file, headers and padding included, or of all files of a split model. */
uint64_t eng_gguf_file_bytes(const eng_gguf *g);

/* Files it was read from: 1, the parts of a split model, or 0 when it was built in memory. */
size_t eng_gguf_n_files(const eng_gguf *g);

/* Tensors in the order of the file's table: how many, and one of them (i below that number). */
size_t eng_gguf_n_tensors(const eng_gguf *g);

/* In the order of the table, which need not be that of the data. */
const eng_gguf_tensor *eng_gguf_tensor_at(const eng_gguf *g, size_t i);

/* NULL if there is none of that name. */
const eng_gguf_tensor *eng_gguf_tensor_find(const eng_gguf *g, const char *name);

/* Says that a tensor's data will not be read soon: where it lies in a mapped file, its pages leave
 * this process's memory (and come back when it is read). */
void eng_gguf_rest(const eng_gguf *g, const eng_gguf_tensor *t);

/* Reads n bytes from byte `at` of a tensor's data on into memory, where they lie in a mapped file
 * (sk_map_read); what lies behind the tensor too, to the end of the file.  False where there is
 * nothing more. */
bool eng_gguf_fetch(const eng_gguf *g, const eng_gguf_tensor *t, size_t at, size_t n);

/* How to watch the files that something maps which a GGUF in memory views (gguf_build.h). */
typedef struct eng_gguf_guard {
    void (*watch)(const void *p);
    bool (*torn)(const void *p);
} eng_gguf_guard;

/* Guards against files that are cut short while they are in use (sk_map_watch).  From then on what
 * is read must not be believed before eng_gguf_torn was asked. */
void eng_gguf_watch(const eng_gguf *g);

/* True when a file was cut short after that. */
bool eng_gguf_torn(const eng_gguf *g);

/* What tells the files of a model from others without reading them whole. */
typedef struct eng_gguf_id {
    uint64_t bytes;   /* of all files */
    int64_t changed;  /* the latest of them, nanoseconds since 1970 */
    uint32_t stamps;  /* CRC-32C of each file's size and time of change */
    uint32_t heads;   /* CRC-32C of all that lies before the data of the tensors */
    uint32_t samples; /* CRC-32C of 64 bytes at the beginning, middle and end of each tensor */
} eng_gguf_id;

/* Fills out; false (out untouched) for a GGUF that was not read from files. */
bool eng_gguf_identify(const eng_gguf *g, eng_gguf_id *out);

/* Keys: number, name by index, and the value printed for people (long arrays cut). */
size_t eng_gguf_n_keys(const eng_gguf *g);

/* The name of key i, borrowed, in the file's order. */
eng_str eng_gguf_key_at(const eng_gguf *g, size_t i);

/* Appends the value of key i; of an array the first 8 elements, then "...". */
void eng_gguf_key_text(const eng_gguf *g, size_t i, sk_buf *out);

/* The value as JSON: numbers (not finite ones: null), truth values and strings as such; an array as
 * {"type":"i32","length":9,"values":[...]} with the first 16 of its values, none of arrays in it.
 */
void eng_gguf_key_json(const eng_gguf *g, size_t i, sk_buf *out);

/* Typed values by key.  Absent: SK_E_NOTFOUND (e is written, out untouched); wrong type:
 * SK_E_FORMAT.  Any integer type that fits converts to u64, float32/64 to f64. */
sk_status eng_gguf_u64(const eng_gguf *g, const char *key, uint64_t *out, sk_err *e);

/* Only float32 and float64: an integer is SK_E_FORMAT. */
sk_status eng_gguf_f64(const eng_gguf *g, const char *key, double *out, sk_err *e);

/* Only of type bool: a 1 is none. */
sk_status eng_gguf_bool(const eng_gguf *g, const char *key, bool *out, sk_err *e);

/* Borrowed from the mapping, not NUL-terminated. */
sk_status eng_gguf_str(const eng_gguf *g, const char *key, eng_str *out, sk_err *e);

/* Arrays: length, then elements by index (string arrays have an index built at open: O(1)).  i64
 * takes arrays of integers, and of truth values as 0 and 1. */
sk_status eng_gguf_arr_len(const eng_gguf *g, const char *key, size_t *n, sk_err *e);

/* i is below the length; another one is SK_E_FORMAT. */
sk_status eng_gguf_arr_str(const eng_gguf *g, const char *key, size_t i, eng_str *out, sk_err *e);

/* u64 values beyond int64 are SK_E_FORMAT. */
sk_status eng_gguf_arr_i64(const eng_gguf *g, const char *key, size_t i, int64_t *out, sk_err *e);

/* Arrays of numbers of any type. */
sk_status eng_gguf_arr_f64(const eng_gguf *g, const char *key, size_t i, double *out, sk_err *e);

/* Writing: create, put keys, declare tensors, write their data in the same order, commit.  A put or
 * a declaration that cannot be done is remembered and reported by the next call that returns a
 * status. */
typedef struct eng_gguf_writer eng_gguf_writer;

/* Starts a file that will replace path when committed.  (gguf_build.h: one that stays in memory.)
 */
sk_status eng_gguf_create(const char *path, eng_gguf_writer **out, sk_err *e);

/* A key with a value of the type in the name; a key may be put once. */
void eng_gguf_put_u32(eng_gguf_writer *w, const char *key, uint32_t v);

/* The bits as they are, NaN too. */
void eng_gguf_put_f32(eng_gguf_writer *w, const char *key, float v);

/* One byte, 0 or 1. */
void eng_gguf_put_bool(eng_gguf_writer *w, const char *key, bool v);

/* n bytes, any of them; GGUF counts strings and ends them with nothing. */
void eng_gguf_put_str(eng_gguf_writer *w, const char *key, const char *s, size_t n);

/* A key with an array of n elements (n = 0 is allowed). */
void eng_gguf_put_strs(eng_gguf_writer *w, const char *key, const eng_str *s, size_t n);

/* The elements are copied. */
void eng_gguf_put_i32s(eng_gguf_writer *w, const char *key, const int32_t *v, size_t n);

/* The same for floats. */
void eng_gguf_put_f32s(eng_gguf_writer *w, const char *key, const float *v, size_t n);

/* The same for any type of fixed size (ENG_GGUF_U8 ... ENG_GGUF_F64 of gguf_type.h): the value, or
 * the n elements, lie at v as they will lie in the file. */
void eng_gguf_put_value(eng_gguf_writer *w, const char *key, uint32_t type, const void *v);

/* v may be at any address; n = 0 is allowed. */
void eng_gguf_put_array(eng_gguf_writer *w, const char *key, uint32_t elem, const void *v,
                        size_t n);

/* Copies all keys of g, whatever their values.  One whose name was put before stays out: so what
 * replaces a key is put first.  Keys that speak of a file's own layout (general.alignment, split.*,
 * stoke.layout.*) are left out. */
void eng_gguf_copy_keys(eng_gguf_writer *w, const eng_gguf *g);

/* Another view of g in which general.name is `name`; g must stay open as long as it. */
sk_status eng_gguf_named(const eng_gguf *g, const char *name, eng_gguf **out, sk_err *e);

/* Declares a tensor of the given type: [rows, cols] with cols innermost, or [cols] for a vector
 * (rows must be 1 then).  Its name has 1 to 63 bytes. */
void eng_gguf_add_tensor(eng_gguf_writer *w, const char *name, eng_dtype t, size_t rows,
                         size_t cols, bool is_vector);

/* Declares a tensor of 1 to 4 dimensions (innermost first) and any ggml type, also one this build
 * does not compute with. */
void eng_gguf_add_shape(eng_gguf_writer *w, const char *name, uint32_t type, uint32_t n_dims,
                        const uint64_t *dim);

/* Data of the next declared tensor, given as float and converted to its type. */
sk_status eng_gguf_write_f32(eng_gguf_writer *w, const float *data, sk_err *e);

/* The next n bytes of the next declared tensor, already in its type; when they complete it, the
 * tensor after it is next.  More than are left of it is an error. */
sk_status eng_gguf_write_raw(eng_gguf_writer *w, const void *data, size_t n, sk_err *e);

/* Checks that all is written and puts the file in place.  w is gone whatever happens. */
sk_status eng_gguf_commit(eng_gguf_writer *w, sk_err *e);

/* Gives the file up: what stood at its path stays.  NULL is allowed. */
void eng_gguf_abort(eng_gguf_writer *w);

#endif
