/* family.h - how a family of models is written in a Hugging Face folder and in a GGUF: tables.
 *
 * A family maps names of tensors and keys of config.json; what a name's tensor becomes is its form.
 * In names '#' stands for the number of a layer and '@' for the number of an expert.  Sources: the
 * models' own modeling files and the names ggml's converters gave the tensors.
 */
#ifndef ENG_HF_FAMILY_H
#define ENG_HF_FAMILY_H

#include "base/status.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* How a GGUF tensor is made from the folder's.  Rows are output features. */
typedef enum eng_hf_form {
    ENG_HF_SAME,       /* as it is */
    ENG_HF_ROPE_Q,     /* rows of each query head from halves to pairs (llama's RoPE) */
    ENG_HF_ROPE_K,     /* the same for key heads */
    ENG_HF_ADD_ONE,    /* a norm that multiplies by 1 + w */
    ENG_HF_TRANSPOSE,  /* stored [in, out] */
    ENG_HF_STACK,      /* one tensor an expert ('@'), laid one behind the other */
    ENG_HF_QKV_HEADS,  /* rows [head][q k v][size] -> q, k, v */
    ENG_HF_QKV_GROUPS, /* rows [kv head][q .. q k v][size] -> q, k, v */
    ENG_HF_GROUP_Q,    /* the queries of such groups, from halves to pairs */
    ENG_HF_GROUP_K,    /* the keys, likewise */
    ENG_HF_GROUP_V,    /* the values */
    ENG_HF_PART_Q,     /* the query rows of [q; k; v] */
    ENG_HF_PART_K,     /* the key rows, */
    ENG_HF_PART_V,     /* the value rows */
    ENG_HF_HALF_0,     /* first half of the rows (of each expert) */
    ENG_HF_HALF_1,     /* second half */
    ENG_HF_EVEN,       /* rows 0, 2, 4 .. (of each expert) */
    ENG_HF_ODD,        /* rows 1, 3, 5 .. */
    ENG_HF_FP4,        /* MXFP4 as blocks and scales apart ("_blocks", "_scales") */
    ENG_HF_FP4_EVEN,   /* rows 0, 2, .. of such blocks */
    ENG_HF_FP4_ODD,    /* rows 1, 3, .. */
    ENG_HF_MLA_K,      /* of kv_b: the key part of each head, transposed */
    ENG_HF_MLA_V,      /* of kv_b: the value part of each head */
    ENG_HF_ZERO,       /* must hold zeros; GGUF has no place for it */
    ENG_HF_SKIP        /* not a parameter */
} eng_hf_form;

/* A tensor's two names; gguf is NULL for ENG_HF_ZERO and ENG_HF_SKIP. */
typedef struct eng_hf_name {
    const char *hf, *gguf;
    eng_hf_form form; /* how one comes of the other */
} eng_hf_name;

typedef enum eng_hf_kind { ENG_HF_INT, ENG_HF_NUM, ENG_HF_BOOL } eng_hf_kind;

/* A number that both sides have: config.json may call it one of several names ("a|b"). */
typedef struct eng_hf_key {
    const char *hf, *gguf;
    eng_hf_kind kind; /* whole number, number or truth value */
} eng_hf_key;

struct eng_hf_in;
struct eng_hf_out;

typedef struct eng_hf_family {
    const char *arch;                /* general.architecture */
    const char *const *classes;      /* "architectures" of config.json, NULL at the end; [0] is
                                        written */
    const char *model_type;          /* written */
    const eng_hf_name *const *names; /* lists of names, NULL at the end */
    const eng_hf_key *keys;          /* beyond the common ones; NULL: none */
    /* What no table says: further keys, checks.  Any may be NULL; `write` NULL: no export. */
    sk_status (*read)(struct eng_hf_in *in, sk_err *e);
    sk_status (*write)(struct eng_hf_out *out, sk_err *e);
} eng_hf_family;

/* The family of a class in config.json; NULL if there is none. */
const eng_hf_family *eng_hf_family_of_class(const char *name);

/* The family that writes a GGUF's architecture (one that can, if several share it), with a stack of
 * experts or without; NULL if there is none. */
const eng_hf_family *eng_hf_family_of_arch(const char *arch, bool experts);

/* Numbers that all families share. */
extern const eng_hf_key eng_hf_common_keys[];

#endif
