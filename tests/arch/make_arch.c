/* make_arch.c - writes what a description says, for another program to compute with.
 *
 *   make_arch NAME.arch MODEL.gguf [plain]   the model; prints the ids of its sequence
 *
 * plain: quantised tensors as the floats they stand for.
 */
#include "tests/arch/fixture.h"

#include "base/file.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    sk_err e = SK_ERR_INIT;
    sk_buf b = SK_BUF_INIT;
    arch_case c;
    if (argc < 3) {
        fprintf(stderr, "usage: make_arch NAME.arch MODEL.gguf [plain]\n");
        return 2;
    }
    bool plain = argc > 3 && strcmp(argv[3], "plain") == 0;
    sk_status st = arch_make(argv[1], plain ? ARCH_PLAIN : 0, &c, &b, &e);
    if (!st) st = sk_file_replace(argv[2], b.p, b.len, &e);
    sk_buf_fini(&b);
    if (st) {
        fprintf(stderr, "make_arch: %s\n", e.text);
        return 1;
    }
    for (size_t i = 0; i < c.n_ids; i++)
        printf("%d%s", (int)arch_id(&c, i), i + 1 < c.n_ids ? " " : "\n");
    return 0;
}
