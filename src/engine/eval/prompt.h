/* prompt.h - an item of a suite as the sequences of tokens that are scored.
 *
 * The text of an option is
 *
 *     [worked example, two line feeds] x shots, query, delimiter, option
 *
 * as CORE lays it out.  The delimiter, unless given, is "\nAnswer: " where the query has a line
 * that begins with "Question: " and doesn't end in "Answer:", else one space.  A worked example is
 * an item of the same file with its right option; which ones is drawn by (seed, item).  An ANSWER
 * is asked as "Question: ..\nAnswer:" and its examples answer "thought\n#### number".
 *
 * Where the context ends: white space at its end is moved to the option, context and option are
 * encoded as one text (with BOS in front where the model's file asks for it), and the tokens scored
 * are those beyond the tokens of the context encoded alone: the rule of EleutherAI's
 * lm-evaluation-harness.  Where the option's bytes change how the context's end is cut, the first
 * token that differs is the first scored, so that every byte of the option is in a token scored.
 *
 * As a chat: the query is the user's message, examples are turns before it, and the option's tokens
 * follow the opened turn of the assistant.  A REPLY is asked as the conversation it is, or as the
 * text of its one message.
 */
#ifndef ENG_EVAL_PROMPT_H
#define ENG_EVAL_PROMPT_H

#include "engine/eval/suite.h"

/* How a suite is asked. */
typedef struct eng_prompts {
    const eng_model *m;
    const eng_suite *s;
    size_t shots; /* below s->n */
    uint64_t seed;
    const char *delimiter; /* for items that have none of their own; NULL: chosen */
    bool chat;
    int32_t bos; /* -1: none */
} eng_prompts;

/* A sequence: ids[at .. at + n). */
typedef struct eng_cut {
    size_t at, n;
    size_t first; /* in the sequence: tokens from here on are scored; 1 .. n - 1; written: n */
    size_t core;  /* likewise, as CORE cuts it: beyond what the options have in common */
    size_t bytes; /* of the option's text, without white space in front */
} eng_cut;

typedef struct eng_prompt {
    eng_ids ids; /* all sequences, one behind the other */
    size_t n;
    eng_cut cut[ENG_SUITE_OPTIONS];
} eng_prompt;

/* Checks the options against suite and model (shots, chat) and fills bos. */
sk_status eng_prompts_init(eng_prompts *p, sk_err *e);

/* The sequences of item i into *out, which is emptied first (start with {0}). */
sk_status eng_prompt_make(const eng_prompts *p, size_t i, eng_prompt *out, sk_err *e);

void eng_prompt_fini(eng_prompt *p);

#endif
