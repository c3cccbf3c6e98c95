/* config.c - config.json to keys of a GGUF. */
#include "engine/hf/config.h"

#include "base/json.h"
#include "engine/format/gguf_type.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { JSON_DEPTH = 16 };

/* ---- looking things up ---- */

bool eng_hf_num_in(json_t *obj, const char *names, double *out)
{
    for (const char *p = names; *p;) {
        size_t n = strcspn(p, "|");
        char key[64];
        assert(n < sizeof key);
        memcpy(key, p, n);
        key[n] = 0;
        json_t *v = json_object_get(obj, key);
        if (json_is_number(v)) {
            *out = json_number_value(v);
            return true;
        }
        p += n + (p[n] == '|');
    }
    return false;
}

bool eng_hf_num(const eng_hf_in *in, const char *names, double *out)
{
    return eng_hf_num_in(in->cfg, names, out);
}

/* Newer folders say rope_parameters, some of them for each kind of layer. */
json_t *eng_hf_rope(const eng_hf_in *in)
{
    json_t *r = json_object_get(in->cfg, "rope_parameters");
    if (!json_is_object(r)) r = json_object_get(in->cfg, "rope_scaling");
    if (!json_is_object(r)) return NULL;
    json_t *full = json_object_get(r, "full_attention");
    return json_is_object(full) ? full : r;
}

/* "rope_type", formerly "type"; "default" where there is no scaling. */
static const char *rope_type(const eng_hf_in *in)
{
    json_t *r = eng_hf_rope(in);
    const char *t = json_string_value(json_object_get(r, "rope_type"));
    if (!t) t = json_string_value(json_object_get(r, "type"));
    return t ? t : "default";
}

bool eng_hf_rope_is(const eng_hf_in *in, const char *type)
{
    return !strcmp(rope_type(in), type);
}

/* ---- gathering ---- */

/* The value of that key, new or known. */
static eng_hf_value *value_of(eng_hf_in *in, const char *suffix, char type)
{
    size_t i = 0;
    while (i < in->n_values && strcmp(in->value[i].key, suffix) != 0)
        i++;
    assert(i < ENG_HF_KEYS_MAX && "the tables have fewer keys");
    if (i == in->n_values) in->n_values++;
    eng_hf_value *v = &in->value[i];
    *v = (eng_hf_value){.type = type};
    int n = snprintf(v->key, sizeof v->key, "%s", suffix);
    assert(n > 0 && (size_t)n < sizeof v->key);
    (void)n;
    return v;
}

void eng_hf_put_int(eng_hf_in *in, const char *suffix, double v)
{
    value_of(in, suffix, 'i')->num = v >= 0 ? fmin(floor(v), UINT32_MAX) : 0;
}

void eng_hf_put_num(eng_hf_in *in, const char *suffix, double v)
{
    value_of(in, suffix, 'n')->num = v;
}

void eng_hf_put_bool(eng_hf_in *in, const char *suffix, bool v)
{
    value_of(in, suffix, 'b')->num = v;
}

void eng_hf_put_str(eng_hf_in *in, const char *suffix, const char *v)
{
    value_of(in, suffix, 's')->str = v;
}

void eng_hf_put_n_rot(eng_hf_in *in, double deflt)
{
    double part = deflt;
    if (!eng_hf_num(in, "partial_rotary_factor|rotary_pct|rope_pct", &part))
        (void)eng_hf_num_in(eng_hf_rope(in), "partial_rotary_factor", &part);
    if (part > 0 && part <= 1) eng_hf_put_int(in, "rope.dimension_count", part * in->head_dim);
}

sk_status eng_hf_put_window(eng_hf_in *in, uint32_t every, sk_err *e)
{
    double window = 0;
    if (!eng_hf_num(in, "sliding_window", &window)) return SK_OK;
    json_t *types = json_object_get(in->cfg, "layer_types");
    bool *has = sk_new_n(in->mem, bool, in->n_layer);
    if (!has) return sk_fail(e, SK_E_NOMEM, "no memory for the pattern of windows");
    if (types && json_array_size(types) != in->n_layer)
        return sk_fail(e, SK_E_FORMAT, "layer_types of config.json does not list %u layers",
                       in->n_layer);
    for (uint32_t i = 0; i < in->n_layer; i++) {
        const char *t = json_string_value(json_array_get(types, i));
        has[i] = types ? t && !strcmp(t, "sliding_attention") : (i + 1) % every != 0;
    }
    eng_hf_put_int(in, "attention.sliding_window", window);
    eng_hf_value *v = value_of(in, "attention.sliding_window_pattern", 'B');
    v->list = has;
    v->n = in->n_layer;
    return SK_OK;
}

/* The rows of a table that config.json has something for. */
static sk_status read_keys(eng_hf_in *in, const eng_hf_key *k, sk_err *e)
{
    for (; k && k->hf; k++) {
        double v = 0;
        if (k->kind == ENG_HF_BOOL) {
            json_t *b = json_object_get(in->cfg, k->hf);
            if (json_is_boolean(b)) eng_hf_put_bool(in, k->gguf, json_is_true(b));
            continue;
        }
        if (!eng_hf_num(in, k->hf, &v)) continue;
        if (k->kind == ENG_HF_NUM) {
            eng_hf_put_num(in, k->gguf, v);
            continue;
        }
        if (!(v >= 0 && v <= UINT32_MAX && floor(v) == v))
            return sk_fail(e, SK_E_FORMAT, "%s of config.json is %g, no whole number of 32 bits",
                           k->hf, v);
        eng_hf_put_int(in, k->gguf, v);
    }
    return SK_OK;
}

/* A whole number within bounds that make all later arithmetic safe. */
static sk_status read_size(const eng_hf_in *in, const char *names, uint32_t max, double deflt,
                           uint32_t *out, sk_err *e)
{
    double v = deflt;
    bool there = eng_hf_num(in, names, &v);
    if (!there && deflt == 0) return sk_fail(e, SK_E_FORMAT, "config.json lacks %s", names);
    if (!(v >= 1 && v <= max && floor(v) == v))
        return sk_fail(e, SK_E_FORMAT, "%s of config.json is %g; it must be 1 to %u", names, v,
                       max);
    *out = (uint32_t)v;
    return SK_OK;
}

/* The sizes that tables and forms depend on, under the names families have given them over the
 * years.  Bounds are those of what is computed; they keep products of sizes within 64 bits. */
static sk_status read_sizes(eng_hf_in *in, sk_err *e)
{
    sk_status st;
    double kv_default, n_expert = 0;
    if ((st = read_size(in, "num_hidden_layers|n_layer|n_layers|num_layers", 1024, 0, &in->n_layer,
                        e)) ||
        (st = read_size(in, "hidden_size|n_embd|n_embed|d_model", 1u << 17, 0, &in->n_embd, e)) ||
        (st = read_size(in, "num_attention_heads|n_head|n_heads", 1024, 0, &in->n_head, e)))
        return st;
    kv_default = in->n_head;
    if ((st = read_size(in, "num_key_value_heads|n_kv_heads|num_kv_heads|n_head_kv", 1024,
                        kv_default, &in->n_kv_head, e)) ||
        (st = read_size(in, "head_dim", 1024, floor((double)in->n_embd / in->n_head), &in->head_dim,
                        e)))
        return st;
    if (eng_hf_num(in, "num_local_experts|num_experts|n_routed_experts|moe_num_experts",
                   &n_expert) &&
        !(n_expert >= 0 && n_expert <= 4096))
        return sk_fail(e, SK_E_FORMAT, "config.json claims %g experts", n_expert);
    in->n_expert = (uint32_t)n_expert;
    return SK_OK;
}

/* What YaRN has besides its factor. */
static void read_yarn(eng_hf_in *in, json_t *r)
{
    static const struct {
        const char *hf, *gguf;
    } row[] = {{"extrapolation_factor", "rope.scaling.yarn_ext_factor"},
               {"attention_factor|attn_factor", "rope.scaling.yarn_attn_factor"},
               {"beta_fast", "rope.scaling.yarn_beta_fast"},
               {"beta_slow", "rope.scaling.yarn_beta_slow"}};
    double v = 0;
    if (eng_hf_num_in(r, "original_max_position_embeddings", &v) ||
        eng_hf_num(in, "max_position_embeddings", &v))
        eng_hf_put_int(in, "rope.scaling.original_context_length", v);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        if (eng_hf_num_in(r, row[i].hf, &v)) eng_hf_put_num(in, row[i].gguf, v);
}

/* The bases: of all layers, and of windowed ones where they differ from what those usually have. */
static void read_rope_bases(eng_hf_in *in, json_t *r)
{
    double v = 0;
    if (eng_hf_num(in, "rope_theta|rotary_emb_base", &v) || eng_hf_num_in(r, "rope_theta", &v))
        eng_hf_put_num(in, "rope.freq_base", v);
    json_t *local =
        json_object_get(json_object_get(in->cfg, "rope_parameters"), "sliding_attention");
    if (eng_hf_num_in(local, "rope_theta", &v) && v != 10000)
        eng_hf_put_num(in, "rope.freq_base_swa", v);
}

/* rope.*: the base, and the kinds of scaling that are keys.  llama3's and longrope's are tensors
 * (extra.c). */
static sk_status read_rope(eng_hf_in *in, sk_err *e)
{
    json_t *r = eng_hf_rope(in);
    double v = 0;
    read_rope_bases(in, r);
    const char *type = rope_type(in);
    if (!strcmp(type, "default") || !strcmp(type, "llama3")) return SK_OK;
    if (!strcmp(type, "longrope") || !strcmp(type, "su")) {
        eng_hf_put_str(in, "rope.scaling.type", "longrope");
        return SK_OK;
    }
    bool yarn = !strcmp(type, "yarn");
    if ((!yarn && strcmp(type, "linear") != 0) || !eng_hf_num_in(r, "factor", &v))
        return sk_fail(e, SK_E_UNSUPPORTED, "RoPE scaling of type \"%.40s\" is not supported",
                       type);
    eng_hf_put_str(in, "rope.scaling.type", yarn ? "yarn" : "linear");
    eng_hf_put_num(in, "rope.scaling.factor", v);
    if (yarn) read_yarn(in, r);
    return SK_OK;
}

/* The first class of "architectures" that a family knows. */
static sk_status find_family(eng_hf_in *in, sk_err *e)
{
    json_t *list = json_object_get(in->cfg, "architectures");
    const char *first = NULL;
    for (size_t i = 0; i < json_array_size(list) && !in->family; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (!first) first = name;
        if (name) in->family = eng_hf_family_of_class(name);
    }
    if (in->family) return SK_OK;
    return sk_fail(e, SK_E_UNSUPPORTED,
                   "config.json names the architecture \"%.80s\", which is not supported",
                   first ? first : "(none)");
}

/* Multimodal folders keep the text model's settings in an object of their own. */
static sk_status lay_text_over(eng_hf_in *in, sk_err *e)
{
    json_t *text = json_object_get(in->cfg, "text_config");
    if (!json_is_object(text)) return SK_OK;
    json_t *arch = json_object_get(in->cfg, "architectures");
    json_incref(arch);
    int bad = json_object_update(in->cfg, text);
    if (!bad && arch) bad = json_object_set(in->cfg, "architectures", arch);
    json_decref(arch);
    return bad ? sk_fail(e, SK_E_NOMEM, "no memory for config.json") : SK_OK;
}

/* config.json of a model that also sees or hears has the text model's part in an object of its
 * own, which is laid over the rest first: what follows need not know. */
sk_status eng_hf_config_read(const char *text, size_t n, sk_arena *mem, eng_hf_in *in, sk_err *e)
{
    *in = (eng_hf_in){.mem = mem};
    sk_err why = SK_ERR_INIT;
    sk_status st = sk_json_parse(text, n, JSON_DEPTH, &in->cfg, &why);
    if (!st && !json_is_object(in->cfg)) st = sk_fail(&why, SK_E_INVALID, "it is no JSON object");
    if (st) return sk_fail(e, st == SK_E_INVALID ? SK_E_FORMAT : st, "config.json: %s", why.text);
    if ((st = lay_text_over(in, e)) || (st = find_family(in, e)) || (st = read_sizes(in, e)) ||
        (st = read_keys(in, eng_hf_common_keys, e)) || (st = read_keys(in, in->family->keys, e)) ||
        (st = read_rope(in, e)))
        return st;
    return in->family->read ? in->family->read(in, e) : SK_OK;
}

/* ---- putting ---- */

static void put_value(const char *key, const eng_hf_value *v, eng_gguf_writer *w)
{
    switch (v->type) {
    case 'i':
        eng_gguf_put_u32(w, key, (uint32_t)v->num);
        break;
    case 'n':
        eng_gguf_put_f32(w, key, (float)v->num);
        break;
    case 'b':
        eng_gguf_put_bool(w, key, v->num != 0);
        break;
    case 's':
        eng_gguf_put_str(w, key, v->str, strlen(v->str));
        break;
    default:
        assert(v->type == 'B');
        eng_gguf_put_array(w, key, ENG_GGUF_BOOL, v->list, v->n);
    }
}

sk_status eng_hf_config_put(const eng_hf_in *in, const char *name, eng_gguf_writer *w, sk_err *e)
{
    const char *arch = in->family->arch;
    eng_gguf_put_str(w, "general.architecture", arch, strlen(arch));
    eng_gguf_put_str(w, "general.name", name, strlen(name));
    for (size_t i = 0; i < in->n_values; i++) {
        char key[128];
        int n = snprintf(key, sizeof key, "%s.%s", arch, in->value[i].key);
        if (n < 0 || (size_t)n >= sizeof key) return sk_fail(e, SK_E_INTERNAL, "a key is too long");
        put_value(key, &in->value[i], w);
    }
    return SK_OK;
}
