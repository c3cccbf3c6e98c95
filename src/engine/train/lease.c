/* lease.c - the epoch of a run's folder: one line of JSON, replaced atomically. */
#include "engine/train/lease.h"

#include "base/buf.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LEASE_BYTES = 4096 };

/* Whom a lease file names. */
typedef struct holder {
    int64_t epoch, pid;
    char host[65];
} holder;

/* Reads the file as eng_lease_take writes it; epoch 0 where there is none. */
static sk_status read_lease(const char *path, holder *out, sk_err *e)
{
    sk_buf text = SK_BUF_INIT;
    long long epoch = 0, pid = 0;
    *out = (holder){0};
    if (!sk_file_exists(path)) return SK_OK;
    sk_status st = sk_file_load(path, LEASE_BYTES, &text, e);
    int n =
        st ? 0
           : sscanf(text.p ? text.p : "", "{\"epoch\":%18lld,\"pid\":%18lld,\"host\":\"%64[^\"]\"}",
                    &epoch, &pid, out->host);
    sk_buf_fini(&text);
    if (!st && (n != 3 || epoch < 0))
        st = sk_fail(e, SK_E_FORMAT, "%s is damaged: remove it, if nobody else trains there", path);
    out->epoch = epoch;
    out->pid = pid;
    return st;
}

/* The caller's lock makes reading and writing one act. */
sk_status eng_lease_take(const char *dir, eng_lease *out, sk_err *e)
{
    holder was;
    char host[65] = "?";
    eng_lease l;
    int n = snprintf(l.path, sizeof(l.path), "%s/lease", dir);
    if (n < 0 || (size_t)n >= sizeof(l.path))
        return sk_fail(e, SK_E_INVALID, "the name of the folder %s is too long", dir);
    sk_file_sweep(l.path);
    sk_status st = read_lease(l.path, &was, e);
    if (st) return st;
    (void)gethostname(host, sizeof(host) - 1);
    l.epoch = (uint64_t)was.epoch + 1;
    sk_buf b = SK_BUF_INIT;
    sk_buf_addf(&b, "{\"epoch\":%llu,\"pid\":%ld,\"host\":", (unsigned long long)l.epoch,
                (long)getpid());
    sk_json_add_str(&b, host, strlen(host));
    sk_buf_adds(&b, "}\n");
    st = sk_buf_ok(&b) ? sk_file_replace(l.path, b.p, b.len, e)
                       : sk_fail(e, SK_E_NOMEM, "no memory for %s", l.path);
    sk_buf_fini(&b);
    if (!st) *out = l;
    return st;
}

/* A file that went away is no newer epoch: somebody tidied up, or removed the folder, and then the
 * write that follows says so. */
sk_status eng_lease_check(const eng_lease *l, sk_err *e)
{
    holder now;
    sk_status st = read_lease(l->path, &now, e);
    if (st || (uint64_t)now.epoch <= l->epoch) return st;
    return sk_fail(e, SK_E_INUSE,
                   "another trainer has taken over this run (%s: epoch %lld, process %lld on %s; "
                   "this one had epoch %llu): nothing more is written here",
                   l->path, (long long)now.epoch, (long long)now.pid, now.host,
                   (unsigned long long)l->epoch);
}

/* For files that are written by others than the saver. */
sk_status eng_lease_rename(const eng_lease *l, const char *from, const char *to, sk_err *e)
{
    sk_status st = eng_lease_check(l, e);
    if (!st && (sk_fault(SK_FAULT_KILL), sk_fault(SK_FAULT_RENAME) || rename(from, to) != 0))
        st = sk_fail_errno(e, errno ? errno : EIO, "cannot put %s in its place", to);
    if (st) (void)unlink(from);
    return st;
}
