/* sample.h - choosing a token from logits; its functions are in engine.h.
 *
 * The chain, in llama.cpp's default order; what is off costs nothing:
 *
 *     mask, bias             what may not be chosen, what is preferred
 *     penalties, DRY         against repetition
 *     top-k                  \
 *     typical                 | leave out tokens; each sees the softmax at temperature 1 over what
 *     top-p                   | the one before it left
 *     min-p                   |
 *     XTC                    /
 *     temperature, draw      in the order of ids
 *
 * With mirostat the five filters are not used: temperature, cut at mu, draw.  Where llama.cpp
 * leaves penalties out too, they stay here: who asks for both gets both.
 */
#ifndef ENG_INFER_SAMPLE_H
#define ENG_INFER_SAMPLE_H

#include "engine/engine.h"

#endif
