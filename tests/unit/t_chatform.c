/* t_chatform.c - which tokens are learned, in the form of the model's own chat template. */
#include "tests/unit/tiny_vocab.h"
#include "tests/unit/unit.h"

#include "base/buf.h"
#include "engine/model/chatform.h"

#include <string.h>

#define MSG(role, text)                                                                            \
    {                                                                                              \
        role, text, sizeof(text) - 1                                                               \
    }

static const eng_chat_msg talk[] = {MSG("system", "Be brief."), MSG("user", "Where is the ship?"),
                                    MSG("assistant", " At the quay.\n"), MSG("user", "Thanks"),
                                    MSG("assistant", "It is nothing.")};

/* ChatML in other words. */
static const char chatml[] =
    "{%- for m in messages %}{{- '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}"
    "{%- endfor %}{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}";

/* Trims what is said, as Llama 3 does. */
static const char trims[] =
    "{% for m in messages %}{{ '<|im_start|>[' + m.role + ']\\n\\n' + m.content | trim + "
    "'<|im_end|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>[assistant]\\n\\n' }}"
    "{% endif %}";

/* Writes the last answer in another way than those before, as Qwen 3 does. */
static const char thinks[] =
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' }}"
    "{% if m.role == 'assistant' and loop.last %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}"
    "{{ m.content | trim + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

/* Without any special token. */
static const char plain[] =
    "{% for m in messages %}{{ m.role + ': ' + m.content | trim + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}";

/* Renders the conversation; the text of what is learned, in b. */
static sk_status learn(const eng_vocab *v, const char *template, sk_buf *b, sk_err *e)
{
    eng_chatform *f = NULL;
    eng_ids ids = {0}, loss = {0};
    sk_status st = eng_chatform_open(v, template, &f, e);
    if (!st) st = eng_chatform_render(f, talk, 5, false, &ids, &loss, e);
    assert_int_equal(ids.n, loss.n);
    assert_true(!st || ids.n == 0);
    sk_buf_reset(b);
    sk_buf_adds(b, "");
    for (size_t i = 0; i < ids.n; i++) {
        size_t n;
        const char *p = eng_vocab_piece(v, ids.id[i], true, &n);
        if (loss.id[i]) sk_buf_add(b, p, n);
    }
    eng_chatform_close(f);
    eng_ids_fini(&ids);
    eng_ids_fini(&loss);
    return st;
}

static void answers_and_their_ends_are_learned(void **state)
{
    (void)state;
    static const struct {
        const char *template, *learned;
    } row[] = {
        {NULL, " At the quay.\n<|im_end|>It is nothing.<|im_end|>"},
        {chatml, " At the quay.\n<|im_end|>It is nothing.<|im_end|>"},
        {trims, "At the quay.<|im_end|>It is nothing.<|im_end|>"},
        {thinks, "At the quay.<|im_end|><think>\n\n</think>\n\nIt is nothing.<|im_end|>"},
        {plain, " At the quay.\n It is nothing.\n"},
    };
    eng_vocab *v = tiny_vocab(400, NULL);
    sk_buf b = SK_BUF_INIT;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sk_err e = SK_ERR_INIT;
        assert_status_ok(learn(v, row[i].template, &b, &e), e);
        assert_string_equal(b.p, row[i].learned);
    }
    sk_buf_fini(&b);
    eng_vocab_close(v);
}

/* The prompt of a conversation is the beginning of the one that goes on with an answer. */
static void a_prompt_leads_to_its_answer(void **state)
{
    (void)state;
    static const char *const form[] = {NULL, chatml, trims, thinks};
    eng_vocab *v = tiny_vocab(400, NULL);
    for (size_t i = 0; i < sizeof form / sizeof *form; i++) {
        sk_err e = SK_ERR_INIT;
        eng_chatform *f;
        eng_ids prompt = {0}, whole = {0}, l1 = {0}, l2 = {0};
        assert_status_ok(eng_chatform_open(v, form[i], &f, &e), e);
        assert_status_ok(eng_chatform_render(f, talk, 2, true, &prompt, &l1, &e), e);
        assert_status_ok(eng_chatform_render(f, talk, 3, false, &whole, &l2, &e), e);
        assert_true(whole.n > prompt.n);
        assert_memory_equal(whole.id, prompt.id, prompt.n * sizeof *prompt.id);
        for (size_t k = 0; k < whole.n; k++)
            assert_true(k < prompt.n ? !l2.id[k] && !l1.id[k] : k > prompt.n || l2.id[k]);
        eng_chatform_close(f);
        eng_ids_fini(&prompt);
        eng_ids_fini(&whole);
        eng_ids_fini(&l1);
        eng_ids_fini(&l2);
    }
    eng_vocab_close(v);
}

/* Nothing is learned on a guess. */
static void templates_that_hide_the_answer_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *template;
        sk_status status;
        const char *says;
    } row[] = {
        {"{% for m in messages %}{{ m.role + ': ' + m.content }}{% endfor %}"
         "{% if add_generation_prompt %}bot> {% endif %}",
         SK_E_UNSUPPORTED, "which tokens to learn"},
        {"{% for m in messages %}{{ m.role + ': ' + m.content | upper }}{% endfor %}"
         "{% if add_generation_prompt %}assistant: {% endif %}",
         SK_E_UNSUPPORTED, "which tokens to learn"},
        {"{% if messages | length > 2 %}{{ raise_exception('too long a talk') }}{% endif %}x",
         SK_E_INVALID, "too long a talk"},
        {"{% for m in %}", SK_E_FORMAT, "template"},
    };
    eng_vocab *v = tiny_vocab(400, NULL);
    sk_buf b = SK_BUF_INIT;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sk_err e = SK_ERR_INIT;
        assert_status(learn(v, row[i].template, &b, &e), row[i].status, e, row[i].says);
    }
    sk_buf_fini(&b);
    eng_vocab_close(v);
}

static sk_status learn_starved(void *vocab, sk_err *e)
{
    sk_buf b = SK_BUF_INIT;
    sk_status st = learn(vocab, trims, &b, e);
    if (!st) return unit_starved_buf(&b, e);
    sk_buf_fini(&b);
    return st;
}

/* Whatever allocation fails, nothing is lost and nothing is half there. */
static void survives_failed_allocations(void **state)
{
    (void)state;
    eng_vocab *v = tiny_vocab(400, NULL);
    unit_starve(learn_starved, v, 2000, UNIT_LATER | UNIT_TOLD);
    eng_vocab_close(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_and_their_ends_are_learned),
        cmocka_unit_test(a_prompt_leads_to_its_answer),
        cmocka_unit_test(templates_that_hide_the_answer_are_refused),
        cmocka_unit_test(survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
