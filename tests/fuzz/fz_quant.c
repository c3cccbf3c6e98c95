/* fz_quant.c - any bytes as numbers to pack, and as packed blocks: no crash, what is packed comes
 * back finite where it was usual, and its error stays below that of the trivial answer. */
#include "engine/quant/quant.h"

#include "engine/quant/blocks.h"
#include "tests/fuzz/promise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TYPE(id, n, block, bytes) ENG_##id,
static const eng_dtype types[] = {ENG_DTYPE_TABLE(TYPE)};
#undef TYPE
enum { N_TYPES = sizeof types / sizeof types[0], ROWS_MOST = 4 };

/* True when all numbers are of a size that every type can hold well. */
static bool usual(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(x[i]) < 1e4f) || (x[i] != 0 && fabsf(x[i]) < 1e-3f)) return false;
    return true;
}

/* Packs rows of numbers made of the bytes, with and without importance, and unpacks them. */
static void pack(eng_dtype t, const float *x, size_t rows, const float *importance)
{
    size_t n = rows * ENG_QK, bytes = eng_dtype_bytes(t, n);
    uint8_t *packed = malloc(bytes);
    float *y = malloc(n * sizeof *y);
    must(packed && y);
    fuzz_watch_begin();
    eng_quant_pack(t, x, packed, rows, ENG_QK, importance);
    eng_quant_unpack(t, packed, y, n);
    fuzz_watch_end(0, 0);
    if (usual(x, n)) {
        double error = 0, size = 0;
        for (size_t i = 0; i < n; i++) {
            must(isfinite(y[i]));
            error += ((double)y[i] - (double)x[i]) * ((double)y[i] - (double)x[i]);
            size += (double)x[i] * (double)x[i];
        }
        must(importance || error <= size * 1.001 + 1e-9);
    }
    free(packed);
    free(y);
}

/* Takes the bytes for blocks. */
static void unpack(eng_dtype t, const uint8_t *data, size_t size)
{
    size_t blocks = size / eng_dtype_block_bytes(t), n = blocks * eng_dtype_block(t);
    uint8_t *copy = malloc(blocks * eng_dtype_block_bytes(t) + 1);
    float *y = malloc(n * sizeof *y + 1);
    must(copy && y);
    if (blocks) memcpy(copy, data, blocks * eng_dtype_block_bytes(t));
    eng_quant_unpack(t, copy, y, n);
    free(copy);
    free(y);
}

/* The first byte is the type and whether there is importance; the rest numbers, repeated as needed.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static float x[ROWS_MOST * ENG_QK];
    float importance[ENG_QK];
    if (size < 5) return 0;
    eng_dtype t = types[data[0] % N_TYPES];
    const uint8_t *p = data + 1;
    size_t have = (size - 1) / sizeof(float), rows = (have + ENG_QK - 1) / ENG_QK;
    if (rows > ROWS_MOST) rows = ROWS_MOST;
    for (size_t i = 0; i < rows * ENG_QK; i++)
        memcpy(&x[i], p + i % have * sizeof(float), sizeof(float));
    for (size_t i = 0; i < ENG_QK; i++)
        importance[i] = x[(i * 7 + 3) % (rows * ENG_QK)];
    pack(t, x, rows, data[0] & 0x80 ? importance : NULL);
    unpack(t, p, size - 1);
    return 0;
}
