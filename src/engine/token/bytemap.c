/* bytemap.c - bytes to GPT-2's printable characters and back, by arithmetic instead of a table. */
#include "engine/token/bytemap.h"

#include <assert.h>

/* The bytes that are not written as themselves, in three runs; each run's characters follow the
 * last run's from U+0100 on. */
static const struct run {
    unsigned first, last, code;
} runs[] = {{0x00, 0x20, 0x100}, {0x7f, 0xa0, 0x121}, {0xad, 0xad, 0x143}};

enum { N_RUNS = sizeof runs / sizeof runs[0], LAST_CODE = 0x143 };

/* The character a byte is written as. */
static unsigned code_of(unsigned byte)
{
    assert(byte < 256);
    for (int i = 0; i < N_RUNS; i++)
        if (byte >= runs[i].first && byte <= runs[i].last)
            return runs[i].code + (byte - runs[i].first);
    return byte;
}

/* The byte a character stands for, -1 if none. */
static int byte_of(unsigned code)
{
    if (code >= 0x100 && code <= LAST_CODE) {
        int i = N_RUNS - 1;
        while (code < runs[i].code)
            i--;
        return (int)(runs[i].first + (code - runs[i].code));
    }
    return code < 0x100 && code_of(code) == code ? (int)code : -1;
}

/* Appends the written form of the n bytes at p. */
void eng_bytemap_write(const char *p, size_t n, sk_buf *out)
{
    for (size_t i = 0; i < n; i++) {
        unsigned c = code_of((unsigned char)p[i]);
        assert(c < 0x800);
        if (c >= 0x80) {
            sk_buf_addc(out, (char)(0xc0 | c >> 6));
            c = 0x80 | (c & 0x3f);
        }
        sk_buf_addc(out, (char)c);
    }
}

/* Reads a written form back.  Characters that stand for bytes have one or two bytes of UTF-8. */
bool eng_bytemap_read(const char *s, size_t n, char *out, size_t *len)
{
    size_t k = 0;
    for (size_t i = 0; i < n;) {
        unsigned c = (unsigned char)s[i++];
        if (c >= 0x80) {
            if (c < 0xc2 || c >= 0xe0 || i == n) return false;
            unsigned next = (unsigned char)s[i++];
            if ((next & 0xc0) != 0x80) return false;
            c = (c & 0x1f) << 6 | (next & 0x3f);
        }
        int byte = byte_of(c);
        if (byte < 0) return false;
        out[k++] = (char)byte;
    }
    assert(k <= n);
    *len = k;
    return true;
}
