/* kv.h - the memory of keys and values: a pool of pages for all sequences (kernel/kvmem.h has their
 * layout, infer/pages.h says whose they are).
 *
 * Where beginnings are kept and some layers see a window only, the part of these lies in a second,
 * smaller pool of near pages: a sequence holds those that can still be seen.  It has room for all
 * slots at their most, and an eighth of the first pool's for beginnings. */
#ifndef ENG_INFER_KV_H
#define ENG_INFER_KV_H

#include "engine/infer/pages.h"
#include "engine/model/decoder.h"

typedef struct eng_kv eng_kv;

typedef struct eng_kv_opts {
    size_t n_slots, n_ctx; /* sequences, and tokens each may have */
    size_t n_tokens;       /* that all of them may have together, in whole pages; 0: n_ctx each */
    size_t max_step;       /* tokens that are put in at once */
    eng_dtype type;        /* keys and values are rounded to it (ENG_F32: as they are) */
    bool prefix;           /* keep beginnings of sequences for others */
} eng_kv_opts;

/* A pool for sequences of the shape cfg; SK_E_NOMEM says how much was asked for. */
sk_status eng_kv_open(const eng_config *cfg, const eng_kv_opts *o, eng_kv **out, sk_err *e);

/* Frees all pages; NULL is allowed. */
void eng_kv_close(eng_kv *kv);

/* Whose the pages are. */
eng_pages *eng_kv_pages(const eng_kv *kv);

/* Where the decoder finds the keys and values of a slot. */
eng_kv_seq eng_kv_slot(const eng_kv *kv, uint32_t slot);

/* The memory of a page and its bytes; NULL where windowed layers lie apart, so that a page is not
 * all of its tokens. */
void *eng_kv_page(const eng_kv *kv, uint32_t page, size_t *bytes);

/* Bytes of all pages. */
uint64_t eng_kv_bytes(const eng_kv *kv);

/* Bytes of all pages of a cache that is not opened; SK_E_TOOBIG, SK_E_NOMEM, SK_E_INVALID (type).
 */
sk_status eng_kv_measure(const eng_config *cfg, const eng_kv_opts *o, uint64_t *bytes, sk_err *e);

#endif
