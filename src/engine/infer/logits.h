/* logits.h - the full forward pass of a list of tokens, kept as a file; its function is in
 * engine.h. */
#ifndef ENG_INFER_LOGITS_H
#define ENG_INFER_LOGITS_H

#include "engine/engine.h"

#endif
