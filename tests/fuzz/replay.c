/* replay.c - runs a fuzz target over kept inputs, where libFuzzer is not at hand.
 *
 * Arguments are folders (tests/fuzz/corpus/NAME).  Every file is given whole, then cut at a few
 * places and with single bits turned, so that the replay finds more than what was found once.  All
 * of it is the same in every run.
 */
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CUTS = 8, FLIPS = 32 };

/* The target gets a block of exactly n bytes: a sanitizer sees the first byte read past it. */
static void give(const uint8_t *p, size_t n)
{
    uint8_t *block = malloc(n ? n : 1);
    if (!block) return;
    if (n) memcpy(block, p, n);
    LLVMFuzzerTestOneInput(block, n);
    free(block);
}

static void replay(uint8_t *p, size_t n)
{
    give(p, n);
    for (uint64_t i = 0; i < CUTS && n > 0; i++)
        give(p, (size_t)sk_rng_below(1, SK_RNG_TEST, i, n));
    for (uint64_t i = 0; i < FLIPS && n > 0; i++) {
        size_t bit = (size_t)sk_rng_below(2, SK_RNG_TEST, i, 8 * (uint64_t)n);
        p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        give(p, n);
        p[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static int not_hidden(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

/* The number of files replayed; a folder that is missing has none. */
static int replay_folder(const char *folder)
{
    struct dirent **entry = NULL;
    int n = scandir(folder, &entry, not_hidden, alphasort), done = 0;
    for (int i = 0; i < n; i++) {
        char path[4096];
        sk_map m;
        snprintf(path, sizeof path, "%s/%s", folder, entry[i]->d_name);
        if (sk_map_open(path, &m, NULL) == SK_OK) {
            uint8_t *copy = malloc(m.len + 1);
            if (copy) {
                memcpy(copy, m.p, m.len);
                replay(copy, m.len);
                done++;
            }
            free(copy);
            sk_map_close(&m);
        }
        free(entry[i]);
    }
    free(entry);
    return done;
}

int main(int argc, char **argv)
{
    printf("1..%d\n", argc);
    fflush(stdout);
    give(NULL, 0);
    printf("ok 1 - empty input\n");
    for (int i = 1; i < argc; i++) {
        int n = replay_folder(argv[i]);
        printf("%s %d - %s: %d files\n", n ? "ok" : "not ok", i + 1, argv[i], n);
        fflush(stdout);
    }
    return 0;
}
