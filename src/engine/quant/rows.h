/* rows.h - the row functions behind quant.h, one for each block format.  Private to the room. */
#ifndef ENG_QUANT_ROWS_H
#define ENG_QUANT_ROWS_H

#include <stddef.h>
#include <stdint.h>

/* Each unpacks n_blocks blocks at src to floats at dst. */
void eng_unpack_q4_0(const void *src, float *dst, size_t n_blocks);
void eng_unpack_q4_1(const void *src, float *dst, size_t n_blocks);
void eng_unpack_q5_0(const void *src, float *dst, size_t n_blocks);
void eng_unpack_q5_1(const void *src, float *dst, size_t n_blocks);
void eng_unpack_q8_0(const void *src, float *dst, size_t n_blocks);
void eng_unpack_iq4_nl(const void *src, float *dst, size_t n_blocks);
void eng_unpack_mxfp4(const void *src, float *dst, size_t n_blocks);
void eng_unpack_q2_k(const void *src, float *dst, size_t n_blocks);
void eng_unpack_q3_k(const void *src, float *dst, size_t n_blocks);
void eng_unpack_q4_k(const void *src, float *dst, size_t n_blocks);
void eng_unpack_q5_k(const void *src, float *dst, size_t n_blocks);
void eng_unpack_q6_k(const void *src, float *dst, size_t n_blocks);
void eng_unpack_iq4_xs(const void *src, float *dst, size_t n_blocks);

/* Each packs one block: the 32 or 256 finite numbers at x into dst.  w: importance, or NULL. */
void eng_pack_q4_0(const float *x, const float *w, void *dst);
void eng_pack_q4_1(const float *x, const float *w, void *dst);
void eng_pack_q5_0(const float *x, const float *w, void *dst);
void eng_pack_q5_1(const float *x, const float *w, void *dst);
void eng_pack_q8_0(const float *x, const float *w, void *dst);
void eng_pack_iq4_nl(const float *x, const float *w, void *dst);
void eng_pack_iq4_xs(const float *x, const float *w, void *dst);
void eng_pack_mxfp4(const float *x, const float *w, void *dst);

/* Those that always search: x and w are as fit.h wants them, w is not NULL. */
void eng_pack_q2_k(const float *x, const float *w, void *dst);
void eng_pack_q3_k(const float *x, const float *w, void *dst);
void eng_pack_q4_k(const float *x, const float *w, void *dst);
void eng_pack_q5_k(const float *x, const float *w, void *dst);
void eng_pack_q6_k(const float *x, const float *w, void *dst);

/* The scale 2^(e - 128) of an MXFP4 block; denormal for e of 0 and 1. */
float eng_mxfp4_scale(uint8_t e);

#endif
