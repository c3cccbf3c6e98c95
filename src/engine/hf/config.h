/* config.h - config.json of a Hugging Face folder as keys of a GGUF, and back.
 *
 * Reading gathers the keys first, so that a family's own code may replace what the common table
 * put.
 */
#ifndef ENG_HF_CONFIG_H
#define ENG_HF_CONFIG_H

#include "base/mem.h"
#include "engine/format/gguf.h"
#include "engine/hf/family.h"

#include <stdint.h>

/* A key gathered: a number or a text, or a list of truth values. */
typedef struct eng_hf_value {
    char key[80];     /* without the architecture's prefix */
    char type;        /* 'i', 'n', 'b', 's', 'B' (list of n truth values) */
    double num;       /* of 'i', 'n' and 'b' */
    const char *str;  /* of 's', borrowed */
    const bool *list; /* of 'B': one a layer */
    size_t n;         /* of list */
} eng_hf_value;

enum { ENG_HF_KEYS_MAX = 64 };

/* A folder being read.  Sizes are those of config.json, defaults filled in. */
typedef struct eng_hf_in {
    json_t *cfg; /* config.json, the text model's part of it laid over the rest */
    const eng_hf_family *family;
    sk_arena *mem; /* for what the values point to */
    uint32_t n_layer, n_embd, n_head, n_kv_head, head_dim, n_expert;
    uint32_t mla_nope, mla_v; /* sizes of a head's key without position, and of its value */
    eng_hf_value value[ENG_HF_KEYS_MAX];
    size_t n_values; /* gathered so far, at most ENG_HF_KEYS_MAX */
} eng_hf_in;

/* A folder being written: config.json grows from the keys of g. */
typedef struct eng_hf_out {
    const eng_gguf *g; /* the model that is written */
    const eng_hf_family *family;
    json_t *cfg;
} eng_hf_out;

/* Reads the text of config.json: finds the family, gathers the keys.  in->cfg is to be released
 * with json_decref whatever is returned. */
sk_status eng_hf_config_read(const char *text, size_t n, sk_arena *mem, eng_hf_in *in, sk_err *e);

/* Puts what was gathered into w: general.architecture, general.name, and the family's keys. */
sk_status eng_hf_config_put(const eng_hf_in *in, const char *name, eng_gguf_writer *w, sk_err *e);

/* The text of a config.json for g, with dtype as torch_dtype ("bfloat16"), appended to out; *family
 * is the one whose names the tensors get. */
sk_status eng_hf_config_write(const eng_gguf *g, const char *dtype, sk_buf *out,
                              const eng_hf_family **family, sk_err *e);

/* ---- for families ---- */

/* A number of config.json under one of several names "a|b"; false if there is none (null counts as
 * none).  The second form looks into another object (NULL: nothing). */
bool eng_hf_num(const eng_hf_in *in, const char *names, double *out);

/* NULL for obj: false. */
bool eng_hf_num_in(json_t *obj, const char *names, double *out);

/* The object that describes RoPE scaling, NULL if there is none; whether its type is `type`. */
json_t *eng_hf_rope(const eng_hf_in *in);

/* Newer folders call it rope_type, older ones type. */
bool eng_hf_rope_is(const eng_hf_in *in, const char *type);

/* Sets a key (suffix behind the architecture's name); an earlier value is replaced.  A whole number
 * is brought into 32 bits: what is outside them is refused when the model is opened. */
void eng_hf_put_int(eng_hf_in *in, const char *suffix, double v);

/* Becomes a float32 key. */
void eng_hf_put_num(eng_hf_in *in, const char *suffix, double v);

/* Becomes a bool key. */
void eng_hf_put_bool(eng_hf_in *in, const char *suffix, bool v);

/* v is borrowed until eng_hf_config_put. */
void eng_hf_put_str(eng_hf_in *in, const char *suffix, const char *v);

/* rope.dimension_count from partial_rotary_factor or rotary_pct, `deflt` where neither is there. */
void eng_hf_put_n_rot(eng_hf_in *in, double deflt);

/* attention.sliding_window and its pattern: layer_types, else all layers but each `every`th. */
sk_status eng_hf_put_window(eng_hf_in *in, uint32_t every, sk_err *e);

/* Nothing but what the tables say. */
sk_status eng_hf_write_plain(eng_hf_out *out, sk_err *e);

#endif
