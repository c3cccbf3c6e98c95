/* hf_config.c - what lies beside a tokenizer in a Hugging Face folder: tokenizer_config.json,
 * config.json, generation_config.json, added_tokens.json, the chat template's file. */
#include "engine/token/hf_read.h"

#include "engine/token/jtree.h"

#include <string.h>

static const struct {
    const char *token, *id; /* in tokenizer_config.json, in config.json */
    eng_token_role role;
} roles[] = {
    {"bos_token", "bos_token_id", ENG_ROLE_BOS},
    {"eos_token", "eos_token_id", ENG_ROLE_EOS},
    {"unk_token", "unk_token_id", ENG_ROLE_UNKNOWN},
    {"sep_token", "sep_token_id", ENG_ROLE_SEPARATOR},
    {"pad_token", "pad_token_id", ENG_ROLE_PADDING},
    {"cls_token", "cls_token_id", ENG_ROLE_BOS},
    {"mask_token", "mask_token_id", ENG_ROLE_MASK},
};

enum { N_ROLES = sizeof roles / sizeof roles[0] };

/* Reads the members of a JSON file for which `want` says yes into *out, an object without any when
 * the file is not there. */
static sk_status read_members(eng_hf_read *r, const char *folder, const char *name,
                              bool (*want)(const char *key), eng_jnode *out)
{
    eng_str text;
    eng_jscan s;
    bool first = true;
    sk_buf key = SK_BUF_INIT;
    eng_jnode **tail = &out->child;
    *out = (eng_jnode){.kind = '{'};
    sk_status st = eng_hf_read_file(r, folder, name, &text);
    if (st || !text.p) return st;
    eng_jscan_init(&s, text.p, text.n, name, r->e);
    (void)eng_jscan_open(&s, '{');
    while (!s.st && eng_jscan_member(&s, &first, &key)) {
        if (!want(key.p)) {
            (void)eng_jscan_skip(&s, NULL);
            continue;
        }
        if (!eng_jtree_read(&s, r->mem, tail)) break;
        const char *k = sk_arena_strndup(r->mem, key.p, key.len);
        (*tail)->key = (eng_str){k ? k : "", key.len};
        if (!k) s.st = eng_hf_read_no_memory(r);
        tail = &(*tail)->next;
    }
    sk_buf_fini(&key);
    return s.st;
}

/* The text of a token: a string, or an object with its content. */
static const char *token_text(const eng_jnode *v)
{
    const char *s = eng_jtree_str(v);
    return s ? s : eng_jtree_str(eng_jtree_get(v, "content"));
}

static bool of_tokenizer(const char *key)
{
    for (size_t i = 0; i < N_ROLES; i++)
        if (strcmp(key, roles[i].token) == 0) return true;
    return strcmp(key, "add_bos_token") == 0 || strcmp(key, "add_eos_token") == 0 ||
           strcmp(key, "add_prefix_space") == 0 || strcmp(key, "chat_template") == 0;
}

/* The template: a string, or a list of named ones of which "default" counts. */
static void take_template(eng_hf_read *r, const eng_jnode *v)
{
    const eng_jnode *one, *found = v && v->kind == '"' ? v : NULL;
    for (size_t i = 0; (one = eng_jtree_at(v, i)); i++)
        if (!found || strcmp(eng_jtree_text(one, "name"), "default") == 0)
            found = eng_jtree_get(one, "template");
    if (found && found->kind == '"') r->chat_template = found->str;
}

/* tokenizer_config.json names special tokens by their texts. */
static sk_status read_tokenizer_config(eng_hf_read *r, const char *folder)
{
    eng_jnode o;
    sk_status st = read_members(r, folder, "tokenizer_config.json", of_tokenizer, &o);
    if (st) return st;
    for (size_t i = 0; i < N_ROLES; i++) {
        const char *s = token_text(eng_jtree_get(&o, roles[i].token));
        int32_t id = s ? eng_hf_read_find(r, s, strlen(s)) : -1;
        bool spare = strcmp(roles[i].token, "cls_token") == 0;
        if (id >= 0 && (!spare || r->role[roles[i].role] < 0)) r->role[roles[i].role] = id;
    }
    r->add_bos = eng_jtree_flag(&o, "add_bos_token", r->add_bos);
    r->add_eos = eng_jtree_flag(&o, "add_eos_token", r->add_eos);
    if (r->space_prefix >= 0)
        r->space_prefix = eng_jtree_flag(&o, "add_prefix_space", r->space_prefix);
    take_template(r, eng_jtree_get(&o, "chat_template"));
    return SK_OK;
}

static bool of_model(const char *key)
{
    for (size_t i = 0; i < N_ROLES; i++)
        if (strcmp(key, roles[i].id) == 0) return true;
    return strcmp(key, "text_config") == 0;
}

/* Takes an id for a role that has none. */
static void take_id(eng_hf_read *r, eng_token_role role, const eng_jnode *v)
{
    int64_t id = eng_jtree_id(v);
    if (id >= 0 && (size_t)id < r->n && r->role[role] < 0) r->role[role] = (int32_t)id;
}

/* A list of ends: the first that is not the end of text ends a turn, the next a message. */
static void take_ends(eng_hf_read *r, const eng_jnode *list)
{
    const eng_jnode *v;
    for (size_t i = 0; (v = eng_jtree_at(list, i)); i++)
        if (r->role[ENG_ROLE_EOS] < 0)
            take_id(r, ENG_ROLE_EOS, v);
        else if (eng_jtree_id(v) != r->role[ENG_ROLE_EOS])
            take_id(r, r->role[ENG_ROLE_EOT] < 0 ? ENG_ROLE_EOT : ENG_ROLE_EOM, v);
}

/* config.json and generation_config.json give ids. */
static sk_status read_ids(eng_hf_read *r, const char *folder, const char *name)
{
    eng_jnode o;
    sk_status st = read_members(r, folder, name, of_model, &o);
    const eng_jnode *places[] = {&o, eng_jtree_get(&o, "text_config")};
    for (size_t k = 0; k < 2 && !st; k++)
        for (size_t i = 0; i < N_ROLES; i++) {
            const eng_jnode *v = eng_jtree_get(places[k], roles[i].id);
            take_id(r, roles[i].role, v);
            if (roles[i].role == ENG_ROLE_EOS) take_ends(r, v);
        }
    return st;
}

/* Reads roles, rules and the chat template from the other files of the folder. */
sk_status eng_hf_read_config(eng_hf_read *r, const char *folder)
{
    eng_str text;
    sk_status st = read_tokenizer_config(r, folder);
    if (!st) st = read_ids(r, folder, "generation_config.json");
    if (!st) st = read_ids(r, folder, "config.json");
    if (!st) st = eng_hf_read_file(r, folder, "chat_template.jinja", &text);
    if (!st && text.p) r->chat_template = text;
    return st;
}

/* ---- added tokens of a folder with a tokenizer.model ---- */

/* {"32000": {...}, ...} */
static void read_decoder(eng_hf_read *r, eng_jscan *s)
{
    sk_buf key = SK_BUF_INIT;
    bool first = true;
    (void)eng_jscan_open(s, '{');
    while (!s->st && eng_jscan_member(s, &first, &key)) {
        int64_t id = 0;
        for (const char *p = key.p; *p && id < INT32_MAX; p++)
            id = *p >= '0' && *p <= '9' ? id * 10 + (*p - '0') : INT32_MAX;
        (void)eng_hf_read_added(r, s, id);
    }
    sk_buf_fini(&key);
}

/* {"<token>": id, ...} */
static void read_added(eng_hf_read *r, eng_jscan *s)
{
    sk_buf key = SK_BUF_INIT;
    bool first = true;
    (void)eng_jscan_open(s, '{');
    while (!s->st && eng_jscan_member(s, &first, &key)) {
        eng_hf_added a = {.at = r->text.len, .n = key.len};
        sk_buf_add(&r->text, key.p, key.len);
        if (!eng_jscan_int(s, &a.id)) break;
        if (a.id < 0 || a.id >= INT32_MAX) (void)eng_jscan_fail(s, "no id of a token");
        sk_buf_add(&r->added, &a, sizeof a);
        if (!sk_buf_ok(&r->added) || !sk_buf_ok(&r->text)) s->st = eng_hf_read_no_memory(r);
    }
    sk_buf_fini(&key);
}

/* Reads the added tokens that lie beside a tokenizer.model. added_tokens.json is the older list,
 * added_tokens_decoder the newer; later ones count, so the newer wins. */
sk_status eng_hf_read_more_tokens(eng_hf_read *r, const char *folder)
{
    eng_str text;
    eng_jscan s;
    sk_status st = eng_hf_read_file(r, folder, "added_tokens.json", &text);
    if (st) return st;
    if (text.p) {
        eng_jscan_init(&s, text.p, text.n, "added_tokens.json", r->e);
        read_added(r, &s);
        if (s.st) return s.st;
    }
    st = eng_hf_read_file(r, folder, "tokenizer_config.json", &text);
    if (st || !text.p) return st;
    sk_buf key = SK_BUF_INIT;
    bool first = true;
    eng_jscan_init(&s, text.p, text.n, "tokenizer_config.json", r->e);
    (void)eng_jscan_open(&s, '{');
    while (!s.st && eng_jscan_member(&s, &first, &key)) {
        if (strcmp(key.p, "added_tokens_decoder") == 0 && eng_jscan_peek(&s) == '{')
            read_decoder(r, &s);
        else
            (void)eng_jscan_skip(&s, NULL);
    }
    sk_buf_fini(&key);
    return s.st;
}
