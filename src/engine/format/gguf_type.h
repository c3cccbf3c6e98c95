/* gguf_type.h - the two lists of types in a GGUF: those of values and those of tensors. */
#ifndef ENG_FORMAT_GGUF_TYPE_H
#define ENG_FORMAT_GGUF_TYPE_H

#include <stddef.h>
#include <stdint.h>

/* Value types, numbers as in the file. */
enum {
    ENG_GGUF_U8,
    ENG_GGUF_I8,
    ENG_GGUF_U16,
    ENG_GGUF_I16,
    ENG_GGUF_U32,
    ENG_GGUF_I32,
    ENG_GGUF_F32,
    ENG_GGUF_BOOL, /* a byte, 0 or 1 */
    ENG_GGUF_STR,  /* u64 length, then the bytes */
    ENG_GGUF_ARR,  /* u32 type of elements, u64 their number, then they */
    ENG_GGUF_U64,
    ENG_GGUF_I64,
    ENG_GGUF_F64,
    ENG_GGUF_TYPES /* how many there are */
};

/* Bytes of a value of fixed size, 0 for strings, arrays and unknown types. */
size_t eng_gguf_value_bytes(uint32_t type);

/* The least a value of the type takes in a file, 0 for an unknown type. */
size_t eng_gguf_value_least(uint32_t type);

/* Name of a value type ("u32", "str"), "?" if unknown. */
const char *eng_gguf_value_name(uint32_t type);

/* Elements and bytes of a block of a tensor type; both 0 when the type is unknown. */
void eng_gguf_block(uint32_t type, uint32_t *elements, uint32_t *bytes);

#endif
