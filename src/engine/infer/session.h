/* session.h - what the rest of infer/ sees of a session; its functions are in engine.h. */
#ifndef ENG_INFER_SESSION_H
#define ENG_INFER_SESSION_H

#include "engine/engine.h"
#include "engine/model/decoder.h"

/* Tokens of a slot that are in the cache: the next item's pos may be at most this. */
size_t eng_session_len(const eng_session *s, uint32_t slot);

/* Shows what matrices read in steps to come: see eng_decoder_watch. */
void eng_session_watch(eng_session *s, const eng_watch *w);

#endif
