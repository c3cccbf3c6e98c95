/* gguf_split.c - opening a GGUF, and the other files of a split model with it.
 *
 * llama.cpp's convention: the files are named NAME-00001-of-00003.gguf and so on; each says its
 * number from 0 (split.no), how many there are (split.count) and how many tensors all of them have
 * (split.tensors.count).  The first has the keys.
 */
#include "engine/format/gguf_value.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SPLIT_MAX = 99999, SUFFIX = 20 /* "-00001-of-00003.gguf" */ };

/* What a file says of the model it is a part of; count 1 when it says nothing. */
typedef struct split {
    uint64_t no, count, n_tensors;
} split;

/* Reads a split.* key; absent is 0. */
static sk_status number(const eng_gguf *g, const char *key, uint64_t *out, sk_err *e)
{
    *out = 0;
    return eng_gguf_key_find(g, key, NULL) ? eng_gguf_u64(g, key, out, e) : SK_OK;
}

static sk_status read_split(const eng_gguf *g, split *s, sk_err *e)
{
    *s = (split){0, 1, 0};
    if (!eng_gguf_key_find(g, "split.count", NULL)) return SK_OK;
    sk_status st = number(g, "split.count", &s->count, e);
    if (!st) st = number(g, "split.no", &s->no, e);
    if (!st) st = number(g, "split.tensors.count", &s->n_tensors, e);
    if (st) return st;
    if (s->count > SPLIT_MAX || (s->count > 1 && s->no >= s->count))
        return sk_fail(e, SK_E_FORMAT, "it says it is file %" PRIu64 " of %" PRIu64, s->no,
                       s->count);
    if (!s->count) s->count = 1; /* older writers: 0 when the model is not split */
    return SK_OK;
}

/* The path of file i (from 0): that of the first with its number replaced; false when the first is
 * not named by the convention. */
static bool part_path(const char *first, const split *s, uint64_t i, char *out, size_t size)
{
    char suffix[32];
    size_t n = strlen(first);
    snprintf(suffix, sizeof suffix, "-00001-of-%05" PRIu64 ".gguf", s->count);
    if (n < SUFFIX || strcmp(first + n - SUFFIX, suffix) != 0 || n >= size) return false;
    snprintf(suffix, sizeof suffix, "-%05" PRIu64 "-of-%05" PRIu64 ".gguf", i + 1, s->count);
    memcpy(out, first, n - SUFFIX);
    memcpy(out + n - SUFFIX, suffix, SUFFIX + 1);
    return true;
}

/* A model being joined of its files. */
typedef struct joiner {
    eng_gguf *g; /* the first file, growing */
    const char *first;
    split s;
    size_t cap; /* tensors there is room for */
} joiner;

/* Adds the tensors of a part (file i) to those of g. */
static sk_status join(joiner *j, const eng_gguf *part, uint32_t i, sk_err *e)
{
    eng_gguf *g = j->g;
    size_t n = g->n_tensors + part->n_tensors;
    if (n > j->cap) {
        eng_gguf_tensor *all = sk_new_n(g->mem, eng_gguf_tensor, 2 * n);
        if (!all) return sk_fail(e, SK_E_NOMEM, "no memory for %zu tensors", n);
        if (g->n_tensors) memcpy(all, g->tensor, g->n_tensors * sizeof *all);
        g->tensor = all;
        j->cap = 2 * n;
    }
    for (size_t t = 0; t < part->n_tensors; t++) {
        g->tensor[g->n_tensors] = part->tensor[t];
        g->tensor[g->n_tensors++].file = i;
    }
    g->len += part->len;
    return SK_OK;
}

/* Checks that a part is the one it should be, and joins it. */
static sk_status check_part(joiner *j, const eng_gguf *part, uint32_t i, sk_err *e)
{
    split own;
    sk_status st = read_split(part, &own, e);
    if (st) return st;
    if (own.no != i || own.count != j->s.count || own.n_tensors != j->s.n_tensors)
        return sk_fail(e, SK_E_FORMAT,
                       "it says it is file %" PRIu64 " of %" PRIu64 " with %" PRIu64
                       " tensors, not %" PRIu32 " of %" PRIu64 " with %" PRIu64,
                       own.no + 1, own.count, own.n_tensors, i + 1, j->s.count, j->s.n_tensors);
    return join(j, part, i, e);
}

/* Opens file i and joins it. */
static sk_status open_part(joiner *j, uint32_t i, sk_err *e)
{
    char path[4096];
    eng_gguf *part = NULL;
    if (!part_path(j->first, &j->s, i, path, sizeof path))
        return sk_fail(e, SK_E_FORMAT,
                       "the first of %" PRIu64 " files must be named NAME-00001-of-%05" PRIu64
                       ".gguf for the others to be found",
                       j->s.count, j->s.count);
    sk_status st = eng_gguf_open_one(path, &part, e);
    if (st) return sk_while(e, "file %" PRIu32 " of %" PRIu64, i + 1, j->s.count);
    st = check_part(j, part, i, e);
    if (st) {
        (void)sk_while(e, "%s", path);
    } else { /* the mapping changes hands: names and data lie in it */
        j->g->map[j->g->n_files++] = part->map[0];
        part->n_files = 0;
    }
    eng_gguf_close(part);
    return st;
}

/* Opens all other files of a split model. */
static sk_status open_parts(eng_gguf *g, const char *path, const split *s, sk_err *e)
{
    joiner j = {g, path, *s, g->n_tensors};
    sk_map *maps = sk_new_n(g->mem, sk_map, (size_t)s->count);
    if (!maps) return sk_fail(e, SK_E_NOMEM, "no memory for %" PRIu64 " files", s->count);
    maps[0] = g->map[0];
    g->map = maps;
    for (uint32_t i = 1; i < s->count; i++) {
        sk_status st = open_part(&j, i, e);
        if (st) return st;
    }
    if (s->n_tensors && g->n_tensors != s->n_tensors)
        return sk_fail(e, SK_E_FORMAT, "%" PRIu64 " tensors promised, %zu in all files",
                       s->n_tensors, g->n_tensors);
    return eng_gguf_index_tensors(g, e);
}

/* Opens a model, split or not. */
sk_status eng_gguf_open(const char *path, eng_gguf **out, sk_err *e)
{
    eng_gguf *g = NULL;
    split s;
    sk_status st = eng_gguf_open_one(path, &g, e);
    if (st) return st;
    st = read_split(g, &s, e);
    if (!st && s.count > 1 && s.no > 0)
        st = sk_fail(e, SK_E_INVALID, "this is file %" PRIu64 " of %" PRIu64 "; open the first",
                     s.no + 1, s.count);
    else if (!st && s.count > 1)
        st = open_parts(g, path, &s, e);
    if (st) {
        eng_gguf_close(g);
        return sk_while(e, "%s", path);
    }
    *out = g;
    return SK_OK;
}
