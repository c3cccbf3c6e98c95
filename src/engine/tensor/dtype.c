/* dtype.c - element types and their conversions, one element at a time. */
#include "engine/tensor/dtype.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

/* The bits of x. */
static uint32_t bits_of(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

/* The float with bits u. */
static float float_of(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* A row of the table of types. */
typedef struct type_row {
    eng_dtype type;
    uint16_t block, bytes; /* elements and bytes of a block */
    const char *name;
} type_row;

/* The row of a type, NULL if unknown. */
static const type_row *find(eng_dtype t)
{
#define ROW(id, number, block, bytes) {ENG_##id, block, bytes, #id},
    static const type_row rows[] = {ENG_DTYPE_TABLE(ROW)};
#undef ROW
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].type == t) return &rows[i];
    return NULL;
}

/* Elements in a block; 0 for an unknown type. */
size_t eng_dtype_block(eng_dtype t)
{
    const type_row *r = find(t);
    return r ? r->block : 0;
}

/* Bytes of a block; 0 for an unknown type. */
size_t eng_dtype_block_bytes(eng_dtype t)
{
    const type_row *r = find(t);
    return r ? r->bytes : 0;
}

/* Bytes of n elements; 0 for an unknown type or a part of a block. */
size_t eng_dtype_bytes(eng_dtype t, size_t n)
{
    const type_row *r = find(t);
    return r && n % r->block == 0 ? n / r->block * r->bytes : 0;
}

/* Name of a type, NULL for an unknown one. */
const char *eng_dtype_name(eng_dtype t)
{
    const type_row *r = find(t);
    return r ? r->name : NULL;
}

/* The type of a name. */
bool eng_dtype_of_name(const char *name, eng_dtype *out)
{
#define TYPE(id, number, block, bytes) ENG_##id,
    static const eng_dtype types[] = {ENG_DTYPE_TABLE(TYPE)};
#undef TYPE
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcasecmp(name, eng_dtype_name(types[i])) == 0) {
            *out = types[i];
            return true;
        }
    return false;
}

/* The upper half of a float, rounded to nearest even.  The addition may carry into the exponent:
 * that is the right rounding, up to infinity. */
uint16_t eng_bf16_of(float x)
{
    uint32_t u = bits_of(x);
    if ((u & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(u >> 16 | 0x40u);
    return (uint16_t)((u + 0x7fffu + (u >> 16 & 1u)) >> 16);
}

/* Exact. */
float eng_bf16_to(uint16_t h)
{
    return float_of((uint32_t)h << 16);
}

/* IEEE 754 binary16 of x, rounded to nearest even: 5 exponent bits (bias 15), 10 of fraction. */
uint16_t eng_f16_of(float x)
{
    uint32_t u = bits_of(x);
    uint32_t sign = u >> 16 & 0x8000u;
    uint32_t mag = u & 0x7fffffffu;
    if (mag > 0x7f800000u) return (uint16_t)(sign | 0x7e00u | (mag >> 13 & 0x3ffu));
    if (mag >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u); /* rounds to 65536 or more */
    if (mag < 0x33000000u) return (uint16_t)sign;              /* below half the least denormal */
    uint32_t shift = 13, frac = mag, bias = (127u - 15u) << 23;
    if (mag < 0x38800000u) { /* denormal: the implicit one becomes explicit and moves down */
        shift = 13 + 113 - (mag >> 23);
        frac = (mag & 0x7fffffu) | 0x800000u;
        bias = 0;
    }
    assert(shift >= 13 && shift <= 24);
    uint32_t half = 1u << (shift - 1), rest = frac & ((1u << shift) - 1);
    uint32_t h = (frac - bias) >> shift;
    if (rest > half || (rest == half && (h & 1u))) h++;
    return (uint16_t)(sign | h);
}

/* Exact; a denormal is its fraction times 2^-24. */
float eng_f16_to(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, e = h >> 10 & 31u, frac = h & 0x3ffu;
    if (e == 31) return float_of(sign | 0x7f800000u | frac << 13 | (frac ? 0x400000u : 0));
    if (e) return float_of(sign | (e + 112u) << 23 | frac << 13);
    float x = (float)frac * 0x1p-24f;
    return sign ? -x : x;
}

/* n elements of type t at src to float at dst. */
void eng_dtype_to_f32(eng_dtype t, const void *src, float *dst, size_t n)
{
    const uint16_t *h = src;
    switch (t) {
    case ENG_F32:
        if (n) memcpy(dst, src, n * sizeof *dst);
        return;
    case ENG_F16:
        for (size_t i = 0; i < n; i++)
            dst[i] = eng_f16_to(h[i]);
        return;
    case ENG_BF16:
        for (size_t i = 0; i < n; i++)
            dst[i] = eng_bf16_to(h[i]);
        return;
    default:
        assert(!"not a plain element type");
    }
}

/* n floats at src to type t at dst. */
void eng_dtype_of_f32(eng_dtype t, const float *src, void *dst, size_t n)
{
    uint16_t *h = dst;
    switch (t) {
    case ENG_F32:
        if (n) memcpy(dst, src, n * sizeof *src);
        return;
    case ENG_F16:
        for (size_t i = 0; i < n; i++)
            h[i] = eng_f16_of(src[i]);
        return;
    case ENG_BF16:
        for (size_t i = 0; i < n; i++)
            h[i] = eng_bf16_of(src[i]);
        return;
    default:
        assert(!"not a plain element type");
    }
}
