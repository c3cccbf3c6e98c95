/* t_refuse.c - model files of every architecture with one line of their description missing or
 * changed: refused with the right sentence, or opened where what is missing need not be there.
 */
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "engine/model/config_gguf.h"
#include "engine/model/trainable.h"
#include "engine/model/weights.h"
#include "tests/arch/fixture.h"

#include <dirent.h>
#include <stdio.h>

/* A description's text. */
static void read_case(const char *name, sk_buf *text)
{
    char path[128];
    snprintf(path, sizeof path, "tests/arch/%s.arch", name);
    assert_true(unit_read(path, text));
    sk_buf_addc(text, 0);
}

/* Reads config, list of parameters and tensors of the model that `text` describes. */
static sk_status open_text(const char *text, eng_config *c, sk_err *e)
{
    sk_buf file = SK_BUF_INIT;
    sk_err why = SK_ERR_INIT;
    arch_case info;
    const char *dir = unit_tmpdir(), *path = unit_path(dir, "x.arch");
    unit_write(path, text, strlen(text));
    assert_status_ok(arch_make(path, ARCH_ZEROS, &info, &file, &why), why);
    unit_rm_rf(dir);
    eng_gguf *g = NULL;
    assert_status_ok(eng_gguf_open_bytes(file.p, file.len, &g, &why), why);
    sk_arena *a = sk_arena_new(SK_MEM_MISC);
    eng_layout l;
    sk_status st = eng_config_read(g, c, e);
    if (!st) st = eng_layout_build(c, a, &l, e);
    if (!st) st = eng_weights_check(g, &l, e);
    sk_arena_free(a);
    eng_gguf_close(g);
    sk_buf_fini(&file);
    return st;
}

/* The text without its line that begins with `line` (there is one), with `instead` in its place. */
static char *without(const char *text, const char *line, const char *instead)
{
    size_t n = strlen(line);
    const char *p = strstr(text, line);
    while (p && p != text && p[-1] != '\n')
        p = strstr(p + 1, line);
    if (!p) print_error("no line \"%s\"\n", line);
    assert_non_null(p);
    size_t rest = strcspn(p + n, "\n");
    char *out = malloc(strlen(text) + strlen(instead) + 2);
    assert_non_null(out);
    sprintf(out, "%.*s%s%s", (int)(p - text), text, instead, p + n + rest);
    return out;
}

/* ---- sentences ---- */

static void sentences(void **state)
{
    (void)state;
    const struct {
        const char *name, *line, *instead;
        sk_status st;
        const char *says;
    } bad[] = {
        {"cohere2", "u32 attention.sliding_window ", "", SK_E_FORMAT, "sliding_window"},
        {"cohere2", "f32 logit_scale ", "", SK_E_FORMAT, "logit_scale"},
        {"granite", "f32 logit_scale ", "", SK_E_FORMAT, "granite.logit_scale"},
        {"granite", "f32 residual_scale ", "f32 residual_scale -1", SK_E_FORMAT, "residual_scale"},
        {"olmo", "f32 attention.layer_norm_epsilon ", "", SK_E_FORMAT, "layer_norm_epsilon"},
        {"gemma", "f32 attention.layer_norm_rms_epsilon ", "", SK_E_FORMAT, "rms_epsilon"},
        {"gemma2", "u32 attention.sliding_window ",
         "u32s attention.sliding_window_pattern 1 0 1 0 1 0 1 0 1", SK_E_FORMAT, "pattern"},
        {"qwen3moe", "u32 expert_count ", "", SK_E_FORMAT, "qwen3moe.expert_count"},
        {"qwen3moe", "u32 expert_used_count ", "u32 expert_used_count 9", SK_E_FORMAT,
         "expert_used_count"},
        {"qwen3moe", "u32 expert_count ", "u32 expert_count 7", SK_E_FORMAT, "ffn_gate_inp"},
        {"mixtral", "u32 expert_count ", "", SK_E_FORMAT, "ffn_gate"},
        {"mixtral", "tensor blk.*.ffn_up_exps.weight ", "", SK_E_FORMAT, "ffn_up_exps"},
        {"gpt-oss", "u32 expert_feed_forward_length ", "", SK_E_FORMAT, "expert_feed_forward"},
        {"gpt-oss", "tensor blk.*.attn_sinks.weight ", "", SK_E_FORMAT, "attn_sinks"},
        {"gpt-oss", "tensor blk.*.post_attention_norm.weight ", "", SK_E_FORMAT,
         "post_attention_norm"},
        {"ernie4_5-moe", "u32 interleave_moe_layer_step ", "", SK_E_FORMAT, "interleave"},
        {"deepseek2-v3", "u32 attention.kv_lora_rank ", "", SK_E_FORMAT, "kv_lora_rank"},
        {"deepseek2-v3", "u32 attention.key_length ", "u32 attention.key_length 44", SK_E_FORMAT,
         "latent attention contradict"},
        {"deepseek2-v3", "u32 attention.value_length_mla ", "u32 attention.value_length_mla 12",
         SK_E_FORMAT, "attn_v_b"},
        {"deepseek2-v3", "u32 expert_gating_func ", "u32 expert_gating_func 4", SK_E_FORMAT,
         "expert_gating_func"},
        {"deepseek2-v3", "u32 expert_group_used_count ", "", SK_E_FORMAT, "group_used_count"},
        {"deepseek2-v3", "u32 expert_group_count ", "u32 expert_group_count 3", SK_E_FORMAT,
         "expert_group_count"},
        {"deepseek2-v3", "u32 attention.q_lora_rank ", "u32 attention.q_lora_rank 0", SK_E_FORMAT,
         "attn_q.weight"},
        {"llama", "f32 rope.freq_base ", "f32 attention.clamp_kqv 3", SK_E_UNSUPPORTED, "clamp"},
        {"llama", "u32 attention.head_count_kv ", "u32s attention.head_count_kv 1 2 1", SK_E_FORMAT,
         "head_count_kv"},
        {"qwen2moe", "u32 expert_used_count ", "bool expert_weights_norm true", SK_E_UNSUPPORTED,
         "expert_weights_norm"},
        {"glm4", "f32 rope.freq_base ", "u32s rope.dimension_sections 2 2 0 0", SK_E_UNSUPPORTED,
         "dimension_sections"},
        {"qwen3", "f32 rope.freq_base ", "u32 attention.sliding_window 32", SK_E_UNSUPPORTED,
         "sliding_window"},
        {"gpt2", "tensor position_embd.weight ", "", SK_E_FORMAT, "position_embd"},
        {"bloom", "tensor token_embd_norm.bias ", "", SK_E_FORMAT, "token_embd_norm.bias"},
        {"falcon", "tensor blk.*.attn_norm.bias ", "", SK_E_FORMAT, "attn_norm.bias"},
        {"bert", "bool attention.causal ", "bool attention.causal true", SK_E_UNSUPPORTED,
         "causal"},
        {"qwen3-embed", "u32 pooling_type ", "bool attention.causal false", SK_E_UNSUPPORTED,
         "causal"},
        {"bert", "u32 pooling_type ", "u32 pooling_type 5", SK_E_FORMAT, "pooling_type"},
        {"bert", "tensor blk.*.layer_output_norm.bias ", "", SK_E_FORMAT, "layer_output_norm.bias"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sk_buf text = SK_BUF_INIT;
        sk_err e = SK_ERR_INIT;
        eng_config c;
        read_case(bad[i].name, &text);
        char *changed = without(text.p, bad[i].line, bad[i].instead);
        sk_status st = open_text(changed, &c, &e);
        if (st != bad[i].st) print_error("%s, %s\n", bad[i].name, bad[i].line);
        assert_status(st, bad[i].st, e, bad[i].says);
        free(changed);
        sk_buf_fini(&text);
    }
}

/* ---- values ---- */

static eng_config config_of(const char *name)
{
    sk_buf text = SK_BUF_INIT;
    sk_err e = SK_ERR_INIT;
    eng_config c;
    read_case(name, &text);
    assert_status_ok(open_text(text.p, &c, &e), e);
    sk_buf_fini(&text);
    return c;
}

/* Which layers of the first n are in a set, as letters. */
static void assert_layers(const eng_layer_set *s, const char *want)
{
    for (uint32_t i = 0; want[i]; i++)
        assert_int_equal(eng_layer_in(s, i), want[i] == 'x');
}

/* What the families' own rules make of keys and shapes. */
static void values(void **state)
{
    (void)state;
    eng_config c = config_of("gemma3");
    assert_layers(&c.local, "xxxxx.");
    assert_true(c.local_unscaled && c.embd_scale == 8.0f && c.qk_norm == ENG_QK_HEAD);
    c = config_of("gemma2");
    assert_layers(&c.local, "x.x.");
    assert_true(c.place == ENG_PLACE_BOTH);
    c = config_of("cohere2");
    assert_layers(&c.local, "xxx.");
    assert_layers(&c.nope, "...x");
    assert_true(c.tied && c.parallel);
    c = config_of("smollm3");
    assert_layers(&c.nope, "...x");
    c = config_of("exaone4-32b");
    assert_layers(&c.local, "xxx.xxx.");
    assert_layers(&c.nope, "...x...x");
    assert_int_equal(config_of("exaone4").window, 0);
    c = config_of("stablelm-12b");
    assert_true(c.parallel && c.qk_norm == ENG_QK_EACH && c.has[ENG_P_Q_NORM]);
    assert_false(config_of("stablelm").parallel);
    assert_true(config_of("gptneox").parallel && !config_of("gptneox-seq").parallel);
    c = config_of("deepseek2-v3");
    assert_true(eng_config_absorbed(&c) && !eng_config_is_moe(&c, 0) && eng_config_is_moe(&c, 1));
    assert_int_equal(eng_config_att_dim(&c), 16);
    assert_false(eng_config_absorbed(&(eng_config){.kv_lora = 4}));
    c = config_of("phi3");
    assert_true(c.fused_gate && !c.window && c.has[ENG_P_QKV] && !c.has[ENG_P_Q]);
    c = config_of("qwen2moe");
    assert_true(c.gating == ENG_GATE_SOFTMAX && !c.expert_norm && c.n_ff_shared);
}

/* Windowed layers as a list of truth values, as newer converters write it, instead of a period. */
static void windows_by_list(void **state)
{
    (void)state;
    sk_buf text = SK_BUF_INIT;
    sk_err e = SK_ERR_INIT;
    eng_config c;
    read_case("gemma3", &text);
    char *changed = without(text.p, "f32 rope.freq_base ",
                            "bools attention.sliding_window_pattern true false true false true "
                            "true false");
    assert_status_ok(open_text(changed, &c, &e), e);
    assert_layers(&c.local, "x.x.xx.");
    free(changed);
    sk_buf_fini(&text);
}

/* Layers that guess further tokens stay in the file. */
static void further_layers(void **state)
{
    (void)state;
    sk_buf text = SK_BUF_INIT;
    sk_err e = SK_ERR_INIT;
    eng_config c, plain = config_of("exaone4");
    read_case("exaone4", &text);
    char *changed = without(text.p, "f32 rope.freq_base ", "u32 nextn_predict_layers 1");
    assert_status_ok(open_text(changed, &c, &e), e);
    assert_int_equal(c.n_layer, plain.n_layer - 1);
    assert_status(eng_config_trainable(&c, &e), SK_E_UNSUPPORTED, e, "exaone4");
    free(changed);
    changed = without(text.p, "f32 rope.freq_base ", "u32 nextn_predict_layers 64");
    assert_status(open_text(changed, &c, &e), SK_E_FORMAT, e, "nextn_predict_layers");
    free(changed);
    sk_buf_fini(&text);
}

/* ---- every line of every description ---- */

/* Whether a model may do without: what is optional, and keys with a default. */
static bool may_lack(const char *name, const char *line)
{
    if (strcmp(name, "jina-bert-v2") == 0 && strstr(line, "ffn_gate.weight")) return true;
    static const char *const word[] = {
        ".bias",          "output.weight", "rope",        "q_norm",        "k_norm",
        "scale",          "softcapping",   "attn_norm_2", "clamp",         "alibi",
        "value_length",   "key_length",    "sliding",     "head_count_kv", "feed_forward_length",
        "expert_weights", "gating",        "group",       "lead",          "position_embd",
        "parallel",       "ffn_norm",      "str ",        "vocab",         "u32 /",
        "bool ",          "used",          "pooling",     "token_types"};
    for (size_t i = 0; i < sizeof word / sizeof *word; i++)
        if (strstr(line, word[i])) return true;
    return false;
}

/* Each key and tensor of one description left out. */
static void lines_of(const char *name)
{
    sk_buf text = SK_BUF_INIT;
    read_case(name, &text);
    for (char *p = text.p; *p; p += strcspn(p, "\n") + 1) {
        size_t n = strcspn(p, "\n");
        if (!n) continue;
        char line[256], *gap;
        snprintf(line, sizeof line, "%.*s", (int)n, p);
        bool is_item = !strncmp(line, "tensor ", 7) || !strncmp(line, "u32 ", 4) ||
                       !strncmp(line, "f32 ", 4) || !strncmp(line, "bool ", 5) ||
                       !strncmp(line, "str ", 4);
        if (!is_item || strstr(line, "token_embd.weight")) continue;
        gap = strchr(strchr(line, ' ') + 1, ' ');
        if (gap) gap[1] = 0;
        char *less = without(text.p, line, "");
        sk_err e = SK_ERR_INIT;
        eng_config c;
        sk_status st = open_text(less, &c, &e);
        if (!st && !may_lack(name, line)) print_error("%s opens without \"%s\"\n", name, line);
        assert_true(st || may_lack(name, line));
        if (st) assert_true(e.text[0] && (st == SK_E_FORMAT || st == SK_E_UNSUPPORTED));
        free(less);
    }
    sk_buf_fini(&text);
}

static void every_line(void **state)
{
    (void)state;
    DIR *d = opendir("tests/arch");
    assert_non_null(d);
    for (struct dirent *f; (f = readdir(d));) {
        size_t len = strlen(f->d_name);
        char name[64];
        if (len < 6 || len > 60 || strcmp(f->d_name + len - 5, ".arch") != 0) continue;
        snprintf(name, sizeof name, "%.*s", (int)len - 5, f->d_name);
        lines_of(name);
    }
    closedir(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sentences),       cmocka_unit_test(values),
        cmocka_unit_test(windows_by_list), cmocka_unit_test(further_layers),
        cmocka_unit_test(every_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
