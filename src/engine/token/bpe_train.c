/* bpe_train.c - greedy byte-pair merging over the different words of a text.
 *
 * Source of the method: Sennrich, Haddow, Birch, "Neural machine translation of rare words with
 * subword units", ACL 2016, on bytes as GPT-2 has it.
 */
#include "engine/token/bpe_train.h"

#include "base/mem.h"
#include "engine/token/bpe_count.h"
#include "engine/token/bpe_pairs.h"
#include "engine/token/chat.h"
#include "engine/token/strindex.h"
#include "engine/token/vocab_build.h"

#include <assert.h>
#include <string.h>

enum { BYTES = 256, VOCAB_MAX = 1 << 24, LEAST_PART = 64 << 10 };

static const char *const specials[] = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
enum { END_OF_TEXT, IM_START, IM_END, N_SPECIALS };

typedef struct trainer {
    const eng_bpe_opts *o;
    sk_arena *mem;
    eng_pretok *pt;
    eng_counter counter;
    eng_words words;
    uint32_t *sym; /* the words' symbols, where their bytes are in words.bytes */
    uint32_t *len; /* symbols each word has now */
    eng_pairs pairs;
    eng_str *text; /* n_vocab: bytes of the tokens so far */
    size_t n_tokens;
    eng_strindex index; /* tokens by bytes */
    sk_buf merges;      /* array of eng_bpe_merge */
    eng_bpe_stats stats;
    sk_err *e;
} trainer;

static const char *pretok_name(const eng_bpe_opts *o)
{
    return o->pretok ? o->pretok : "qwen2";
}

static sk_status no_memory(const trainer *t)
{
    return sk_fail(t->e, SK_E_NOMEM, "no memory to train a vocabulary of %zu tokens",
                   t->o->n_vocab);
}

/* Tells how far it is; SK_E_STOPPED when the caller has had enough. */
static sk_status report(const trainer *t)
{
    size_t done = t->n_tokens - BYTES, total = t->o->n_vocab - BYTES - N_SPECIALS;
    if (!t->o->progress || t->o->progress(t->o->arg, done, total)) return SK_OK;
    return sk_fail(t->e, SK_E_STOPPED, "stopped after %zu of %zu merges", done, total);
}

/* ---- words ---- */

/* Bytes of text that are counted at once, and the memory words may take: what is read is a small
 * part of that. */
static size_t part_bytes(const eng_bpe_opts *o)
{
    const uint64_t most = (uint64_t)32 << 20;
    if (!o->memory || o->memory / 16 >= most) return (size_t)most;
    return o->memory / 16 > LEAST_PART ? (size_t)(o->memory / 16) : LEAST_PART;
}

/* Counts the words of text[0..n), part by part. */
static sk_status count_text(trainer *t, const char *text, size_t n)
{
    const size_t part = part_bytes(t->o);
    sk_status st = SK_OK;
    for (size_t at = 0, used; !st && at < n; at += used) {
        size_t some = n - at < part ? n - at : part;
        used = some;
        st = report(t);
        if (!st) st = eng_counter_add(&t->counter, text + at, some, some == n - at, &used, t->e);
    }
    return st;
}

/* Counts the words of what the source gives.  The parts are those of count_text: as full as they
 * can be, each beginning where the one before was cut. */
static sk_status count_source(trainer *t, const eng_bpe_source *source)
{
    const size_t part = part_bytes(t->o);
    char *text = sk_alloc(SK_MEM_TOKEN, part + 1);
    if (!text) return no_memory(t);
    sk_status st = SK_OK;
    bool more = true;
    for (size_t have = 0, used; !st; have -= used) {
        size_t got;
        used = 0;
        while (!st && more && have <= part) {
            st = source->read(source->arg, text + have, part + 1 - have, &got, t->e);
            if (st) break;
            more = got > 0;
            have += got;
        }
        if (!st) st = report(t);
        if (st || !have) break;
        size_t some = have < part ? have : part;
        st = eng_counter_add(&t->counter, text, some, have <= part, &used, t->e);
        assert(st || used <= some);
        if (!st) memmove(text, text + used, have - used);
    }
    sk_free(text);
    return st;
}

/* Counts the words of the text, given whole or by a source, and puts them into one table. */
static sk_status count_words(trainer *t, const char *text, size_t n, const eng_bpe_source *source)
{
    const uint64_t memory = t->o->memory ? t->o->memory : UINT64_MAX;
    sk_status st = eng_pretok_open(pretok_name(t->o), &t->pt, t->e);
    if (!st) st = eng_counter_init(&t->counter, t->pt, t->o->pool, memory, t->e);
    if (!st) st = source ? count_source(t, source) : count_text(t, text, n);
    if (!st) st = eng_counter_take(&t->counter, &t->words, t->e);
    if (!st && !t->words.n) st = sk_fail(t->e, SK_E_INVALID, "the text to learn from is empty");
    if (st) return st;
    t->stats = (eng_bpe_stats){.bytes = t->counter.bytes,
                               .documents = t->counter.documents,
                               .words = t->words.n,
                               .dropped_words = t->counter.dropped_words,
                               .dropped_pieces = t->counter.dropped_sum,
                               .pieces = t->counter.dropped_sum};
    for (size_t i = 0; i < t->words.n; i++)
        t->stats.pieces += t->words.word[i].count;
    return SK_OK;
}

/* ---- tokens ---- */

/* The 256 byte tokens; ids are the bytes' values. */
static sk_status start_tokens(trainer *t)
{
    char *bytes = sk_arena_alloc(t->mem, BYTES);
    t->text = sk_new_n(t->mem, eng_str, t->o->n_vocab);
    if (!bytes || !t->text || !eng_strindex_init(&t->index, t->mem, t->text, t->o->n_vocab))
        return no_memory(t);
    for (uint32_t b = 0; b < BYTES; b++) {
        bytes[b] = (char)b;
        t->text[b] = (eng_str){bytes + b, 1};
        eng_strindex_put(&t->index, b);
    }
    t->n_tokens = BYTES;
    return SK_OK;
}

/* Turns words into symbols and counts every adjacent pair. */
static sk_status start_pairs(trainer *t)
{
    const eng_words *w = &t->words;
    t->sym = sk_alloc(SK_MEM_TOKEN, w->bytes.len * sizeof *t->sym);
    t->len = sk_alloc(SK_MEM_TOKEN, w->n * sizeof *t->len);
    eng_pairs_init(&t->pairs, t->text);
    if (!t->sym || !t->len) return no_memory(t);
    for (size_t i = 0; i < w->bytes.len; i++)
        t->sym[i] = (unsigned char)w->bytes.p[i];
    for (uint32_t k = 0; k < w->n; k++) {
        assert(w->word[k].at + w->word[k].n <= w->bytes.len);
        const uint32_t *s = t->sym + w->word[k].at;
        t->len[k] = w->word[k].n;
        for (uint32_t i = 0; i + 1 < t->len[k]; i++)
            eng_pairs_add(&t->pairs, s[i], s[i + 1], w->word[k].count, k);
    }
    eng_pairs_settle(&t->pairs);
    return t->pairs.oom ? no_memory(t) : SK_OK;
}

/* Replaces (a, b) by c in a word.  Every adjacency is counted, overlapping ones too; each that goes
 * is taken off and each that comes is added, with the left neighbour as it is by now. */
static void merge_word(trainer *t, uint32_t k, eng_bpe_merge m)
{
    uint32_t *s = t->sym + t->words.word[k].at, n = t->len[k], left = 0;
    uint64_t count = t->words.word[k].count;
    for (uint32_t i = 0; i < n;) {
        if (s[i] != m.a || i + 1 == n || s[i + 1] != m.b) {
            s[left++] = s[i++];
            continue;
        }
        eng_pairs_sub(&t->pairs, m.a, m.b, count);
        if (left) {
            eng_pairs_sub(&t->pairs, s[left - 1], m.a, count);
            eng_pairs_add(&t->pairs, s[left - 1], m.c, count, k);
        }
        if (i + 2 < n) {
            eng_pairs_sub(&t->pairs, m.b, s[i + 2], count);
            eng_pairs_add(&t->pairs, m.c, s[i + 2], count, k);
        }
        s[left++] = m.c;
        i += 2;
    }
    assert(left <= n);
    t->len[k] = left;
}

/* The token that joins a and b: a new one, or the one that has these bytes already (by another way
 * of joining them).  False without memory. */
static bool join(trainer *t, eng_bpe_merge *m)
{
    char both[ENG_WORD_MAX];
    eng_str a = t->text[m->a], b = t->text[m->b];
    size_t n = a.n + b.n;
    assert(n <= sizeof both);
    memcpy(both, a.p, a.n);
    memcpy(both + a.n, b.p, b.n);
    m->c = eng_strindex_find(&t->index, both, n);
    if (m->c != ENG_STRINDEX_NONE) return true;
    const char *p = sk_arena_strndup(t->mem, both, n);
    if (!p) return false;
    assert(t->n_tokens < t->o->n_vocab - N_SPECIALS);
    m->c = (uint32_t)t->n_tokens;
    t->text[t->n_tokens++] = (eng_str){p, n};
    eng_strindex_put(&t->index, m->c);
    return true;
}

/* Merges until the vocabulary is full but for the special tokens.  A pair can come up a second
 * time, when a token of its own came about in another way; the list has it once.  Words are
 * walked only where the pair occurs; all other counts stand as they are, which makes a merge
 * cost what it changes and not the text. */
static sk_status merge_all(trainer *t)
{
    enum { REPORT_EVERY = 16 };
    size_t want = t->o->n_vocab - N_SPECIALS;
    sk_status st = report(t);
    while (!st && t->n_tokens < want) {
        uint32_t i = eng_pairs_best(&t->pairs);
        if (t->pairs.oom) return no_memory(t);
        if (i == ENG_PAIR_NONE)
            return sk_fail(t->e, SK_E_INVALID,
                           "the text allows only %zu merges (no pair is left that occurs twice): "
                           "ask for a vocabulary of at most %zu, or give more text",
                           t->n_tokens - BYTES, t->n_tokens + N_SPECIALS);
        eng_bpe_merge m = {t->pairs.pair[i].a, t->pairs.pair[i].b, 0};
        if (!join(t, &m)) return no_memory(t);
        if (!t->pairs.pair[i].merged) sk_buf_add(&t->merges, &m, sizeof m);
        t->pairs.pair[i].merged = true;
        for (uint32_t k; (k = eng_pairs_take_word(&t->pairs, i)) != ENG_PAIR_NONE;)
            merge_word(t, k, m);
        eng_pairs_settle(&t->pairs);
        if (t->pairs.oom || !sk_buf_ok(&t->merges)) return no_memory(t);
        assert(t->pairs.pair[i].count == 0);
        if (t->n_tokens % REPORT_EVERY == 0) st = report(t);
    }
    return st ? st : report(t);
}

/* Puts the special tokens behind and builds the vocabulary. */
static sk_status finish(trainer *t, eng_vocab **out)
{
    size_t n = t->o->n_vocab;
    assert(t->n_tokens == n - N_SPECIALS);
    uint8_t *type = sk_arena_alloc(t->mem, n);
    if (!type) return no_memory(t);
    memset(type, ENG_TOKEN_NORMAL, n);
    for (size_t i = 0; i < N_SPECIALS; i++) {
        t->text[t->n_tokens + i] = (eng_str){specials[i], strlen(specials[i])};
        type[t->n_tokens + i] = ENG_TOKEN_CONTROL;
    }
    int32_t first = (int32_t)t->n_tokens;
    eng_vocab_parts parts = {
        .n = n,
        .text = t->text,
        .type = type,
        .n_merges = t->merges.len / sizeof(eng_bpe_merge),
        .merge = (const eng_bpe_merge *)(const void *)t->merges.p,
        .pretok = pretok_name(t->o),
        .whole = -1,
        .role = {[ENG_ROLE_BOS] = first + END_OF_TEXT,
                 [ENG_ROLE_EOS] = first + IM_END,
                 [ENG_ROLE_EOT] = -1,
                 [ENG_ROLE_EOM] = -1,
                 [ENG_ROLE_UNKNOWN] = -1,
                 [ENG_ROLE_SEPARATOR] = -1,
                 [ENG_ROLE_MASK] = -1,
                 [ENG_ROLE_PADDING] = first + END_OF_TEXT},
        .chat_template = {eng_chat_template_chatml, strlen(eng_chat_template_chatml)}};
    return eng_vocab_new(&parts, out, t->e);
}

/* From the text, whole or by a source, to the vocabulary. */
static sk_status train(const char *text, size_t n, const eng_bpe_source *source,
                       const eng_bpe_opts *o, eng_bpe_stats *stats, eng_vocab **out, sk_err *e)
{
    if (o->n_vocab < BYTES + N_SPECIALS || o->n_vocab > VOCAB_MAX)
        return sk_fail(e, SK_E_INVALID,
                       "a vocabulary of %zu tokens: it must be %d (256 bytes, 3 special tokens) to "
                       "%d",
                       o->n_vocab, BYTES + N_SPECIALS, VOCAB_MAX);
    trainer t = {.o = o, .mem = sk_arena_new(SK_MEM_TOKEN), .merges = SK_BUF_INIT, .e = e};
    eng_pairs_init(&t.pairs, NULL);
    sk_status st = t.mem ? start_tokens(&t) : no_memory(&t);
    if (!st) st = count_words(&t, text, n, source);
    eng_counter_fini(&t.counter);
    if (!st) st = start_pairs(&t);
    if (!st) st = merge_all(&t);
    if (!st) st = finish(&t, out);
    if (!st && stats) *stats = t.stats;
    eng_pairs_fini(&t.pairs);
    eng_words_fini(&t.words);
    eng_pretok_close(t.pt);
    sk_free(t.sym);
    sk_free(t.len);
    sk_buf_fini(&t.merges);
    sk_arena_free(t.mem);
    return st;
}

sk_status eng_bpe_train(const char *text, size_t n, const eng_bpe_opts *o, eng_vocab **out,
                        sk_err *e)
{
    return train(text, n, NULL, o, NULL, out, e);
}

sk_status eng_bpe_train_source(const eng_bpe_source *source, const eng_bpe_opts *o,
                               eng_bpe_stats *stats, eng_vocab **out, sk_err *e)
{
    return train(NULL, 0, source, o, stats, out, e);
}
