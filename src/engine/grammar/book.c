/* book.c - the notebook of a grammar: its parser. */
#include "engine/grammar/book.h"

#include <assert.h>
#include <stdlib.h>

#define NONE ENG_RULE_NONE

/* ---- the whole ---- */

void eng_book_fail(eng_book *b, sk_status st)
{
    if (!b->st) b->st = st;
}

size_t eng_book_bytes(const eng_book *b)
{
    return b->n_row * 512 + b->cap_lex * sizeof *b->lex + b->cap_lexitem * sizeof *b->lexitem +
           b->cap_stand * sizeof *b->stand + b->cap_item * sizeof *b->item +
           b->cap_stack * sizeof *b->stack + b->cap_frame * sizeof *b->frame +
           b->cap_move * sizeof *b->move +
           4 * (b->by_lex.cap + b->by_stand.cap + b->by_stack.cap + b->by_move.cap) +
           eng_rxpool_bytes(b->rx);
}

bool eng_book_is_full(eng_book *b)
{
    if (eng_book_bytes(b) > b->most_bytes)
        eng_book_fail(b, SK_E_TOOBIG);
    else if (eng_rxpool_is_spent(b->rx))
        eng_book_fail(b, SK_E_AGAIN);
    return b->st != SK_OK;
}

sk_status eng_book_check(const eng_book *b, sk_err *e)
{
    sk_status st = b->st ? b->st : b->rx->st;
    if (!st) return SK_OK;
    if (st == SK_E_NOMEM) return sk_fail(e, st, "no memory for the grammar's states");
    if (st == SK_E_AGAIN) return sk_fail(e, st, "the grammar's next state is not made yet");
    return sk_fail(e, st, "the grammar is too complex: its states pass the bound of %zu bytes",
                   b->most_bytes);
}

static void index_fini(eng_rxindex *x)
{
    sk_free(x->slot);
    *x = (eng_rxindex){0};
}

static void index_empty(eng_rxindex *x)
{
    if (x->cap) memset(x->slot, 0xff, x->cap * sizeof *x->slot);
    x->n = 0;
}

void eng_book_fini(eng_book *b)
{
    void *held[] = {b->lex,  b->lexitem, b->stand, b->item,      b->stack,  b->frame,
                    b->move, b->todo,    b->call,  b->call_rule, b->scratch};
    for (size_t i = 0; i < sizeof held / sizeof *held; i++)
        sk_free(held[i]);
    index_fini(&b->by_lex);
    index_fini(&b->by_stand);
    index_fini(&b->by_stack);
    index_fini(&b->by_move);
    index_fini(&b->seen);
    sk_arena_free(b->mem);
    *b = (eng_book){0};
}

/* State 0 of the lexer and stack 0 are the ends: nothing can come, nothing is below. */
static sk_status begin(eng_book *b, sk_err *e)
{
    if (!b->mem) b->mem = sk_arena_new(SK_MEM_REQUEST);
    if (!b->mem || !eng_grow(&b->lex, &b->cap_lex, 1, sizeof *b->lex) ||
        !eng_grow(&b->stack, &b->cap_stack, 1, sizeof *b->stack)) {
        eng_book_fail(b, SK_E_NOMEM);
        return eng_book_check(b, e);
    }
    b->lex[0] = (eng_lex){0};
    b->stack[0] = (eng_stack){0};
    b->n_lex = b->n_stack = 1;
    b->first = eng_book_start(b);
    return eng_book_check(b, e);
}

sk_status eng_book_init(eng_book *b, const eng_rules *rules, eng_rxpool *rx, size_t most_bytes,
                        sk_err *e)
{
    b->rules = rules;
    b->rx = rx;
    b->most_bytes = most_bytes;
    b->mark = eng_rxpool_mark(rx);
    return begin(b, e);
}

sk_status eng_book_empty(eng_book *b, sk_err *e)
{
    sk_arena_free(b->mem);
    b->mem = NULL;
    eng_rxpool_cut(b->rx, &b->mark);
    index_empty(&b->by_lex);
    index_empty(&b->by_stand);
    index_empty(&b->by_stack);
    index_empty(&b->by_move);
    b->n_lex = b->n_lexitem = b->n_stand = b->n_item = b->n_stack = b->n_frame = b->n_move = 0;
    b->n_row = 0;
    b->st = SK_OK;
    b->generation++;
    return begin(b, e);
}

/* ---- stacks and stands, found again by what they hold ---- */

/* What is looked for: n elements of `size` bytes, and a flag. */
typedef struct probe {
    const eng_book *b;
    const void *p;
    size_t n;
    bool flag;
} probe;

static_assert(sizeof(eng_frame) == 8 && sizeof(eng_item) == 12, "hashed and compared as words");

static uint64_t hash_words(const void *p, size_t n, uint64_t h)
{
    const uint32_t *w = p;
    for (size_t i = 0; i < n; i++)
        h = eng_mix(h, w[i]);
    return h;
}

static uint64_t hash_of_stack(const void *arg, uint32_t i)
{
    const eng_book *b = arg;
    return hash_words(b->frame + b->stack[i].frame, b->stack[i].n * 2, 7);
}

static bool same_stack(const void *arg, uint32_t i)
{
    const probe *q = arg;
    const eng_stack *s = &q->b->stack[i];
    return s->n == q->n && !memcmp(q->p, q->b->frame + s->frame, q->n * sizeof(eng_frame));
}

static uint64_t hash_of_stand(const void *arg, uint32_t i)
{
    const eng_book *b = arg;
    const eng_stand *s = &b->stand[i];
    return hash_words(b->item + s->item, (size_t)s->n * 3, s->complete);
}

static bool same_stand(const void *arg, uint32_t i)
{
    const probe *q = arg;
    const eng_stand *s = &q->b->stand[i];
    return s->n == q->n && s->complete == q->flag &&
           !memcmp(q->p, q->b->item + s->item, q->n * sizeof(eng_item));
}

static int by_frame(const void *a, const void *b)
{
    const eng_frame *x = a, *y = b;
    if (x->node != y->node) return x->node < y->node ? -1 : 1;
    return (x->below > y->below) - (x->below < y->below);
}

static int by_item(const void *a, const void *b)
{
    const eng_item *x = a, *y = b;
    if (x->lexeme != y->lexeme) return x->lexeme < y->lexeme ? -1 : 1;
    if (x->to != y->to) return x->to < y->to ? -1 : 1;
    return (x->stack > y->stack) - (x->stack < y->stack);
}

/* The stack of these frames (reordered); 0 for none, and after a failure.  Frames so deep that they
 * pass the bound are left out: such an answer is not offered. */
static uint32_t make_stack(eng_book *b, eng_frame *f, size_t n)
{
    size_t k = 0;
    uint32_t depth = 0;
    if (n > 1) qsort(f, n, sizeof *f, by_frame);
    for (size_t i = 0; i < n; i++) {
        assert(f[i].below < b->n_stack);
        uint32_t d = b->stack[f[i].below].depth + 1;
        if (d > ENG_STACK_MOST || (k && !by_frame(&f[k - 1], &f[i]))) continue;
        if (d > depth) depth = d;
        f[k++] = f[i];
    }
    if (!k || b->st) return 0;
    uint64_t h = hash_words(f, k * 2, 7);
    uint32_t i = eng_rxindex_find(&b->by_stack, h, same_stack, &(probe){b, f, k, false});
    if (i != UINT32_MAX) return i;
    i = (uint32_t)b->n_stack;
    if (!eng_grow(&b->stack, &b->cap_stack, b->n_stack + 1, sizeof *b->stack) ||
        !eng_grow(&b->frame, &b->cap_frame, b->n_frame + k, sizeof *b->frame)) {
        eng_book_fail(b, SK_E_NOMEM);
        return 0;
    }
    memcpy(b->frame + b->n_frame, f, k * sizeof *f);
    b->stack[b->n_stack++] = (eng_stack){(uint32_t)b->n_frame, (uint32_t)k, depth};
    b->n_frame += k;
    if (!eng_rxindex_add(&b->by_stack, h, i, hash_of_stack, b)) eng_book_fail(b, SK_E_NOMEM);
    return i;
}

/* The lexer's state where the n sorted items begin: each expression once. */
static uint16_t begin_lex(eng_book *b, const eng_item *item, size_t n)
{
    size_t k = 0;
    eng_lexitem few[64], *v = few;
    size_t cap = 0;
    if (!n) return 0;
    if (n > 64) {
        v = NULL;
        if (!eng_grow(&v, &cap, n, sizeof *v)) {
            eng_book_fail(b, SK_E_NOMEM);
            return 0;
        }
    }
    for (size_t i = 0; i < n; i++)
        if (!k || v[k - 1].lexeme != item[i].lexeme)
            v[k++] = (eng_lexitem){item[i].lexeme, item[i].lexeme};
    uint16_t lex = eng_book_lex(b, v, k);
    if (v != few) sk_free(v);
    return lex;
}

/* The stand of the items from `from` on at the end of b->item, which are taken off again if there
 * is one like it. */
static uint32_t make_stand(eng_book *b, size_t from, bool complete)
{
    assert(from <= b->n_item);
    eng_item *v = b->item + from;
    size_t n = b->n_item - from, k = 0;
    if (n > 1) qsort(v, n, sizeof *v, by_item);
    for (size_t i = 0; i < n; i++)
        if (!k || by_item(&v[k - 1], &v[i]) != 0) v[k++] = v[i];
    b->n_item = from;
    if (b->st) return 0;
    uint64_t h = hash_words(v, k * 3, complete);
    uint32_t i = eng_rxindex_find(&b->by_stand, h, same_stand, &(probe){b, v, k, complete});
    if (i != UINT32_MAX) return i;
    i = (uint32_t)b->n_stand;
    uint16_t lex = begin_lex(b, v, k);
    if (b->st || !eng_grow(&b->stand, &b->cap_stand, b->n_stand + 1, sizeof *b->stand)) {
        eng_book_fail(b, SK_E_NOMEM);
        return 0;
    }
    b->n_item = from + k;
    b->stand[b->n_stand++] = (eng_stand){(uint32_t)from, (uint32_t)k, lex, complete};
    if (!eng_rxindex_add(&b->by_stand, h, i, hash_of_stand, b)) eng_book_fail(b, SK_E_NOMEM);
    return i;
}

/* ---- closures: all that may come next behind some nodes ---- */

static uint64_t hash_of_todo(const void *arg, uint32_t i)
{
    const eng_book *b = arg;
    return eng_mix(b->todo[i].node, b->todo[i].below);
}

static bool same_todo(const void *arg, uint32_t i)
{
    const probe *q = arg;
    return !memcmp(q->p, &q->b->todo[i], sizeof(eng_frame));
}

/* Notes that `node` with `stack` below belongs to the closure. */
static void visit(eng_book *b, uint32_t node, uint32_t stack)
{
    eng_frame f = {node, stack};
    uint64_t h = eng_mix(node, stack);
    assert(node < b->rules->n_node && stack < b->n_stack);
    if (b->st) return;
    if (eng_rxindex_find(&b->seen, h, same_todo, &(probe){b, &f, 1, false}) != UINT32_MAX) return;
    if (!eng_grow(&b->todo, &b->cap_todo, b->n_todo + 1, sizeof *b->todo)) {
        eng_book_fail(b, SK_E_NOMEM);
        return;
    }
    b->todo[b->n_todo] = f;
    if (!eng_rxindex_add(&b->seen, h, (uint32_t)b->n_todo, hash_of_todo, b))
        eng_book_fail(b, SK_E_NOMEM);
    else
        b->n_todo++;
}

static void add_item(eng_book *b, eng_rx lexeme, uint32_t to, uint32_t stack)
{
    if (!eng_grow(&b->item, &b->cap_item, b->n_item + 1, sizeof *b->item))
        eng_book_fail(b, SK_E_NOMEM);
    else
        b->item[b->n_item++] = (eng_item){lexeme, to, stack};
}

static void add_call(eng_book *b, uint32_t rule, eng_frame f)
{
    if (!eng_grow(&b->call, &b->cap_call, b->n_call + 1, sizeof *b->call) ||
        !eng_grow(&b->call_rule, &b->cap_call_rule, b->n_call + 1, sizeof *b->call_rule)) {
        eng_book_fail(b, SK_E_NOMEM);
        return;
    }
    b->call_rule[b->n_call] = rule;
    b->call[b->n_call++] = f;
}

/* A call of a rule behind which nothing is left returns to where the caller does: no frame of its
 * own, so lists that are written by recursion to the right take no stack. */
static void note_call(eng_book *b, uint32_t rule, uint32_t to, uint32_t stack)
{
    const eng_node *v = &b->rules->node[to];
    if (!v->final || v->edge != NONE || !stack) {
        add_call(b, rule, (eng_frame){to, stack});
        return;
    }
    for (uint32_t i = 0; i < b->stack[stack].n; i++)
        add_call(b, rule, b->frame[b->stack[stack].frame + i]);
}

/* One node with its stack: what it takes, whom it calls, where it returns to. */
static void expand(eng_book *b, eng_frame at, bool *complete)
{
    const eng_rules *r = b->rules;
    for (uint32_t k = r->node[at.node].edge; k != NONE && !b->st; k = r->edge[k].next) {
        const eng_edge *x = &r->edge[k];
        if (x->kind == ENG_EDGE_EPS)
            visit(b, x->to, at.below);
        else if (x->kind == ENG_EDGE_RX)
            add_item(b, x->what, x->to, at.below);
        else
            note_call(b, x->what, x->to, at.below);
    }
    if (!r->node[at.node].final) return;
    if (!at.below) *complete = true;
    for (uint32_t i = 0; i < b->stack[at.below].n && !b->st; i++) {
        eng_frame f = b->frame[b->stack[at.below].frame + i];
        visit(b, f.node, f.below);
    }
}

/* The calls of one rule that wait share a stack; its start is then visited. */
static void enter_calls(eng_book *b)
{
    assert(b->n_call);
    uint32_t rule = b->call_rule[0];
    size_t n = 0, k = 0;
    if (!eng_grow(&b->scratch, &b->cap_scratch, b->n_call * 2, sizeof *b->scratch)) {
        eng_book_fail(b, SK_E_NOMEM);
        return;
    }
    for (size_t i = 0; i < b->n_call; i++) {
        if (b->call_rule[i] == rule) {
            b->scratch[n++] = b->call[i].node;
            b->scratch[n++] = b->call[i].below;
            continue;
        }
        b->call_rule[k] = b->call_rule[i];
        b->call[k++] = b->call[i];
    }
    b->n_call = k;
    assert(n >= 2); /* the first at least */
    eng_frame *f = (eng_frame *)(void *)b->scratch;
    uint32_t stack = make_stack(b, f, n / 2);
    if (stack) visit(b, b->rules->start[rule], stack);
}

/* Works off b->todo, then the calls that were found, until nothing is left. */
static uint32_t closure(eng_book *b)
{
    size_t from = b->n_item;
    bool complete = false;
    b->n_call = 0;
    for (size_t i = 0; !b->st;) {
        if (i < b->n_todo)
            expand(b, b->todo[i++], &complete);
        else if (b->n_call)
            enter_calls(b);
        else
            break;
        if (b->n_todo > 200000) eng_book_fail(b, SK_E_TOOBIG);
    }
    eng_rxpool_worked(b->rx, b->n_todo + (b->n_item - from));
    index_empty(&b->seen);
    b->n_todo = 0;
    return make_stand(b, from, complete);
}

uint32_t eng_book_start(eng_book *b)
{
    visit(b, b->rules->start[0], 0);
    return closure(b);
}

/* ---- moves ---- */

static uint64_t hash_move(uint32_t stand, uint16_t lex)
{
    return eng_mix(stand, lex);
}

static uint64_t hash_of_move(const void *arg, uint32_t i)
{
    const eng_book *b = arg;
    return hash_move(b->move[i].stand, b->move[i].lex);
}

static bool same_move(const void *arg, uint32_t i)
{
    const probe *q = arg;
    const eng_move *want = q->p, *m = &q->b->move[i];
    return m->stand == want->stand && m->lex == want->lex;
}

/* Seeds of the closure: the items whose expression is one of those that end in `lex`.  Both lists
 * are sorted. */
static void seed(eng_book *b, uint32_t stand, uint16_t lex)
{
    assert(stand < b->n_stand && lex < b->n_lex);
    const eng_lex *l = &b->lex[lex];
    uint32_t i = 0, n = b->stand[stand].n;
    for (uint32_t k = 0; k < l->n; k++) {
        eng_lexitem x = b->lexitem[l->item + k];
        if (!b->rx->node[x.left].nullable) continue;
        const eng_item *v = b->item + b->stand[stand].item;
        while (i < n && v[i].lexeme < x.lexeme)
            i++;
        for (; i < n && v[i].lexeme == x.lexeme; i++)
            visit(b, v[i].to, v[i].stack);
    }
}

uint32_t eng_book_move(eng_book *b, uint32_t stand, uint16_t lex)
{
    eng_move want = {stand, 0, lex};
    uint64_t h = hash_move(stand, lex);
    uint32_t i = eng_rxindex_find(&b->by_move, h, same_move, &(probe){b, &want, 1, false});
    if (i != UINT32_MAX) return b->move[i].to;
    if (eng_book_is_full(b)) return 0;
    seed(b, stand, lex);
    want.to = closure(b);
    if (b->st) return 0;
    i = (uint32_t)b->n_move;
    if (!eng_grow(&b->move, &b->cap_move, b->n_move + 1, sizeof *b->move)) {
        eng_book_fail(b, SK_E_NOMEM);
        return 0;
    }
    b->move[b->n_move++] = want;
    b->rx->made++;
    if (!eng_rxindex_add(&b->by_move, h, i, hash_of_move, b)) eng_book_fail(b, SK_E_NOMEM);
    return want.to;
}

/* ---- places ---- */

static void add_pair(eng_book *b, eng_place *to, uint16_t lex, uint32_t stand)
{
    assert(lex && lex < b->n_lex && stand < b->n_stand);
    for (unsigned i = 0; i < to->n; i++)
        if (to->lex[i] == lex && to->stand[i] == stand) return;
    if (to->n == ENG_PLACE_MOST) {
        eng_book_fail(b, SK_E_TOOBIG);
        return;
    }
    to->lex[to->n] = lex;
    to->stand[to->n++] = stand;
}

void eng_book_begin(const eng_book *b, eng_place *at)
{
    assert(b->first < b->n_stand);
    at->n = b->stand[b->first].lex ? 1 : 0;
    at->lex[0] = b->stand[b->first].lex;
    at->stand[0] = b->first;
    at->complete = b->stand[b->first].complete;
}

void eng_book_enter(eng_book *b, uint16_t lex, uint32_t stand, eng_place *to)
{
    if (b->lex[lex].goes_on) add_pair(b, to, lex, stand);
    if (!b->lex[lex].ends) return;
    uint32_t next = eng_book_move(b, stand, lex);
    if (b->st) return;
    const eng_stand *s = &b->stand[next];
    to->complete = to->complete || s->complete;
    if (s->lex) add_pair(b, to, s->lex, next);
}

bool eng_book_step(eng_book *b, const eng_place *at, uint8_t byte, eng_place *to)
{
    assert(at != to && at->n <= ENG_PLACE_MOST);
    to->n = 0;
    to->complete = false;
    for (unsigned i = 0; i < at->n; i++) {
        uint16_t lex = at->lex[i];
        if (!b->lex[lex].row && !eng_book_row(b, lex)) return false;
        uint16_t next = b->lex[lex].row[byte];
        if (next) eng_book_enter(b, next, at->stand[i], to);
    }
    return !b->st && (to->n || to->complete);
}
