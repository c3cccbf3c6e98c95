/* rundir.h - a run's folder and voice: the files in o->out, its lock, and the events. */
#ifndef ENG_TRAIN_RUNDIR_H
#define ENG_TRAIN_RUNDIR_H

#include "base/json.h"
#include "base/status.h"
#include "engine/engine.h"

/* Makes the folder o->out and locks it for this process (*lock, give back with eng_rundir_close);
 * of several processes the first does so for all, and the others hear how it went.  Refuses a
 * checkpoint in it when o->resume is not set, and sweeps up what a killed run left. */
sk_status eng_rundir_open(const eng_train_opts *o, int *lock, sk_err *e);

/* Gives the lock back, where this process has it. */
void eng_rundir_close(int lock);

/* *done: the checkpoint in the folder is the last of the run `meta` describes and the model is in
 * place; the event ENG_EV_DONE has then been sent. */
sk_status eng_rundir_is_done(const eng_train_opts *o, json_t *meta, bool *done, sk_err *e);

/* What the model is called while it is being written. */
#define ENG_MODEL_NEW "model.new.gguf"
#define ENG_ADAPTER_FILE "adapter.gguf"
#define ENG_ADAPTER_NEW "adapter.new.gguf"
#define ENG_REFERENCE_FILE "reference.stk"

/* "out/name" into b[ENG_PATH_MAX]; returns b.  eng_rundir_open has checked that it fits. */
#define ENG_PATH_MAX 4096
/* The file whose being there says that a run is done. */
const char *eng_out_result(const eng_train_opts *o);

/* Only for names of files of ours, which are short. */
const char *eng_out_path(const eng_train_opts *o, const char *name, char *b);

/* Checks all numbers of o that do not depend on the kind of run; the sentence names the flag. */
sk_status eng_train_opts_check(const eng_train_opts *o, sk_err *e);

/* True when matrix products are to run in bf16 under o on this processor. */
bool eng_train_bf16(const eng_train_opts *o);

/* Call o->event, if there is one. */
void eng_emit(const eng_train_opts *o, const eng_train_event *ev);

/* A sentence for a person, cut where it is longer than a line. */
void eng_emit_note(const eng_train_opts *o, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Tells that a stage begins; total 0: its length is not known. */
void eng_emit_stage(const eng_train_opts *o, const char *stage, uint64_t total, uint64_t done);

#endif
