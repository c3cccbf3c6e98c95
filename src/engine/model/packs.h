/* packs.h - where a model's packed weights lie: in memory, or in a file that is mapped.
 *
 * Packing costs a pass over the model and its size in memory once more.  A file of packs costs disk
 * space instead: it is written once, and then opening maps it.  It lies beside the model as
 * MODEL.LEVEL.pack (LEVEL: the processor's, as --cpu names it), or, where that cannot be written,
 * in sk_cache_path.
 *
 *   0        struct head (packs.c): magic, version, layout, the model's identity, the level
 *   2 MiB    the packs, as many bytes as the space has
 *
 * Nothing in the file is believed: its head must be byte for byte what would be written now, and
 * its size right.  So a file of another model, level, build or state of the model is not used and
 * is written anew.  What is not checked is the packs themselves, as the model's own weights are
 * not: a look at each byte is what the file is to save.
 */
#ifndef ENG_MODEL_PACKS_H
#define ENG_MODEL_PACKS_H

#include "engine/model/model.h"

/* Opens m->packs for the matrices of m->layout: mapped and filled from the kept file of the model
 * at `path` if there is a good one; else memory, and with a path eng_packs_keep will write it.
 * A kept file that cannot be used is a warning in the log.  path NULL: memory only. */
sk_status eng_packs_open(eng_exec *x, eng_model *m, unsigned flags, const char *path, sk_err *e);

/* After loading: false if the packs came from a file and were not asked for as they were when it
 * was written.  They must not be used then. */
bool eng_packs_agree(const eng_model *m);

/* Memory for the packs, without a file; m->packs is closed before. */
sk_status eng_packs_new(eng_model *m, unsigned flags, sk_err *e);

/* Writes the packs to their file if they are to be kept and did not come from it.  A failure is a
 * warning in the log: the model is open all the same.  SK_E_STOPPED where eng_exec_go_on says so;
 * then there is no file. */
sk_status eng_packs_keep(eng_exec *x, eng_model *m, sk_err *e);

/* True when the file that the packs are mapped from was cut short since. */
bool eng_packs_torn(const eng_model *m);

/* Frees or unmaps the packs; what is to be kept is forgotten only with the model (arena). */
void eng_packs_close(eng_model *m);

#endif
