/* talks.h - what the targets that read files of conversations have in common. */
#ifndef TESTS_FUZZ_TALKS_H
#define TESTS_FUZZ_TALKS_H

#include "base/status.h"
#include "engine/token/bpe_train.h"

#include "tests/fuzz/promise.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A vocabulary made once. */
static inline const eng_vocab *talks_vocab(void)
{
    static eng_vocab *v;
    static const char text[] = "user assistant system user assistant content and so it goes on";
    eng_bpe_opts o = {.n_vocab = 270, .pretok = "qwen2"};
    if (!v) must(eng_bpe_train(text, sizeof(text) - 1, &o, &v, NULL) == SK_OK);
    return v;
}

/* The bytes as a file: its path, for as long as the descriptor that is returned is open. */
static inline int talks_file(const uint8_t *data, size_t size, char path[64])
{
    int fd = memfd_create("talks", 0);
    must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    (void)snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

#endif
