/* round.c - commands from a plan: lines of words in which {names} stand for paths.
 *
 * The usual plan is such a text too, so that what a user may change is what the program does.
 */
#include "up/round.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLAN_MOST = 64 << 10, WORD_MOST = 2 * UP_PATH };

/* On from the version there is, in its shape and with its tokenizer, without which the gate would
 * let nothing pass.  A level rate of a fiftieth of that which a model is begun with, and the
 * conversations again after the text, for text alone makes a model forget how to answer.  From the
 * starter model: 40 steps of the first and 60 of the second take held-out text from 1.65 to
 * 1.52 bits per byte and conversations from 0.244 to 0.247; 150 steps at thrice the rate take
 * text to 1.32, but conversations to 0.289. */
static const char usual[] =
    "train --from {from} {data} {valid} --out {round}/base --steps 40 --batch 4096 "
    "--optimizer muon --lr 1e-4 --muon-lr 2e-4 --warmup 0 --decay 0 --seed {number}\n"
    "tune -m {round}/base/model.gguf {chat} {chat-valid} --out {round}/chat --steps 60 "
    "--batch 4096 --lr 1e-4 --warmup 0.1 --decay 0.8 --seed {number}\n";

/* What the plan is made with. */
typedef struct maker {
    const up_learn *l;
    const up_dir *d;
    sk_arena *mem;
    char round[UP_PATH], number[16], threads[48], micro[48];
    const char *base, *live;
    const char *data[1], *chat[1]; /* the bundled ones */
    const char *valid, *chat_valid, *answers;
} maker;

static sk_status no_memory(sk_err *e)
{
    return sk_fail(e, SK_E_NOMEM, "no memory for a round's commands");
}

static sk_status add(const maker *m, sk_opt_list *to, const char *word, size_t n, sk_err *e)
{
    size_t most = sizeof to->item / sizeof *to->item;
    char *copy = sk_arena_strndup(m->mem, word, n);
    if (!copy) return no_memory(e);
    if (to->n >= most) return sk_fail(e, SK_E_TOOBIG, "a command has more than %zu words", most);
    to->item[to->n++] = copy;
    return SK_OK;
}

static sk_status add_word(const maker *m, sk_opt_list *to, const char *word, sk_err *e)
{
    return add(m, to, word, strlen(word), e);
}

/* A flag with all its values, or nothing. */
static sk_status add_flag(const maker *m, sk_opt_list *to, const char *flag, const char *const *v,
                          size_t n, sk_err *e)
{
    sk_status st = n && v[0] ? add_word(m, to, flag, e) : SK_OK;
    for (size_t i = 0; i < n && v[0] && !st; i++)
        st = add_word(m, to, v[i], e);
    return st;
}

/* ---- a line ---- */

/* What a {name} inside a word stands for; NULL: there is no such name. */
static const char *inner(const maker *m, const char *name, size_t n)
{
    const struct {
        const char *name, *value;
    } all[] = {{"round", m->round}, {"number", m->number}, {"from", m->base}, {"dir", m->d->path}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strlen(all[i].name) == n && memcmp(all[i].name, name, n) == 0) return all[i].value;
    return NULL;
}

/* A {name} that is a whole word stands for a flag with its values; *is: it does. */
static sk_status outer(const maker *m, const char *word, size_t n, sk_opt_list *to, bool *is,
                       sk_err *e)
{
    const up_learn *l = m->l;
    const struct {
        const char *name, *flag;
        const char *const *v;
        size_t n;
    } all[] = {
        {"{data}", "--data", l->data.n ? l->data.item : m->data, l->data.n ? l->data.n : 1},
        {"{chat}", "--data", l->chat.n ? l->chat.item : m->chat, l->chat.n ? l->chat.n : 1},
        {"{valid}", "--valid", &m->valid, 1},
        {"{chat-valid}", "--valid", &m->chat_valid, 1},
    };
    *is = false;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (strlen(all[i].name) != n || memcmp(all[i].name, word, n) != 0) continue;
        *is = true;
        return add_flag(m, to, all[i].flag, all[i].v, all[i].n, e);
    }
    return SK_OK;
}

/* One word with its {names} replaced. */
static sk_status add_filled(const maker *m, const char *word, size_t n, sk_opt_list *to, sk_err *e)
{
    bool is;
    sk_buf b = SK_BUF_INIT;
    sk_status st = outer(m, word, n, to, &is, e);
    if (st || is) return st;
    for (size_t i = 0; i < n && !st; i++) {
        const char *end = word[i] == '{' ? memchr(word + i, '}', n - i) : NULL;
        const char *value = end ? inner(m, word + i + 1, (size_t)(end - word) - i - 1) : NULL;
        if (end && !value)
            st = sk_fail(e, SK_E_INVALID, "%.*s stands for nothing",
                         (int)(end - word - (long)i) + 1, word + i);
        else if (end)
            sk_buf_adds(&b, value);
        else
            sk_buf_addc(&b, word[i]);
        if (end) i = (size_t)(end - word);
        if (b.len > WORD_MOST) st = sk_fail(e, SK_E_TOOBIG, "a word of a command is too long");
    }
    if (!st && !sk_buf_ok(&b)) st = no_memory(e);
    if (!st) st = add(m, to, b.p ? b.p : "", b.len, e);
    sk_buf_fini(&b);
    return st;
}

/* What every stage gets: to go on where it was, and to give way. */
static sk_status add_common(const maker *m, sk_opt_list *to, bool trains, sk_err *e)
{
    sk_status st = trains ? add_word(m, to, "--resume", e) : SK_OK;
    if (!st) st = add_word(m, to, "--share", e);
    if (!st) st = add_word(m, to, m->d->share, e);
    if (!st && m->threads[0]) st = add_word(m, to, m->threads, e);
    if (!st && trains && m->micro[0]) st = add_word(m, to, m->micro, e);
    return st ? st : add_word(m, to, "--quiet", e);
}

/* The folder that a command writes into. */
static const char *out_of(const sk_opt_list *words)
{
    for (size_t i = 1; i < words->n; i++) {
        const char *w = words->item[i];
        if (strncmp(w, "--out=", 6) == 0) return w + 6;
        if ((strcmp(w, "--out") == 0 || strcmp(w, "-o") == 0) && i + 1 < words->n)
            return words->item[i + 1];
    }
    return NULL;
}

/* One line of a plan is one command, cut at blanks: there are no quotes, as paths come in by
 * {names}, which are filled in after the cut. */
static sk_status add_stage(const maker *m, const char *line, size_t n, up_round *r, sk_err *e)
{
    static const char *const blanks = " \t\r";
    if (r->n >= UP_STAGES)
        return sk_fail(e, SK_E_TOOBIG, "a round has %d stages at most", UP_STAGES);
    sk_opt_list *to = &r->stage[r->n];
    sk_status st = SK_OK;
    for (size_t i = 0; i < n && !st;) {
        size_t skip = strspn(line + i, blanks), len = strcspn(line + i + skip, " \t\r\n");
        if (len) st = add_filled(m, line + i + skip, len, to, e);
        i += skip + len;
        if (!skip && !len) break;
    }
    if (st || !to->n) return st;
    if (strcmp(to->item[0], "train") != 0 && strcmp(to->item[0], "tune") != 0)
        return sk_fail(e, SK_E_INVALID, "a stage is a train or a tune, not %.60s", to->item[0]);
    r->out[r->n] = out_of(to);
    if (!r->out[r->n]) return sk_fail(e, SK_E_INVALID, "a stage needs --out");
    st = add_common(m, to, true, e);
    if (!st) r->n++;
    return st;
}

static sk_status add_stages(const maker *m, const char *text, up_round *r, sk_err *e)
{
    sk_status st = SK_OK;
    for (const char *p = text; *p && !st;) {
        size_t n = strcspn(p, "\n");
        if (p[0] != '#') st = add_stage(m, p, n, r, e);
        p += n + (p[n] == '\n');
    }
    return st;
}

/* ---- the round ---- */

/* What the round learns from decides: text where there was some.  The other kind is looked at too,
 * where the model is one that talks. */
static sk_status make_gate(const maker *m, up_round *r, sk_err *e)
{
    bool reads = false, talks = false;
    for (size_t i = 0; i < r->n; i++) {
        reads |= strcmp(r->stage[i].item[0], "train") == 0;
        talks |= strcmp(r->stage[i].item[0], "tune") == 0;
    }
    bool text = m->valid && (reads || !m->chat_valid);
    const char *first = text ? m->valid : m->chat_valid;
    const char *second = text ? (talks ? m->chat_valid : NULL) : m->valid;
    const char *const files[] = {first, second};
    const char *const live[] = {m->live}, *const fresh[] = {r->candidate};
    const char *const answers[] = {m->answers};
    sk_status st = add_word(m, &r->gate, "gate", e);
    if (!st) st = add_flag(m, &r->gate, "--live", live, 1, e);
    if (!st) st = add_flag(m, &r->gate, "--new", fresh, 1, e);
    if (!st) st = add_flag(m, &r->gate, "--valid", files, second ? 2 : 1, e);
    if (!st) st = add_flag(m, &r->gate, "--answers", answers, 1, e);
    if (!st) st = add_word(m, &r->gate, "--json", e);
    return st ? st : add_common(m, &r->gate, false, e);
}

/* A file that came with the program, where it is; NULL if it is not. */
static const char *bundled(const char *path)
{
    return sk_file_exists(path) ? path : NULL;
}

static void fill(maker *m, const up_learn *l, uint32_t round, uint32_t micro)
{
    (void)up_dir_round(m->d, round, m->round);
    (void)snprintf(m->number, sizeof m->number, "%u", round);
    if (l->threads)
        (void)snprintf(m->threads, sizeof m->threads, "--threads=%lld", (long long)l->threads);
    if (micro) (void)snprintf(m->micro, sizeof m->micro, "--micro=%u", micro);
    m->data[0] = bundled("data/corpus.txt.zst");
    m->chat[0] = bundled("data/chat.jsonl.zst");
    m->valid = l->valid ? l->valid : bundled("data/valid.txt.zst");
    m->chat_valid = l->chat_valid ? l->chat_valid : bundled("data/chat-valid.jsonl.zst");
    m->answers = l->answers ? l->answers : bundled("data/answers.jsonl");
}

/* Why the usual plan can't be done, NULL if it can. */
static const char *lacking(const maker *m)
{
    const up_learn *l = m->l;
    if (l->plan) return NULL;
    if (!l->data.n && !m->data[0]) return "there is no text to train on: give --data";
    if (!l->chat.n && !m->chat[0]) return "there are no conversations to train on: give --chat";
    if (!m->valid && !m->chat_valid) return "there is no held-out text to judge by: give --valid";
    return NULL;
}

/* Stages, candidate, gate. */
static sk_status make_round(const maker *m, const char *text, up_round *r, sk_err *e)
{
    sk_status st = add_stages(m, text, r, e);
    if (!st && !r->n) st = sk_fail(e, SK_E_INVALID, "there is no stage in it");
    if (st) return st;
    size_t n = strlen(r->out[r->n - 1]) + sizeof "/model.gguf";
    char *path = sk_arena_alloc(m->mem, n);
    if (!path) return no_memory(e);
    (void)snprintf(path, n, "%s/model.gguf", r->out[r->n - 1]);
    r->candidate = path;
    return make_gate(m, r, e);
}

sk_status up_round_parse(const up_learn *l, const char *plan, const up_dir *d, uint32_t round,
                         const char *base, const char *live, uint32_t micro, sk_arena *mem,
                         up_round *out, sk_err *e)
{
    maker m = {.l = l, .d = d, .mem = mem, .base = base, .live = live};
    up_round r = {.n = 0};
    fill(&m, l, round, micro);
    r.why = lacking(&m);
    sk_status st = r.why ? SK_OK : make_round(&m, plan, &r, e);
    if (!st) *out = r;
    return st;
}

sk_status up_round_plan(const up_learn *l, const up_dir *d, uint32_t round, const char *base,
                        const char *live, uint32_t micro, sk_arena *mem, up_round *out, sk_err *e)
{
    sk_buf text = SK_BUF_INIT;
    if (!l->plan) return up_round_parse(l, usual, d, round, base, live, micro, mem, out, e);
    sk_status st = sk_file_load(l->plan, PLAN_MOST, &text, e);
    const char *plan = text.p ? text.p : "";
    if (!st && strlen(plan) != text.len) st = sk_fail(e, SK_E_INVALID, "it has a zero byte");
    if (!st) st = up_round_parse(l, plan, d, round, base, live, micro, mem, out, e);
    sk_buf_fini(&text);
    return st ? sk_while(e, "%s", l->plan) : SK_OK;
}
