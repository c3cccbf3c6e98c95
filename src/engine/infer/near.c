/* near.c - holders by page, a list of the remembered ones by age, links to the tree and back. */
#include "engine/infer/near.h"

#include "base/mem.h"

#include <assert.h>

/* All zero as long as it was not used, so that memory of a large pool is not touched before.
 * Numbers of others are kept plus 1; 0: none. */
typedef struct near_page {
    uint32_t refs;
    uint32_t node;         /* of the tree that it is attached to */
    uint32_t older, newer; /* remembered and held by nobody */
} near_page;

struct eng_near {
    near_page *page;                        /* [n_pages] */
    uint32_t *of_node;                      /* [n_nodes] */
    uint32_t *free;                         /* [n_pages] of them n_free: given back */
    size_t n_pages, n_nodes, n_free, n_new; /* pages from n_new on were never used */
    size_t n_held, n_kept;
    uint32_t oldest, newest; /* of the remembered */
};

sk_status eng_near_open(size_t n_pages, size_t n_nodes, eng_near **out, sk_err *e)
{
    assert(n_pages && n_pages < ENG_PAGE_NONE && n_nodes < ENG_PAGE_NONE);
    eng_near *n = sk_calloc(SK_MEM_KV, 1, sizeof *n);
    if (n) {
        n->n_pages = n_pages;
        n->n_nodes = n_nodes;
        n->page = sk_calloc(SK_MEM_KV, n_pages, sizeof *n->page);
        n->of_node = sk_calloc(SK_MEM_KV, n_nodes, sizeof *n->of_node);
        n->free = sk_calloc(SK_MEM_KV, n_pages, sizeof *n->free);
    }
    if (!n || !n->page || !n->of_node || !n->free) {
        eng_near_close(n);
        return sk_fail(e, SK_E_NOMEM, "no memory for the lists of %zu near pages", n_pages);
    }
    *out = n;
    return SK_OK;
}

void eng_near_close(eng_near *n)
{
    if (!n) return;
    sk_free(n->page);
    sk_free(n->of_node);
    sk_free(n->free);
    sk_free(n);
}

/* ---- the remembered, by age ---- */

static void remember(eng_near *n, uint32_t page)
{
    near_page *x = &n->page[page];
    x->older = n->newest;
    x->newer = 0;
    if (n->newest)
        n->page[n->newest - 1].newer = page + 1;
    else
        n->oldest = page + 1;
    n->newest = page + 1;
    n->n_kept++;
}

static void unlink_kept(eng_near *n, uint32_t page)
{
    near_page *x = &n->page[page];
    if (x->older)
        n->page[x->older - 1].newer = x->newer;
    else
        n->oldest = x->newer;
    if (x->newer)
        n->page[x->newer - 1].older = x->older;
    else
        n->newest = x->older;
    x->older = x->newer = 0;
    n->n_kept--;
}

/* ---- holders ---- */

uint32_t eng_near_take(eng_near *n)
{
    uint32_t page;
    if (n->n_free) {
        page = n->free[--n->n_free];
    } else if (n->n_new < n->n_pages) {
        page = (uint32_t)n->n_new++;
    } else {
        assert(n->oldest);
        page = n->oldest - 1;
        unlink_kept(n, page);
        n->of_node[n->page[page].node - 1] = 0;
        n->page[page].node = 0;
    }
    assert(!n->page[page].refs && !n->page[page].node);
    n->page[page].refs = 1;
    n->n_held++;
    return page;
}

void eng_near_hold(eng_near *n, uint32_t page)
{
    assert(page < n->n_new);
    if (n->page[page].refs++) return;
    assert(n->page[page].node);
    n->n_held++;
    unlink_kept(n, page);
}

void eng_near_drop(eng_near *n, uint32_t page)
{
    assert(page < n->n_new && n->page[page].refs);
    if (--n->page[page].refs) return;
    n->n_held--;
    if (n->page[page].node)
        remember(n, page);
    else
        n->free[n->n_free++] = page;
}

bool eng_near_is_shared(const eng_near *n, uint32_t page)
{
    return n->page[page].refs > 1 || n->page[page].node;
}

/* ---- the tree ---- */

uint32_t eng_near_of(const eng_near *n, uint32_t node)
{
    assert(node < n->n_nodes);
    return n->of_node[node] ? n->of_node[node] - 1 : ENG_PAGE_NONE;
}

void eng_near_attach(eng_near *n, uint32_t node, uint32_t page)
{
    assert(node < n->n_nodes && !n->of_node[node]);
    assert(n->page[page].refs && !n->page[page].node);
    n->of_node[node] = page + 1;
    n->page[page].node = node + 1;
}

void eng_near_detach(eng_near *n, uint32_t node)
{
    uint32_t page = eng_near_of(n, node);
    if (page == ENG_PAGE_NONE) return;
    assert(!n->page[page].refs);
    unlink_kept(n, page);
    n->of_node[node] = 0;
    n->page[page].node = 0;
    n->free[n->n_free++] = page;
}

size_t eng_near_held(const eng_near *n)
{
    return n->n_held;
}

size_t eng_near_kept(const eng_near *n)
{
    return n->n_kept;
}
