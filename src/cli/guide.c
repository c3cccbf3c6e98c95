/* guide.c - see guide.h. */
#include "cli/guide.h"

#include "base/file.h"
#include "base/mem.h"

#include <string.h>

/* Most bytes of a schema or grammar. */
#define GUIDE_MAX ((uint64_t)2 << 20)

/* Opens the grammar in the file or the text of a flag. */
static sk_status open_grammar(cmd_guide *g, const cmd_guide_flags *f, sk_err *e)
{
    const char *name = f->schema ? f->schema : f->grammar, *text = name;
    size_t n = strlen(name);
    sk_buf b = SK_BUF_INIT;
    bool is_text = f->schema && (*name == '{' || !strcmp(name, "true") || !strcmp(name, "false"));
    sk_status st = is_text ? SK_OK : sk_file_load(name, GUIDE_MAX, &b, e);
    if (st) return st;
    if (!is_text) {
        text = b.p ? b.p : "";
        n = b.len;
    }
    st = f->schema ? eng_grammar_open_schema(g->trie, text, n, NULL, &g->grammar, e)
                   : eng_grammar_open_gbnf(g->trie, text, n, NULL, &g->grammar, e);
    sk_buf_fini(&b);
    return st ? sk_while(e, f->schema ? "--json-schema" : "--grammar") : SK_OK;
}

/* NULL, not an error, where neither flag is given.  The mask has a bit for each token of the
 * vocabulary. */
sk_status cmd_guide_open(const eng_vocab *v, const cmd_guide_flags *f, cmd_guide **out, sk_err *e)
{
    *out = NULL;
    if (!f->schema && !f->grammar) return SK_OK;
    if (f->schema && f->grammar)
        return sk_fail(e, SK_E_USAGE, "--json-schema and --grammar exclude each other");
    if (!v) return sk_fail(e, SK_E_UNSUPPORTED, "the model's tokenizer is not supported");
    cmd_guide *g = sk_calloc(SK_MEM_MISC, 1, sizeof *g);
    if (!g) return sk_fail(e, SK_E_NOMEM, "no memory for a grammar");
    sk_status st = eng_tokentrie_new(v, &g->trie, e);
    if (!st) st = open_grammar(g, f, e);
    if (!st) st = eng_matcher_new(g->grammar, &g->matcher, e);
    if (!st && !(g->mask = sk_calloc(SK_MEM_MISC, eng_tokentrie_words(g->trie), 8)))
        st = sk_fail(e, SK_E_NOMEM, "no memory for a grammar");
    if (st) {
        cmd_guide_close(g);
        return st;
    }
    *out = g;
    return SK_OK;
}

void cmd_guide_close(cmd_guide *g)
{
    if (!g) return;
    eng_matcher_free(g->matcher);
    eng_grammar_close(g->grammar);
    eng_tokentrie_free(g->trie);
    sk_free(g->mask);
    sk_free(g);
}

sk_status cmd_guide_mask(cmd_guide *g, const uint64_t **allowed, sk_err *e)
{
    *allowed = g ? g->mask : NULL;
    return g ? eng_matcher_mask(g->matcher, g->mask, e) : SK_OK;
}

sk_status cmd_guide_take(cmd_guide *g, int32_t id, sk_err *e)
{
    return g ? eng_matcher_accept(g->matcher, id, e) : SK_OK;
}
