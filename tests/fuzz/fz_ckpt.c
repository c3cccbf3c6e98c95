/* fz_ckpt.c - any bytes as a checkpoint: as they are, and with the checksums put right so that what
 * they cover is reached. */
#include "engine/format/ckpt.h"

#include "base/crc.h"
#include "base/mem.h"
#include "tests/fuzz/promise.h"

#include <stdbool.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEADER = 64, ROW = 32, SECTIONS_MAX = 1024 };

/* Opens the bytes; every section the table names is there, inside, aligned. */
static void open_and_walk(const uint8_t *p, size_t n)
{
    sk_err e = SK_ERR_INIT;
    eng_ckpt *c = NULL;
    if (eng_ckpt_open_bytes(p, n, &c, &e)) {
        must(!c && e.status && e.text[0]);
        return;
    }
    uint32_t sections;
    memcpy(&sections, p + 12, sizeof sections);
    for (uint32_t i = 0; i < sections; i++) {
        char name[9] = {0};
        const void *at = NULL;
        uint64_t len = 0;
        memcpy(name, p + HEADER + (size_t)i * ROW, 8);
        sk_status st = eng_ckpt_get(c, name, &at, &len, &e);
        /* a name with a NUL inside cannot be asked for */
        must(st == SK_OK || memchr(p + HEADER + (size_t)i * ROW, 0, 8));
        if (st) continue;
        const uint8_t *q = at;
        must(q >= p && q <= p + n && len <= (uint64_t)(p + n - q) && (q - p) % 64 == 0);
        (void)sk_crc32c(0, q, (size_t)len);
    }
    eng_ckpt_close(c);
}

/* Puts magic, version, length and every checksum right, as far as the bytes allow. */
static void sign(uint8_t *p, size_t n)
{
    uint32_t version = 1, sections, zero = 0, crc;
    memcpy(p, "STKCKPT\n", 8);
    memcpy(p + 8, &version, 4);
    memcpy(&sections, p + 12, 4);
    sections %= 9;
    memcpy(p + 12, &sections, 4);
    memcpy(p + 16, &(uint64_t){n}, 8);
    memcpy(p + 24, &zero, 4);
    size_t directory = (HEADER + sections * (size_t)ROW + 63) / 64 * 64;
    if (directory > n) return;
    for (uint32_t i = 0; i < sections; i++) {
        uint64_t at[2];
        uint8_t *row = p + HEADER + (size_t)i * ROW;
        memcpy(at, row + 8, sizeof at);
        if (at[0] > n || at[1] > n - at[0]) continue;
        crc = sk_crc32c(0, p + at[0], (size_t)at[1]);
        memcpy(row + 24, &crc, 4);
    }
    crc = sk_crc32c(0, p, directory);
    memcpy(p + 24, &crc, 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    open_and_walk(data, size);
    if (size < HEADER) return 0;
    uint8_t *p = sk_alloc(SK_MEM_MISC, size);
    if (!p) return 0;
    memcpy(p, data, size);
    sign(p, size);
    open_and_walk(p, size);
    sk_free(p);
    return 0;
}
