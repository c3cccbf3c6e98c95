/* files.c - names to a list of files. */
#include "engine/data/files.h"

#include "base/buf.h"
#include "base/instream.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { MAX_DEPTH = 32, NAME_MAX_LEN = 64 };

static const char name_chars[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";

/* The list being made. */
typedef struct lister {
    sk_arena *mem;
    eng_data_files *f;
    eng_data_form form;
    size_t source;
} lister;

static sk_status no_memory(sk_err *e)
{
    return sk_fail(e, SK_E_NOMEM, "no memory for the list of files");
}

/* True for 1 to 64 letters, digits, '_', '-', '.'. */
bool eng_source_name_ok(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!s[i] || !strchr(name_chars, s[i])) return false;
    return n > 0 && n <= NAME_MAX_LEN;
}

/* True when s[0..n) ends in tail, in whatever case. */
static bool ends_in(const char *s, size_t n, const char *tail)
{
    size_t k = strlen(tail);
    return n > k && strncasecmp(s + n - k, tail, k) == 0;
}

/* What a name says about a file's form; AUTO where it says nothing. */
static eng_data_form form_of_name(const char *name)
{
    size_t n = strlen(name);
    if (ends_in(name, n, ".gz")) n -= 3;
    if (ends_in(name, n, ".zst")) n -= 4;
    if (ends_in(name, n, ".jsonl") || ends_in(name, n, ".ndjson")) return ENG_DATA_JSONL;
    if (ends_in(name, n, ".txt") || ends_in(name, n, ".text") || ends_in(name, n, ".md"))
        return ENG_DATA_TEXT;
    return ENG_DATA_AUTO;
}

/* Room for one more element of `size` bytes behind the n at p; NULL without memory.  The arena
 * keeps the old array: doubling makes that at most as much again. */
static void *more(sk_arena *mem, void *p, size_t n, size_t *cap, size_t size)
{
    if (n < *cap) return p;
    size_t want = *cap ? 2 * *cap : 16;
    void *q = sk_arena_calloc(mem, want, size);
    if (!q) return NULL;
    if (n) memcpy(q, p, n * size);
    *cap = want;
    return q;
}

/* Adds one file. */
static sk_status add_file(lister *l, const char *path, const struct stat *s, sk_err *e)
{
    eng_data_files *f = l->f;
    if (ends_in(path, strlen(path), ".parquet")) return sk_fail_parquet(path, e);
    eng_data_file *list = more(l->mem, f->file, f->n, &f->cap, sizeof *list);
    char *copy = list ? sk_arena_strndup(l->mem, path, strlen(path)) : NULL;
    if (!copy) return no_memory(e);
    f->file = list;
    eng_data_form form = l->form ? l->form : form_of_name(path);
    if (!form && strcmp(path, "-") != 0) form = ENG_DATA_TEXT;
    uint64_t bytes = s && S_ISREG(s->st_mode) ? (uint64_t)s->st_size : 0;
    list[f->n++] = (eng_data_file){copy, bytes, l->source, form};
    f->bytes += bytes;
    return SK_OK;
}

/* Order of names by bytes, whatever the locale. */
static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names in a folder, sorted. */
static sk_status read_folder(lister *l, const char *path, const char ***names, size_t *n, sk_err *e)
{
    DIR *d = opendir(path);
    size_t cap = 0;
    *names = NULL;
    *n = 0;
    if (!d) return sk_fail_errno(e, errno, "cannot read the folder %s", path);
    sk_status st = SK_OK;
    for (struct dirent *it; !st && (it = readdir(d));) {
        if (it->d_name[0] == '.') continue;
        const char **list = more(l->mem, *names, *n, &cap, sizeof *list);
        char *copy = list ? sk_arena_strndup(l->mem, it->d_name, strlen(it->d_name)) : NULL;
        if (!copy) {
            st = no_memory(e);
            break;
        }
        *names = list;
        list[(*n)++] = copy;
    }
    (void)closedir(d);
    if (*n) qsort(*names, *n, sizeof **names, by_name);
    return st;
}

static sk_status add_path(lister *l, const char *path, bool named, int depth, sk_err *e);

/* Every text in the folder, those of folders within it in their place. */
static sk_status add_folder(lister *l, const char *path, int depth, sk_err *e)
{
    const char **name;
    size_t n, len = strlen(path);
    if (depth >= MAX_DEPTH)
        return sk_fail(e, SK_E_INVALID, "%s: folders lie more than %d deep", path, MAX_DEPTH);
    sk_status st = read_folder(l, path, &name, &n, e);
    for (size_t i = 0; !st && i < n; i++) {
        sk_buf b = SK_BUF_INIT;
        sk_buf_addf(&b, "%s%s%s", path, len && path[len - 1] == '/' ? "" : "/", name[i]);
        st = sk_buf_ok(&b) ? add_path(l, b.p, false, depth + 1, e) : no_memory(e);
        sk_buf_fini(&b);
    }
    return st;
}

/* A file or a folder; named: the user wrote its name, so it is read whatever it is. */
static sk_status add_path(lister *l, const char *path, bool named, int depth, sk_err *e)
{
    struct stat s;
    if (named && strcmp(path, "-") == 0) return add_file(l, path, NULL, e);
    if (stat(path, &s) != 0) return sk_fail_errno(e, errno, "cannot read %s", path);
    if (S_ISDIR(s.st_mode)) return add_folder(l, path, depth, e);
    bool parquet = ends_in(path, strlen(path), ".parquet");
    if (named || parquet || (S_ISREG(s.st_mode) && form_of_name(path)))
        return add_file(l, path, &s, e);
    l->f->n_left_out++;
    return SK_OK;
}

/* The name a path gives its source: the last part up to the first dot, other characters as '_'. */
static size_t name_of_path(const char *path, char out[NAME_MAX_LEN + 1])
{
    size_t end = strlen(path), from, n = 0;
    if (strcmp(path, "-") == 0) path = "stdin", end = 5;
    while (end > 1 && path[end - 1] == '/')
        end--;
    for (from = end; from > 0 && path[from - 1] != '/';)
        from--;
    for (size_t i = from; i < end && n < NAME_MAX_LEN && !(path[i] == '.' && n); i++)
        out[n++] = path[i] && strchr(name_chars, path[i]) ? path[i] : '_';
    if (!n) out[n++] = '_';
    out[n] = 0;
    return n;
}

/* Index of the source of that name, a new one if there is none. */
static sk_status find_source(lister *l, const char *name, size_t n, sk_err *e)
{
    eng_data_files *f = l->f;
    for (l->source = 0; l->source < f->n_sources; l->source++)
        if (strncmp(f->source[l->source], name, n) == 0 && !f->source[l->source][n]) return SK_OK;
    const char **list = more(l->mem, f->source, f->n_sources, &f->source_cap, sizeof *list);
    char *copy = list ? sk_arena_strndup(l->mem, name, n) : NULL;
    if (!copy) return no_memory(e);
    f->source = list;
    list[f->n_sources++] = copy;
    return SK_OK;
}

/* One argument. */
static sk_status add_arg(lister *l, const char *arg, sk_err *e)
{
    char name[NAME_MAX_LEN + 1];
    struct stat s;
    const char *eq = strchr(arg, '='), *path = arg;
    sk_status st;
    if (eq && eng_source_name_ok(arg, (size_t)(eq - arg)) && stat(arg, &s) != 0) {
        path = eq + 1;
        st = find_source(l, arg, (size_t)(eq - arg), e);
    } else {
        st = find_source(l, name, name_of_path(arg, name), e);
    }
    size_t before = l->f->n;
    if (!st) st = add_path(l, path, true, 0, e);
    if (!st && l->f->n == before)
        st =
            sk_fail(e, SK_E_INVALID,
                    "%s: there is no text in this folder (.txt .text .md .jsonl .ndjson, also with "
                    ".gz or .zst)",
                    path);
    return st;
}

/* Puts the files of one source together; the order within it stays. */
static sk_status order_by_source(lister *l, sk_err *e)
{
    eng_data_files *f = l->f;
    eng_data_file *list = sk_arena_calloc(l->mem, f->n, sizeof *list);
    size_t k = 0;
    if (!list) return no_memory(e);
    for (size_t s = 0; s < f->n_sources; s++)
        for (size_t i = 0; i < f->n; i++)
            if (f->file[i].source == s) list[k++] = f->file[i];
    assert(k == f->n);
    f->file = list;
    f->cap = f->n;
    return SK_OK;
}

/* Lists the files of n arguments. */
sk_status eng_files_list(const char *const *arg, size_t n, eng_data_form form, sk_arena *mem,
                         eng_data_files *out, sk_err *e)
{
    eng_data_files f = {0};
    lister l = {.mem = mem, .f = &f, .form = form};
    sk_status st = n ? SK_OK : sk_fail(e, SK_E_INVALID, "nothing to read: give files or folders");
    for (size_t i = 0; !st && i < n; i++)
        st = add_arg(&l, arg[i], e);
    size_t n_stdin = 0;
    for (size_t i = 0; !st && i < f.n; i++)
        n_stdin += strcmp(f.file[i].path, "-") == 0;
    if (!st && n_stdin > 1) st = sk_fail(e, SK_E_INVALID, "standard input (-) is given twice");
    if (!st) st = order_by_source(&l, e);
    if (!st) *out = f;
    return st;
}
