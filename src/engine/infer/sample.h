/* sample.h - choosing a token from logits; its functions are in engine.h.
 *
 * The chain is llama.cpp's: top-k, then top-p, then min-p, all on the distribution at temperature
 * 1, then the temperature, then the draw.  What is left after the filters is always "this token and
 * all that rank above it" in the order of falling logits, smaller ids first among equals; so a
 * filter only moves the mark.
 */
#ifndef ENG_INFER_SAMPLE_H
#define ENG_INFER_SAMPLE_H

#include "engine/engine.h"

#endif
