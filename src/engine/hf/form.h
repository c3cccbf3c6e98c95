/* form.h - what a tensor of a folder becomes in a GGUF, and back: shapes and bytes. */
#ifndef ENG_HF_FORM_H
#define ENG_HF_FORM_H

#include "engine/hf/config.h"

/* The sizes a form depends on. */
typedef struct eng_hf_sizes {
    size_t n_head, n_kv_head, head_dim, mla_nope, mla_v; /* 0 where a model has no such thing */
} eng_hf_sizes;

/* A tensor as matrices of rows: mats x rows x cols elements.  A vector is one column. */
typedef struct eng_hf_shape {
    size_t mats, rows, cols; /* cols innermost, as both formats store it */
} eng_hf_shape;

/* The shape that src becomes.  False when src does not fit the form and the sizes. */
bool eng_hf_form_shape(eng_hf_form form, const eng_hf_sizes *z, eng_hf_shape src,
                       eng_hf_shape *dst);

/* For forms that only move rows: the row of src that row r of dst is (within one matrix; for
 * ENG_HF_MLA_V over all).  dst has `rows` rows a matrix. */
size_t eng_hf_form_row(eng_hf_form form, const eng_hf_sizes *z, size_t rows, size_t r);

/* True for the forms of blocks of 4 bits. */
bool eng_hf_form_is_fp4(eng_hf_form form);

/* One block of 32 values of MXFP4: scale and 16 bytes as folders keep them (values 2j and 2j + 1
 * in byte j) to ggml's block of 17 (values j and j + 16 in byte j). */
void eng_hf_fp4_block(uint8_t out[17], const uint8_t packed[16], uint8_t scale);

#endif
