/* kv.h - the memory of keys and values: one contiguous stretch for each sequence slot. */
#ifndef ENG_INFER_KV_H
#define ENG_INFER_KV_H

#include "engine/model/decoder.h"

typedef struct eng_kv eng_kv;

/* Room for n_slots sequences of n_ctx tokens of the shape cfg, keys and values rounded to a type
 * (ENG_F32: as they are); SK_E_NOMEM says how much was asked for. */
sk_status eng_kv_open(const eng_config *cfg, size_t n_slots, size_t n_ctx, eng_dtype type,
                      eng_kv **out, sk_err *e);

/* Frees the memory of all slots; NULL is allowed. */
void eng_kv_close(eng_kv *kv);

/* Where the decoder finds the keys and values of a slot. */
eng_kv_seq eng_kv_slot(const eng_kv *kv, uint32_t slot);

/* Bytes held. */
uint64_t eng_kv_bytes(const eng_kv *kv);

#endif
