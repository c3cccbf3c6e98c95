/* jinja.h - the door of the template engine: chat templates as models carry them, in Jinja.
 *
 * What is rendered is, byte for byte, what Python's jinja2 renders in the environment that
 * transformers uses for chat templates: trim_blocks, lstrip_blocks, the loop controls, tojson
 * without HTML escaping, raise_exception and strftime_now (docs/format/chat-template.md has the
 * whole surface).
 *
 * Every byte of the output knows whether it stems from the template or from a message.  The
 * tokenizer reads special tokens in template text only, so that nobody can forge a turn by writing
 * its marker.
 *
 * Templates come with models and messages from strangers: neither is trusted.  Steps, memory,
 * nesting and output are bounded by eng_jinja_limits.
 */
#ifndef ENG_JINJA_JINJA_H
#define ENG_JINJA_JINJA_H

#include "base/buf.h"
#include "base/json.h"
#include "base/status.h"
#include "engine/token/chat.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A compiled template; immutable, may be rendered by several threads at once. */
typedef struct eng_jinja eng_jinja;

/* Bounds of one rendering; 0 anywhere means the default. */
typedef struct eng_jinja_limits {
    uint64_t max_steps;  /* nodes evaluated, plus a step for 64 bytes handled: 20 million */
    uint64_t max_bytes;  /* memory for values: 64 MiB and 64 times the variables' text */
    uint64_t max_output; /* bytes of the result: 64 MiB */
    int max_depth;       /* nesting of evaluation, recursion of macros included: 600 */
} eng_jinja_limits;

/* A variable of the template: a JSON value or, where that is NULL, a text or messages; none of them
 * is `none`.  `message`: its text comes from people (messages, tools, documents), so that it is
 * marked; otherwise it counts as the template's own (bos_token).  The roles of messages that every
 * server checks (system, user, assistant, tool, ...) count as the template's: templates build
 * markers of them.  All is borrowed; bytes that are no UTF-8 become U+FFFD. */
typedef struct eng_jinja_var {
    const char *name; /* as the template spells it; "messages", "tools" */
    json_t *value;    /* NULL: text or msg counts */
    bool message;
    const char *text; /* n_text bytes, a string to the template */
    size_t n_text;
    const eng_chat_msg *msg; /* n_msg of them, a list of {role, content} */
    size_t n_msg;
} eng_jinja_var;

/* What a rendering is given. */
typedef struct eng_jinja_input {
    const eng_jinja_var *var;
    size_t n_var;
    int64_t
        now;  /* seconds since 1970 for strftime_now, shown in the machine's zone; < 0: the clock */
    bool utc; /* strftime_now shows UTC */
    eng_jinja_limits limits;
} eng_jinja_input;

/* A piece of the output, n bytes of one origin. */
typedef struct eng_jinja_span {
    size_t n;
    bool message;
} eng_jinja_span;

/* A rendered text.  Start it with {0}; free with eng_jinja_text_fini. */
typedef struct eng_jinja_text {
    sk_buf text;
    eng_jinja_span *span; /* they make up text, neighbours differ in origin */
    size_t n_span;
} eng_jinja_text;

/* Compiles text[0..n) (copied).  SK_E_FORMAT for a syntax error, SK_E_UNSUPPORTED for what this
 * engine lacks; both name the construct and the template's line.  Free with eng_jinja_free. */
sk_status eng_jinja_compile(const char *text, size_t n, eng_jinja **out, sk_err *e);
/* NULL is allowed.  No rendering may be under way. */
void eng_jinja_free(eng_jinja *t);

/* True for variables that are the engine's own and no text from people: bos_token and the like,
 * add_generation_prompt.  All others (messages, tools, documents, whatever a request sends
 * along) are marked as message text, so that special tokens in them stay plain text. */
bool eng_jinja_is_own(const char *name);

/* Renders into out, which is emptied first.  SK_E_INVALID: the template refuses the input
 * (raise_exception, or something undefined was used); SK_E_TOOBIG: a limit, which is named.  The
 * sentence has the line. */
sk_status eng_jinja_render(const eng_jinja *t, const eng_jinja_input *in, eng_jinja_text *out,
                           sk_err *e);
/* Frees the text and its spans; t may be rendered into again. */
void eng_jinja_text_fini(eng_jinja_text *t);

#endif
