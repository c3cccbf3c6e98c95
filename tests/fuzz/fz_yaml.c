/* fz_yaml.c - any bytes as YAML: no crash, bounded depth, and values that JSON can carry. */
#include "base/yaml.h"

#include "base/mem.h"
#include "tests/fuzz/promise.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sk_err e = SK_ERR_INIT;
    sk_yaml *y = NULL;
    if (sk_yaml_parse("f", (const char *)data, size, &y, &e)) {
        must(e.status != SK_OK && e.text[0] == 'f' && e.text[1] == ':');
        return 0;
    }
    json_t *root = sk_yaml_root(y), *back = NULL, *v;
    const char *key;
    char *text = json_dumps(root, JSON_ENCODE_ANY);
    must(text && sk_json_parse(text, strlen(text), SK_YAML_MAX_DEPTH, &back, &e) == SK_OK);
    must(json_equal(root, back));
    json_object_foreach(root, key, v)
    {
        must(sk_yaml_line(y, root, key, 0) >= 1);
        must(!sk_yaml_text(y, root, key, 0) == (json_is_object(v) || json_is_array(v)));
    }
    sk_free(text);
    json_decref(back);
    sk_yaml_free(y);
    return 0;
}
