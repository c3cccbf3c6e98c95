/* figures.h - what the gate measured one model to be, so that it need not be measured again.
 *
 * Two models can be compared where both were measured on the same data with the same settings by
 * the same program (`data`), and their texts cut alike (`cut`).  As a file they are one JSON object
 * (docs/format/gate.md), replaced atomically; numbers come back to the last bit, so that a verdict
 * does not depend on whether figures were kept.
 */
#ifndef ENG_EVAL_FIGURES_H
#define ENG_EVAL_FIGURES_H

#include "base/sha256.h"
#include "engine/door/gate.h"
#include "engine/eval/held.h"
#include "engine/eval/shadow.h"

typedef struct eng_figures {
    char model[SK_SHA256_HEX]; /* of the model's file; "" where it has no single one */
    char data[SK_SHA256_HEX];  /* of the held-out files, the suite, the settings, the program */
    uint32_t n_ctx;            /* the model's context */
    uint32_t cut;              /* tokens of a sequence of held-out text */
    bool chat;                 /* it has a chat template */
    eng_shadow shadow;
    size_t n; /* held-out files */
    size_t n_doc[ENG_GATE_VALID];
    eng_held_doc *doc[ENG_GATE_VALID]; /* [n_doc[i]], owned */
    size_t asked, right;               /* of the suite; 0 where there was none for it */
} eng_figures;

/* Gives back the documents; f is then empty. */
void eng_figures_fini(eng_figures *f);

/* Appends the object, and a line's end. */
void eng_figures_write(const eng_figures *f, sk_buf *b);

/* The other way, from n bytes of which nothing is expected.  SK_E_INVALID where they are no such
 * object; *out is set on success only. */
sk_status eng_figures_parse(const char *text, size_t n, eng_figures *out, sk_err *e);

/* The same from and to a file.  SK_E_NOTFOUND: there is none. */
sk_status eng_figures_load(const char *path, eng_figures *out, sk_err *e);
sk_status eng_figures_save(const char *path, const eng_figures *f, sk_err *e);

/* True when held-out documents of a and b can be compared one by one: data and cut are the same,
 * and so are the documents' bytes. */
bool eng_figures_alike(const eng_figures *a, const eng_figures *b);

/* Of one held-out file alone. */
bool eng_figures_same_docs(const eng_figures *a, const eng_figures *b, size_t file);

/* The hash of a model's file into hex; "" for a folder and for the parts of a split model, of which
 * one file says nothing. */
sk_status eng_figures_of_model(const char *path, char hex[SK_SHA256_HEX], sk_err *e);

/* The hash of all that decides what is measured of a model, but the model. */
sk_status eng_figures_of_data(const eng_gate_opts *o, char hex[SK_SHA256_HEX], sk_err *e);

#endif
