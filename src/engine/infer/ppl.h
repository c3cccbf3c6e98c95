/* ppl.h - perplexity of a text; its function is in engine.h.
 *
 * The procedure is that of llama.cpp's llama-perplexity with its defaults, so that figures compare:
 * one line feed at the end of the text is dropped; the text becomes ids once, BOS before it where
 * the model's file asks for it, special tokens in it not read; the ids are cut into windows of
 * n_ctx that don't overlap, a shorter rest is left out; where the file asks for BOS the first token
 * of each window is replaced by it; of each window the tokens from n_ctx / 2 + 1 on are scored,
 * each with all before it in the window seen.
 */
#ifndef ENG_INFER_PPL_H
#define ENG_INFER_PPL_H

#include "engine/engine.h"

#endif
