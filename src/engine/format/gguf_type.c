/* gguf_type.c - the tables behind gguf_type.h.  Source: ggml's docs/gguf.md and ggml.h. */
#include "engine/format/gguf_type.h"

#include "engine/format/gguf.h"

static const struct value_type {
    const char *name;
    uint8_t bytes, least; /* bytes 0: not of fixed size */
} values[ENG_GGUF_TYPES] = {
    [ENG_GGUF_U8] = {"u8", 1, 1},   [ENG_GGUF_I8] = {"i8", 1, 1},
    [ENG_GGUF_U16] = {"u16", 2, 2}, [ENG_GGUF_I16] = {"i16", 2, 2},
    [ENG_GGUF_U32] = {"u32", 4, 4}, [ENG_GGUF_I32] = {"i32", 4, 4},
    [ENG_GGUF_F32] = {"f32", 4, 4}, [ENG_GGUF_BOOL] = {"bool", 1, 1},
    [ENG_GGUF_STR] = {"str", 0, 8}, [ENG_GGUF_ARR] = {"arr", 0, 12},
    [ENG_GGUF_U64] = {"u64", 8, 8}, [ENG_GGUF_I64] = {"i64", 8, 8},
    [ENG_GGUF_F64] = {"f64", 8, 8},
};

/* Tensor types that this build passes through but does not compute with (tensor/dtype.h has the
 * others); numbers that are missing were given up by ggml and are in no current file. */
static const struct tensor_type {
    uint16_t type, elements, bytes;
    const char *name;
} tensors[] = {
    {9, 32, 36, "Q8_1"},     {15, 256, 292, "Q8_K"},   {16, 256, 66, "IQ2_XXS"},
    {17, 256, 74, "IQ2_XS"}, {18, 256, 98, "IQ3_XXS"}, {19, 256, 50, "IQ1_S"},
    {21, 256, 110, "IQ3_S"}, {22, 256, 82, "IQ2_S"},   {24, 1, 1, "I8"},
    {25, 1, 2, "I16"},       {26, 1, 4, "I32"},        {27, 1, 8, "I64"},
    {28, 1, 8, "F64"},       {29, 256, 56, "IQ1_M"},   {34, 256, 54, "TQ1_0"},
    {35, 256, 66, "TQ2_0"},  {40, 64, 36, "NVFP4"},    {41, 128, 18, "Q1_0"},
    {42, 64, 18, "Q2_0"},
};

/* The row of a tensor type of that table, NULL if it is not there. */
static const struct tensor_type *find(uint32_t type)
{
    for (size_t i = 0; i < sizeof tensors / sizeof tensors[0]; i++)
        if (tensors[i].type == type) return &tensors[i];
    return NULL;
}

/* Bytes of a value of fixed size, 0 for strings, arrays and unknown types. */
size_t eng_gguf_value_bytes(uint32_t type)
{
    return type < ENG_GGUF_TYPES ? values[type].bytes : 0;
}

/* The least a value of the type takes in a file, 0 for an unknown type. */
size_t eng_gguf_value_least(uint32_t type)
{
    return type < ENG_GGUF_TYPES ? values[type].least : 0;
}

/* Name of a value type, "?" if unknown. */
const char *eng_gguf_value_name(uint32_t type)
{
    return type < ENG_GGUF_TYPES ? values[type].name : "?";
}

/* Elements and bytes of a block of a tensor type. */
void eng_gguf_block(uint32_t type, uint32_t *elements, uint32_t *bytes)
{
    const struct tensor_type *t = find(type);
    *elements = t ? t->elements : (uint32_t)eng_dtype_block((eng_dtype)type);
    *bytes = t ? t->bytes : (uint32_t)eng_dtype_block_bytes((eng_dtype)type);
}

/* Name of a tensor type, "?" if unknown. */
const char *eng_gguf_type_name(uint32_t type)
{
    const struct tensor_type *t = find(type);
    const char *name = t ? t->name : eng_dtype_name((eng_dtype)type);
    return name ? name : "?";
}
