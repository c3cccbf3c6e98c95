/* gate_best.h - the best that versions were before: what a new one is held against besides the live
 * one, so that small losses do not add up over many rounds. */
#ifndef ENG_EVAL_GATE_BEST_H
#define ENG_EVAL_GATE_BEST_H

#include "engine/eval/figures.h"

typedef struct eng_gate_best {
    size_t versions;                   /* looked at */
    eng_held_doc *doc[ENG_GATE_VALID]; /* of each file, of the version that needed the fewest bits
                                          for it; NULL: there is none; owned */
    size_t right;                      /* most right answers of any */
} eng_gate_best;

/* Reads the files *.json of a folder (docs/format/gate.md).  Those that are no figures, or not of
 * the data of `like`, count for nothing; no folder, no versions. */
sk_status eng_gate_best_find(const char *folder, const eng_figures *like, eng_gate_best *out,
                             sk_err *e);

void eng_gate_best_fini(eng_gate_best *b);

#endif
