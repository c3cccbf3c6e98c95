/* source.h - the model that training begins with: what fine-tuning and pretraining that goes on
 * have in common. */
#ifndef ENG_TRAIN_SOURCE_H
#define ENG_TRAIN_SOURCE_H

#include "base/json.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "engine/model/layout.h"

typedef struct eng_source {
    eng_gguf *gguf;    /* weights of any type; keeps the file mapped */
    eng_vocab *vocab;  /* may be taken: leave NULL */
    eng_config cfg;    /* trainable */
    eng_layout layout; /* of cfg, in the caller's arena */
} eng_source;

/* Opens a GGUF or a Hugging Face folder.  SK_E_UNSUPPORTED names what the training pass does not
 * compute; sentences begin with the path.  End with eng_source_close whatever happens ({0} at
 * first). */
sk_status eng_source_open(const char *path, sk_arena *mem, eng_source *out, sk_err *e);

void eng_source_close(eng_source *s);

/* Takes the model's shape over into o.  A context of 0, or longer than the model's, becomes the
 * model's; a name in o goes into the config. */
void eng_source_shape(eng_source *s, eng_train_opts *o);

/* Refuses what o asks of the shape (0, NULL: nothing) and the model has not: SK_E_INVALID names the
 * flag. */
sk_status eng_source_check(const eng_source *s, const eng_train_opts *o, sk_err *e);

/* Checksum of the weights: what tells it from another model of the same shape. */
uint32_t eng_source_crc(const eng_source *s);

#endif
