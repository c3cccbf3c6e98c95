/* npy.c - NumPy's .npy, version 1.0: a magic, a Python literal padded to 64 bytes, the data. */
#include "engine/format/npy.h"

#include "base/file.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { ALIGN = 64, PREFIX = 10 };

/* Writes float32 data [rows, cols] in C order, atomically. */
sk_status eng_npy_write(const char *path, const float *data, size_t rows, size_t cols, sk_err *e)
{
    size_t n;
    if (__builtin_mul_overflow(rows, cols, &n) || n > PTRDIFF_MAX / sizeof *data)
        return sk_fail(e, SK_E_TOOBIG, "%s: %zu x %zu floats do not fit", path, rows, cols);
    assert(data || !n);

    char head[2 * ALIGN];
    memset(head, ' ', sizeof head);
    memcpy(head, "\x93NUMPY\x01\x00", 8);
    char dict[2 * ALIGN - PREFIX - 1];
    int len =
        snprintf(dict, sizeof dict,
                 "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %zu), }", rows, cols);
    assert(len > 0 && (size_t)len < sizeof dict);
    /* prefix + dictionary + newline, up to the next multiple of 64 */
    size_t total = (PREFIX + (size_t)len + 1 + ALIGN - 1) / ALIGN * ALIGN;
    assert(total <= sizeof head);
    memcpy(head + PREFIX, dict, (size_t)len);
    head[8] = (char)((total - PREFIX) & 0xff);
    head[9] = (char)((total - PREFIX) >> 8);
    head[total - 1] = '\n';

    sk_outfile *f;
    sk_status st = sk_outfile_open(path, &f, e);
    if (st) return st;
    st = sk_outfile_write(f, head, total, e);
    if (!st) st = sk_outfile_write(f, data, n * sizeof *data, e);
    if (!st) return sk_outfile_commit(f, e);
    sk_outfile_abort(f);
    return st;
}
