/* t_family.c - every architecture there is: its row is whole, its switches are within their kinds,
 * and a shape of it has a list of parameters without gaps. */
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "engine/model/config.h"
#include "engine/model/family.h"
#include "engine/model/layout.h"

#include <stdio.h>

#define NAME(id, name) name,
static const char *const names[] = {ENG_FAMILY_TABLE(NAME)};
enum { N = sizeof names / sizeof names[0] };

/* A name finds the row that bears it, no name comes twice, and the list of names has them all. */
static void rows_are_found(void **state)
{
    (void)state;
    const char *at = eng_family_names();
    for (size_t i = 0; i < N; i++) {
        const eng_family *f = eng_family_find(names[i]);
        assert_non_null(f);
        assert_string_equal(f->arch, names[i]);
        assert_true(strlen(names[i]) < sizeof f->base.arch);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(names[i], names[k]);
        assert_memory_equal(at, names[i], strlen(names[i]));
        at += strlen(names[i]) + 2;
    }
    assert_int_equal(at - eng_family_names(), strlen(eng_family_names()) + 2);
}

/* What a table may hold: enums within their range, renames that end, parameters that can be. */
static void switches_are_sane(void **state)
{
    (void)state;
    for (size_t i = 0; i < N; i++) {
        const eng_family *f = eng_family_find(names[i]);
        const eng_config *c = &f->base;
        assert_in_range(c->norm, ENG_NORM_RMS, ENG_NORM_LAYER);
        assert_in_range(c->place, ENG_PLACE_PRE, ENG_PLACE_SUM);
        assert_in_range(c->qk_norm, ENG_QK_NONE, ENG_QK_ROW);
        assert_in_range(c->rope_form, ENG_ROPE_HALF, ENG_ROPE_PAIRS);
        assert_in_range(c->act, 0, ENG_ACT_N - 1);
        assert_in_range(c->gating, 0, ENG_GATE_CHOSEN);
        assert_int_equal(f->keys & ~4095u, 0);
        assert_true(c->has[ENG_P_EMBD]);
        /* what a block writes back to the stream is always there */
        assert_true(c->has[ENG_P_O]);
        assert_true(c->has[ENG_P_DOWN] || f->may[ENG_P_DOWN] || c->has[ENG_P_EXP_DOWN]);
        /* queries, keys and values: apart, in one, or latent */
        bool apart = c->has[ENG_P_Q] || f->may[ENG_P_Q],
             one = c->has[ENG_P_QKV] || f->may[ENG_P_QKV];
        bool latent = c->has[ENG_P_MLA_KV_A] || f->may[ENG_P_MLA_KV_A];
        assert_true(apart || one || latent);
        if (c->parallel) assert_int_equal(f->base.place, ENG_PLACE_PRE);
        for (const eng_rename *r = f->rename; r && r->suffix; r++) {
            assert_in_range(r->kind, 0, ENG_P_N - 1);
            assert_true(strlen(r->suffix) > 0 && strlen(r->suffix) < 48);
        }
    }
}

/* eng_config_family takes the switches of the table and leaves the shape alone. */
static void shape_stays(void **state)
{
    (void)state;
    for (size_t i = 0; i < N; i++) {
        sk_err e = SK_ERR_INIT;
        eng_config c = {.n_vocab = 11,
                        .n_ctx = 12,
                        .n_embd = 13,
                        .n_layer = 14,
                        .n_head = 15,
                        .n_kv_head = 16,
                        .head_dim = 17,
                        .n_ff = 18,
                        .rms_eps = 0.5f,
                        .rope_theta = 19,
                        .tied = true};
        snprintf(c.arch, sizeof c.arch, "%s", names[i]);
        snprintf(c.name, sizeof c.name, "mine");
        sk_status st = eng_config_family(&c, &e);
        if (st) { /* what its own code cannot make of nothing must say so */
            assert_int_not_equal(st, SK_E_INTERNAL);
            continue;
        }
        assert_string_equal(c.arch, names[i]);
        assert_string_equal(c.name, "mine");
        assert_int_equal(c.n_vocab, 11);
        assert_int_equal(c.n_ctx, 12);
        assert_int_equal(c.n_embd, 13);
        assert_int_equal(c.n_layer, 14);
        assert_int_equal(c.n_ff, 18);
        assert_true(c.tied);
        assert_int_equal(c.norm, eng_family_find(names[i])->base.norm);
        assert_int_equal(c.act, eng_family_find(names[i])->base.act);
    }
}

/* Sets of layers: members, periods, and the ends of the set. */
static void layer_sets(void **state)
{
    (void)state;
    eng_layer_set s = {{0}};
    static const uint32_t some[] = {0, 1, 63, 64, 65, 127, 500, 1023};
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++)
        eng_layer_add(&s, some[i]);
    for (uint32_t l = 0; l < ENG_MAX_LAYERS; l++) {
        bool in = false;
        for (size_t i = 0; i < sizeof some / sizeof some[0]; i++)
            in |= some[i] == l;
        assert_int_equal(eng_layer_in(&s, l), in);
    }
    for (uint32_t period = 0; period < 9; period++) {
        eng_layer_set p = {{0}};
        eng_layer_add_period(&p, 100, period);
        for (uint32_t l = 0; l < 200; l++) {
            bool in = l < 100 && (!period || l % period < period - 1);
            assert_int_equal(eng_layer_in(&p, l), in);
        }
    }
}

/* Getters fill in what 0 stands for. */
static void defaults_are_filled_in(void **state)
{
    (void)state;
    eng_config c = {.head_dim = 64, .n_head = 4, .n_kv_head = 2, .n_layer = 8};
    assert_int_equal(eng_config_n_rot(&c), 64);
    assert_int_equal(eng_config_head_dim_v(&c), 64);
    assert_int_equal(eng_config_att_dim(&c), 64);
    assert_true(eng_config_attn_scale(&c) == 0.125f);
    c.n_rot = 16;
    c.head_dim_v = 32;
    c.attn_scale = 3;
    assert_int_equal(eng_config_n_rot(&c), 16);
    assert_int_equal(eng_config_head_dim_v(&c), 32);
    assert_true(eng_config_attn_scale(&c) == 3);
    assert_false(eng_config_is_moe(&c, 3));
    c.n_expert = 4;
    c.n_dense_lead = 2;
    for (uint32_t l = 0; l < 8; l++)
        assert_int_equal(eng_config_is_moe(&c, l), l >= 2);
    c.moe_step = 3; /* layers 2, 5, 8, .. */
    for (uint32_t l = 0; l < 8; l++)
        assert_int_equal(eng_config_is_moe(&c, l), l == 2 || l == 5);
    eng_layer_add(&c.local, 1);
    assert_false(eng_config_is_local(&c, 1)); /* no window, no windowed layers */
    c.window = 100;
    assert_true(eng_config_is_local(&c, 1));
    assert_false(eng_config_is_local(&c, 0));
    eng_layer_add(&c.nope, 5);
    assert_true(eng_config_rotates(&c, 4));
    assert_false(eng_config_rotates(&c, 5));
    c.no_rope = true;
    assert_false(eng_config_rotates(&c, 4));
    assert_false(eng_config_absorbed(&c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_found),
        cmocka_unit_test(switches_are_sane),
        cmocka_unit_test(shape_stays),
        cmocka_unit_test(layer_sets),
        cmocka_unit_test(defaults_are_filled_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
