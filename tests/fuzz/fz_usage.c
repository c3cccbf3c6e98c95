/* fz_usage.c - any bytes as the usage of two keys. */
#include "serve/api/keyfile.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    srv_key_row row[2];
    memset(row, 0, sizeof row);
    memcpy(row[0].id, "a", 2);
    memcpy(row[1].id, "key_01", 7);
    srv_keyfile k = {.row = row, .n = 2};
    srv_keyfile_usage(&k, (const char *)data, size);
    sk_buf out = SK_BUF_INIT;
    srv_keyfile_json(&k, &out);
    assert(sk_buf_ok(&out));
    sk_buf_fini(&out);
    return 0;
}
