/* gate.h - the first checks of a new version, which need its file alone (door/gate.h has all of
 * them). */
#ifndef ENG_EVAL_GATE_H
#define ENG_EVAL_GATE_H

#include "engine/door/gate.h"

/* Opens the new file and looks at its tensors and its tokenizer: the checks FILE, WEIGHTS,
 * TOKENIZER of out, up to the first that fails.  Errors are of the live file, of memory. */
sk_status eng_gate_files(eng_exec *x, const char *live, const char *fresh, eng_gate *out,
                         sk_err *e);

/* True for errors that say something of the file that was read, rather than of the machine. */
bool eng_gate_is_file(sk_status st);

#endif
