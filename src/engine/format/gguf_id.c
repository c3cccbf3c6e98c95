/* gguf_id.c - telling a model's files from others by what is cheap to read: sizes, times, all of
 * the directory, and a little of each tensor.
 */
#include "base/crc.h"
#include "engine/format/gguf_value.h"

/* Bytes of a sample. */
enum { SAMPLE = 64 };

/* Where the data of a file's tensors begins; its end where it has none. */
static const uint8_t *data_start(const eng_gguf *g, size_t file)
{
    const uint8_t *start = g->map[file].p + g->map[file].len;
    for (size_t i = 0; i < g->n_tensors; i++)
        if (g->tensor[i].file == file && (const uint8_t *)g->tensor[i].data < start)
            start = g->tensor[i].data;
    return start;
}

/* CRC of the beginning, middle and end of a tensor; of all of a small one. */
static uint32_t sample(uint32_t crc, const eng_gguf_tensor *t)
{
    const uint8_t *p = t->data;
    size_t n = (size_t)t->bytes;
    if (n <= (size_t)3 * SAMPLE) return sk_crc32c(crc, p, n);
    crc = sk_crc32c(crc, p, SAMPLE);
    crc = sk_crc32c(crc, p + n / 2, SAMPLE);
    return sk_crc32c(crc, p + n - SAMPLE, SAMPLE);
}

/* The files are mapped, so their sizes and times are those of what is read. */
bool eng_gguf_identify(const eng_gguf *g, eng_gguf_id *out)
{
    eng_gguf_id id = {.bytes = g->len};
    if (!g->n_files) return false;
    for (size_t i = 0; i < g->n_files; i++) {
        const sk_map *m = &g->map[i];
        if (!m->p) return false;
        const int64_t stamp[2] = {(int64_t)m->len, m->changed};
        if (!i || m->changed > id.changed) id.changed = m->changed;
        id.stamps = sk_crc32c(id.stamps, stamp, sizeof stamp);
        id.heads = sk_crc32c(id.heads, m->p, (size_t)(data_start(g, i) - m->p));
    }
    for (size_t i = 0; i < g->n_tensors; i++)
        id.samples = sample(id.samples, &g->tensor[i]);
    *out = id;
    return true;
}
