/* grammar.h - structured output: an answer that satisfies a JSON Schema, a grammar or a regular
 * expression, by construction.
 *
 * How to use it:
 *   1. Once a model: eng_tokentrie_new(eng_model_vocab(m), &trie, e).
 *   2. Once a schema (it may be kept and shared by any number of answers and threads):
 *      eng_grammar_open_schema(trie, text, n, NULL, &g, e), or _json, _gbnf, _regex.  A failure is
 *      the client's (SK_E_INVALID, SK_E_UNSUPPORTED, SK_E_TOOBIG: answer 400 with e's sentence,
 *      which names the keyword and its place) or ours (SK_E_NOMEM).  Nothing is ever ignored or
 *      widened: what can't be enforced is refused here.
 *   3. Once an answer: eng_matcher_new(g, &m, e).  Then, for each token: eng_matcher_mask(m, mask,
 *      e), give mask to the sampler (eng_sample_in.allowed), and eng_matcher_accept(m, id, e) for
 *      the token that was chosen.  Tokens that end an answer are in the mask when it may end, and
 *      nothing else when it must.
 *
 * If the model runs out of tokens (max_tokens) the text is a beginning of a valid answer.
 *
 * What a mask holds is a function of the grammar and the tokens accepted so far only.  A grammar
 * keeps what it has learnt (states, masks) in a bounded notebook behind a lock; that changes speed,
 * never results.  docs/guide/structured-output.md says what is supported.
 */
#ifndef ENG_GRAMMAR_GRAMMAR_H
#define ENG_GRAMMAR_GRAMMAR_H

#include "base/buf.h"
#include "base/status.h"
#include "engine/token/vocab.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- vocabularies ---- */

typedef struct eng_tokentrie eng_tokentrie;

/* Takes some 50 ms and 10 MB for a vocabulary of 128,000 tokens.  v must outlive it.  Immutable:
 * share it between all grammars of a model. */
sk_status eng_tokentrie_new(const eng_vocab *v, eng_tokentrie **out, sk_err *e);

/* NULL is allowed.  Grammars of it must be closed before. */
void eng_tokentrie_free(eng_tokentrie *t);

/* Words of 64 bits in a mask: ceil(tokens / 64). */
size_t eng_tokentrie_words(const eng_tokentrie *t);

/* ---- grammars ---- */

typedef struct eng_grammar eng_grammar;

/* {0} is the usual. */
typedef struct eng_grammar_opts {
    bool compact;      /* JSON without any white space; else all that RFC 8259 allows, but not more
                          than 100 bytes of it in a row */
    size_t max_text;   /* bytes of the schema, grammar or pattern; 0: 2 MB */
    size_t max_memory; /* bytes of the notebook; 0: 64 MB */
    size_t max_nodes;  /* expressions, and edges, that compiling may make: its time and memory go
                          with them; 0: 1.5 million */
} eng_grammar_opts;

/* Compiles a JSON Schema (text[0..n) is its JSON).  o may be NULL.  t must outlive the grammar. */
sk_status eng_grammar_open_schema(const eng_tokentrie *t, const char *text, size_t n,
                                  const eng_grammar_opts *o, eng_grammar **out, sk_err *e);

/* Any JSON object (response_format "json_object"). */
sk_status eng_grammar_open_json(const eng_tokentrie *t, const eng_grammar_opts *o,
                                eng_grammar **out, sk_err *e);

/* A grammar as llama.cpp's GBNF writes it; the rule `root` is the whole. */
sk_status eng_grammar_open_gbnf(const eng_tokentrie *t, const char *text, size_t n,
                                const eng_grammar_opts *o, eng_grammar **out, sk_err *e);

/* A regular expression (ECMA-262) that the whole answer matches. */
sk_status eng_grammar_open_regex(const eng_tokentrie *t, const char *text, size_t n,
                                 const eng_grammar_opts *o, eng_grammar **out, sk_err *e);

/* Frees it; NULL is allowed.  Its matchers must be freed before. */
void eng_grammar_close(eng_grammar *g);

/* Bytes of memory it holds. */
size_t eng_grammar_bytes(const eng_grammar *g);

/* ---- matchers ---- */

/* How far one answer is.  Used by one thread at a time; matchers of one grammar may be used by
 * several threads at once. */
typedef struct eng_matcher eng_matcher;

/* A matcher at the beginning.  g must outlive it. */
sk_status eng_matcher_new(eng_grammar *g, eng_matcher **out, sk_err *e);

/* NULL is allowed. */
void eng_matcher_free(eng_matcher *m);

/* A second one in the same state (n > 1 answers, speculative decoding). */
sk_status eng_matcher_clone(const eng_matcher *m, eng_matcher **out, sk_err *e);

/* Back to the beginning. */
void eng_matcher_reset(eng_matcher *m);

/* Sets the bits of the tokens that may come next in allowed [eng_tokentrie_words] (all others are
 * cleared).  SK_E_NOMEM, or SK_E_TOOBIG for a grammar so ambiguous that it passes the bounds: then
 * the answer can't go on, and m is as before. */
sk_status eng_matcher_mask(eng_matcher *m, uint64_t *allowed, sk_err *e);

/* The same by at most about `work` units of what was not done before (a derivation of an
 * expression, a state: some 50 ns each).  SK_E_AGAIN where that was not enough, or another thread
 * works on this grammar just now: what was learnt is kept, and after some more calls the mask is
 * done.  So a grammar that was made to take long holds up nobody but its own answer.  One
 * derivation is never cut in two: the longest looks once at each number that the notebook's lists
 * hold, at most 6 million, which takes as long as 750,000 units at most (some ms). */
sk_status eng_matcher_mask_some(eng_matcher *m, uint64_t work, uint64_t *allowed, sk_err *e);

/* Takes a token.  SK_E_INVALID for one that the mask would not have: m is as before.  A token that
 * ends an answer is taken when the answer may end; after it nothing is. */
sk_status eng_matcher_accept(eng_matcher *m, int32_t id, sk_err *e);

/* The same by at most about `work` units, as above: where another answer had the notebook emptied,
 * the way to here has to be found again.  SK_E_AGAIN: not taken yet, ask again. */
sk_status eng_matcher_accept_some(eng_matcher *m, uint64_t work, int32_t id, sk_err *e);

/* Takes bytes, whatever their tokens: the same as the tokens of them. */
sk_status eng_matcher_accept_bytes(eng_matcher *m, const char *p, size_t n, sk_err *e);

/* How many of id[0..n) could be taken in a row (for drafts of speculative decoding); m stays. */
sk_status eng_matcher_check(eng_matcher *m, const int32_t *id, size_t n, size_t *taken, sk_err *e);

/* True when the answer may end here. */
bool eng_matcher_complete(const eng_matcher *m);

/* True when an ending token was taken, or nothing but one can follow. */
bool eng_matcher_ended(const eng_matcher *m);

/* Appends the bytes that must come next, whatever the model says (at most `most`); the caller may
 * tokenize them and skip as many steps of the model. */
sk_status eng_matcher_forced(eng_matcher *m, size_t most, sk_buf *out, sk_err *e);

#endif
