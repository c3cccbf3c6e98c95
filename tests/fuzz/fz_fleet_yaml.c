/* fz_fleet_yaml.c - any bytes as a fleet's file: refused with a line, or a sound book that is the
 * same when it is written and read again. */
#include "fleet/store/yaml.h"

#include "tests/fuzz/promise.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads a text as a book; false where it is refused. */
static bool read_book(const char *p, size_t n, sk_arena *a, flt_draft *d)
{
    static const flt_book none;
    sk_err e = SK_ERR_INIT;
    sk_yaml *y = NULL;
    sk_status st = sk_yaml_parse("f", p, n, &y, &e);
    if (!st) {
        must(flt_draft_begin(d, &none, a, &e) == SK_OK);
        st = flt_yaml_merge(y, d, &e);
    }
    sk_yaml_free(y);
    must(!st || (e.text[0] == 'f' && e.text[1] == ':'));
    return st == SK_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sk_arena *a = sk_arena_new(SK_MEM_MISC);
    flt_draft d, again;
    sk_buf first = SK_BUF_INIT, second = SK_BUF_INIT;
    sk_err e = SK_ERR_INIT;
    must(a != NULL);
    if (read_book((const char *)data, size, a, &d)) {
        must(flt_book_check(&d.book, &e) == SK_OK);
        flt_yaml_write(&d.book, &first);
        must(sk_buf_ok(&first));
        must(read_book(first.p, first.len, a, &again));
        flt_yaml_write(&again.book, &second);
        must(sk_buf_ok(&second) && !strcmp(first.p, second.p));
    }
    sk_buf_fini(&first);
    sk_buf_fini(&second);
    sk_arena_free(a);
    return 0;
}
