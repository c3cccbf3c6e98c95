/* base64.c - six bits a character. */
#include "engine/token/base64.h"

#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Reads n characters, padded to fours.  The table is made anew at each call: a tokenizer has one
 * such text.  '=' is no digit, so padding anywhere but at the end is refused; the last quartet's
 * spare bits are not looked at. */
bool eng_base64_read(const char *s, size_t n, char *out, size_t *len)
{
    unsigned value[256];
    memset(value, 0xff, sizeof value);
    for (unsigned i = 0; i < 64; i++)
        value[(unsigned char)digits[i]] = i;
    if (n % 4) return false;
    size_t pad = n ? (s[n - 1] == '=') + (s[n - 1] == '=' && s[n - 2] == '=') : 0, at = 0;
    for (size_t i = 0; i < n; i += 4) {
        unsigned bits = 0;
        for (size_t k = 0; k < 4; k++) {
            unsigned v = i + k >= n - pad ? 0 : value[(unsigned char)s[i + k]];
            if (v > 63) return false;
            bits = bits << 6 | v;
        }
        for (int k = 16; k >= 0; k -= 8)
            out[at++] = (char)(bits >> k);
    }
    *len = at - pad;
    return true;
}

/* Appends the n bytes at p. */
void eng_base64_write(const char *p, size_t n, sk_buf *out)
{
    for (size_t i = 0; i < n; i += 3) {
        unsigned bits = 0;
        size_t some = n - i < 3 ? n - i : 3;
        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (k < some ? (unsigned char)p[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            sk_buf_addc(out, k <= some ? digits[bits >> (18 - 6 * k) & 63] : '=');
    }
}
