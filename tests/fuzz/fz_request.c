/* fz_request.c - any bytes as the body of a generation; the first byte chooses the endpoint. */
#include "serve/api/params.h"

#include "tests/fuzz/promise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bytes held for a byte of a body: "{}," becomes an object with a table of 8 places. */
enum { BODY_TIMES = 192 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    srv_params p;
    srv_fault f = {0};
    fuzz_watch_begin();
    sk_status st =
        srv_params_read(&p, data[0] & 1, (const char *)data + 1, size - 1, data[0] & 2, &f);
    fuzz_watch_within(size, FUZZ_JSON_TIMES * size + FUZZ_ALLOWANCE,
                      BODY_TIMES * size + FUZZ_ALLOWANCE);
    if (st) {
        sk_buf json = SK_BUF_INIT;
        must(f.text[0]);
        srv_fault_json(&f, &json);
        sk_buf_fini(&json);
    } else {
        must(p.sample.temperature >= 0 && p.sample.temperature <= 2 && p.max_tokens >= -1);
        must(p.chat ? json_array_size(p.messages) > 0 : p.n_prompts > 0);
    }
    srv_params_fini(&p);
    return 0;
}
