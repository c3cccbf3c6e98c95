/* up_words.c - paths, times and keys out of the flags of stoke up. */
#include "cli/up_words.h"

#include "base/clock.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { KEY_MOST = 4096 };

static sk_status no_memory(sk_err *e)
{
    return sk_fail(e, SK_E_NOMEM, "no memory for the flags");
}

/* ---- paths ---- */

/* A file that is there, by its absolute name; NULL stays NULL. */
static sk_status absolute(const char *path, sk_arena *mem, const char **out, sk_err *e)
{
    char real[PATH_MAX];
    if (!path) return SK_OK;
    if (!realpath(path, real)) return sk_fail_errno(e, errno, "cannot find %s", path);
    *out = sk_arena_strndup(mem, real, strlen(real));
    return *out ? SK_OK : no_memory(e);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static sk_status add_path(sk_opt_list *to, const char *path, sk_arena *mem, sk_err *e)
{
    size_t most = sizeof to->item / sizeof *to->item;
    if (to->n >= most)
        return sk_fail(e, SK_E_TOOBIG,
                       "these are more than %zu files: make a data set of them (stoke data build)",
                       most);
    sk_status st = absolute(path, mem, &to->item[to->n], e);
    if (!st) to->n++;
    return st;
}

/* The plain files of a folder, by name; hidden ones are left out. */
static sk_status add_folder(sk_opt_list *to, const char *path, sk_arena *mem, sk_err *e)
{
    size_t first = to->n;
    char file[PATH_MAX];
    sk_status st = SK_OK;
    DIR *d = opendir(path);
    if (!d) return sk_fail_errno(e, errno, "cannot read %s", path);
    for (const struct dirent *it; !st && (it = readdir(d));) {
        struct stat s;
        int n = snprintf(file, sizeof file, "%s/%s", path, it->d_name);
        if (it->d_name[0] == '.' || n < 0 || (size_t)n >= sizeof file) continue;
        if (stat(file, &s) == 0 && S_ISREG(s.st_mode)) st = add_path(to, file, mem, e);
    }
    (void)closedir(d);
    if (!st && to->n == first) st = sk_fail(e, SK_E_INVALID, "there are no files in %s", path);
    qsort(to->item + first, to->n - first, sizeof *to->item, by_name);
    return st;
}

/* A data set (a folder with a manifest) is one thing, any other folder stands for its files. */
static sk_status absolute_list(const sk_opt_list *from, sk_arena *mem, sk_opt_list *to, sk_err *e)
{
    sk_status st = SK_OK;
    for (size_t i = 0; i < from->n && !st; i++) {
        struct stat s;
        char manifest[PATH_MAX];
        (void)snprintf(manifest, sizeof manifest, "%s/manifest.json", from->item[i]);
        bool folder = stat(from->item[i], &s) == 0 && S_ISDIR(s.st_mode);
        st = folder && !sk_file_exists(manifest) ? add_folder(to, from->item[i], mem, e)
                                                 : add_path(to, from->item[i], mem, e);
    }
    return st;
}

/* ---- times, keys ---- */

/* HH:MM, the next one, or a day with it; local time. */
static sk_status read_time(const char *text, int64_t *out, sk_err *e)
{
    time_t now = (time_t)sk_unix_s();
    struct tm t;
    int year, month, day, hour, minute, used = 0;
    if (!text) return SK_OK;
    if (!localtime_r(&now, &t)) return sk_fail(e, SK_E_INTERNAL, "the time is not known");
    bool dated = sscanf(text, "%4d-%2d-%2d%*1[T ]%2d:%2d%n", &year, &month, &day, &hour, &minute,
                        &used) == 5 &&
                 !text[used];
    if (!dated) used = 0;
    if (!dated && (sscanf(text, "%2d:%2d%n", &hour, &minute, &used) != 2 || text[used]))
        return sk_fail(e, SK_E_USAGE, "--train-by takes HH:MM or YYYY-MM-DDTHH:MM, not %s", text);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59)
        return sk_fail(e, SK_E_USAGE, "there is no time %s", text);
    if (dated) {
        t.tm_year = year - 1900;
        t.tm_mon = month - 1;
        t.tm_mday = day;
    }
    t.tm_hour = hour;
    t.tm_min = minute;
    t.tm_sec = 0;
    t.tm_isdst = -1;
    time_t at = mktime(&t);
    if (at <= now && dated) return sk_fail(e, SK_E_USAGE, "%s has passed", text);
    if (at <= now) {
        t.tm_mday++;
        t.tm_isdst = -1;
        at = mktime(&t);
    }
    *out = (int64_t)at;
    return SK_OK;
}

/* The first line of a file. */
static sk_status read_key(const cmd_up_flags *f, sk_arena *mem, const char **out, sk_err *e)
{
    sk_buf b = SK_BUF_INIT;
    if (!f->keys != !f->admin_key)
        return sk_fail(e, SK_E_USAGE,
                       "--keys and --admin-key go together: versions are swapped "
                       "with an admin's key (stoke keys add FILE NAME --admin)");
    if (!f->admin_key) return SK_OK;
    sk_status st = sk_file_load(f->admin_key, KEY_MOST, &b, e);
    size_t n = st || !b.p ? 0 : strcspn(b.p, " \t\r\n");
    if (!st && !n) st = sk_fail(e, SK_E_INVALID, "there is no key in %s", f->admin_key);
    if (!st) *out = sk_arena_strndup(mem, b.p, n);
    if (!st && !*out) st = no_memory(e);
    sk_buf_fini(&b);
    return st;
}

/* ---- words for the server ---- */

static void add_word(up_opts *o, const char *word)
{
    o->serve.item[o->serve.n++] = word;
}

/* A flag with a number, unless it is 0. */
static sk_status add_number(up_opts *o, const char *flag, int64_t v, sk_arena *mem, sk_err *e)
{
    char b[64];
    if (!v) return SK_OK;
    int n = snprintf(b, sizeof b, "%s=%lld", flag, (long long)v);
    const char *word = sk_arena_strndup(mem, b, (size_t)n);
    if (!word) return no_memory(e);
    add_word(o, word);
    return SK_OK;
}

static sk_status server_words(const cmd_up_flags *f, sk_arena *mem, up_opts *o, sk_err *e)
{
    sk_status st = add_number(o, "--context", f->context, mem, e);
    if (!st) st = add_number(o, "--parallel", f->parallel, mem, e);
    if (!st) st = add_number(o, "--kv-bytes", f->kv_bytes, mem, e);
    if (!st) st = add_number(o, "--threads", f->common.threads, mem, e);
    const char *keys = NULL;
    if (!st) st = absolute(f->keys, mem, &keys, e);
    if (st) return st;
    if (keys) {
        add_word(o, "--keys");
        add_word(o, keys);
    }
    if (f->common.cpu) {
        add_word(o, "--cpu");
        add_word(o, f->common.cpu);
    }
    return SK_OK;
}

/* The model to begin with is needed the first time only. */
static sk_status find_model(const cmd_up_flags *f, sk_arena *mem, up_opts *o, sk_err *e)
{
    char path[CMD_PATH_MAX], have[CMD_PATH_MAX];
    (void)snprintf(have, sizeof have, "%s/versions.jsonl", f->dir);
    if (sk_file_exists(have)) return SK_OK;
    sk_status st = cmd_model_path(f->model, path, e);
    return st ? st : absolute(path, mem, &o->model, e);
}

/* The seed is only of the waits between attempts, which are meant to differ from one start to the
 * next: the clock will do. */
sk_status cmd_up_options(const cmd_up_flags *f, sk_arena *mem, up_opts *o, sk_err *e)
{
    up_opts_default(o);
    o->dir = f->dir;
    o->name = f->name;
    o->host = f->host;
    o->port = f->port;
    o->train = !f->serve_only;
    o->floor = f->floor;
    o->keep = f->keep;
    o->price = f->price;
    o->currency = f->currency;
    o->seed = (uint64_t)sk_unix_ms();
    o->learn.threads = f->common.threads;
    sk_status st = absolute_list(&f->data, mem, &o->learn.data, e);
    if (!st) st = absolute_list(&f->chat, mem, &o->learn.chat, e);
    if (!st) st = absolute(f->valid, mem, &o->learn.valid, e);
    if (!st) st = absolute(f->chat_valid, mem, &o->learn.chat_valid, e);
    if (!st) st = absolute(f->answers, mem, &o->learn.answers, e);
    if (!st) st = absolute(f->plan, mem, &o->learn.plan, e);
    if (!st) st = read_time(f->train_by, &o->train_by, e);
    if (!st) st = read_key(f, mem, &o->admin_key, e);
    if (!st) st = find_model(f, mem, o, e);
    return st ? st : server_words(f, mem, o, e);
}
