/* jtree.c - reading a value by recursion, a few levels deep, and asking it. */
#include "engine/token/jtree.h"

#include <math.h>
#include <string.h>

enum { DEPTH_MAX = 32, NODES_MAX = 20000 };

/* One tree being read. */
typedef struct reading {
    eng_jscan *s;
    sk_arena *mem;
    size_t n;
} reading;

static bool no_memory(reading *r)
{
    if (!r->s->st) r->s->st = sk_fail(r->s->e, SK_E_NOMEM, "no memory to read %s", r->s->what);
    return false;
}

static bool read_value(reading *r, int depth, eng_jnode **out);

/* A string, copied into the arena. */
static bool read_string(reading *r, eng_str *out)
{
    sk_buf b = SK_BUF_INIT;
    bool ok = eng_jscan_string(r->s, &b);
    const char *p = ok ? sk_arena_strndup(r->mem, b.p, b.len) : NULL;
    if (p) *out = (eng_str){p, b.len};
    sk_buf_fini(&b);
    return p || (ok ? no_memory(r) : false);
}

/* Members or elements up to the closing bracket. */
static bool read_children(reading *r, int depth, eng_jnode *o)
{
    bool first = true, object = o->kind == '{';
    eng_jnode **tail = &o->child;
    sk_buf key = SK_BUF_INIT;
    (void)eng_jscan_open(r->s, o->kind);
    while (!r->s->st &&
           (object ? eng_jscan_member(r->s, &first, &key) : eng_jscan_element(r->s, &first))) {
        const char *k = object ? sk_arena_strndup(r->mem, key.p, key.len) : "";
        if (!k) {
            (void)no_memory(r);
            break;
        }
        if (!read_value(r, depth + 1, tail)) break;
        (*tail)->key = (eng_str){k, object ? key.len : 0};
        tail = &(*tail)->next;
    }
    sk_buf_fini(&key);
    return !r->s->st;
}

/* One of the three words. */
static bool read_word(reading *r, char kind)
{
    const char *word = kind == 't' ? "true" : kind == 'f' ? "false" : "null";
    size_t n = strlen(word);
    if ((size_t)(r->s->end - r->s->p) < n || memcmp(r->s->p, word, n) != 0)
        return eng_jscan_fail(r->s, "a value expected");
    r->s->p += n;
    return true;
}

/* One value by its first byte.  Depth and number of nodes are bounded: the file is a stranger's,
 * and each level is a C frame. */
static bool read_value(reading *r, int depth, eng_jnode **out)
{
    if (depth > DEPTH_MAX || ++r->n > NODES_MAX)
        return eng_jscan_fail(r->s, "a value that is too deep or too large");
    eng_jnode *o = sk_new(r->mem, eng_jnode);
    if (!o) return no_memory(r);
    *out = o;
    o->kind = eng_jscan_peek(r->s);
    switch (o->kind) {
    case '{':
    case '[':
        return read_children(r, depth, o);
    case '"':
        return read_string(r, &o->str);
    case 't':
    case 'f':
    case 'n':
        return read_word(r, o->kind);
    default:
        o->kind = '0';
        return eng_jscan_num(r->s, &o->num);
    }
}

/* Reads the next value of s. */
bool eng_jtree_read(eng_jscan *s, sk_arena *mem, eng_jnode **out)
{
    reading r = {s, mem, 0};
    eng_jnode *o = NULL;
    if (!read_value(&r, 0, &o)) return false;
    *out = o;
    return true;
}

const eng_jnode *eng_jtree_get(const eng_jnode *o, const char *key)
{
    if (!o || o->kind != '{') return NULL;
    for (const eng_jnode *c = o->child; c; c = c->next)
        if (strcmp(c->key.p, key) == 0) return c->kind == 'n' ? NULL : c;
    return NULL;
}

const eng_jnode *eng_jtree_at(const eng_jnode *o, size_t i)
{
    if (!o || o->kind != '[') return NULL;
    const eng_jnode *c = o->child;
    while (c && i--)
        c = c->next;
    return c;
}

size_t eng_jtree_size(const eng_jnode *o)
{
    size_t n = 0;
    for (const eng_jnode *c = o && o->kind == '[' ? o->child : NULL; c; c = c->next)
        n++;
    return n;
}

const char *eng_jtree_str(const eng_jnode *o)
{
    return o && o->kind == '"' ? o->str.p : NULL;
}

const char *eng_jtree_text(const eng_jnode *o, const char *key)
{
    const char *s = eng_jtree_str(eng_jtree_get(o, key));
    return s ? s : "";
}

int eng_jtree_flag(const eng_jnode *o, const char *key, int other)
{
    const eng_jnode *v = eng_jtree_get(o, key);
    return v && (v->kind == 't' || v->kind == 'f') ? v->kind == 't' : other;
}

int64_t eng_jtree_id(const eng_jnode *o)
{
    const double most = 1e15;
    bool ok = o && o->kind == '0' && o->num >= 0 && o->num < most && o->num == floor(o->num);
    return ok ? (int64_t)o->num : -1;
}
