/* tiny_vocab.c - see tiny_vocab.h. */
#include "tests/unit/tiny_vocab.h"

#include "base/rng.h"
#include "engine/token/bpe_train.h"
#include "tests/unit/unit.h"

const char tiny_text[] =
    "The ship lay at the quay and the stokers shovelled coal. The ship's engine wasn't running; "
    "they'd lit the fires at 4:30, and it'll be hours before there's steam. \"We've 1024 tons,\" "
    "said the mate, \"and I'm told that's 17% more than we need.\"\n\n"
    "The harbour was grey, the sea was grey, the sky was grey.  The gulls cried over the harbour "
    "and the harbour cried back.\n"
    "<|endoftext|>\n"
    "int main(void)\n{\n    for (int i = 0; i < 100; i++) {\n        total += table[i] * 3;\n"
    "        if (total > 65535)\n            return -1;\n    }\n\treturn 0;\n}\n"
    "<|endoftext|>\n"
    "Das Schiff lag am Kai, und die Heizer schaufelten Kohle. Über den Dächern wehte Rauch; "
    "größer, höher, weiter.\n"
    "Le navire était à quai. Où est passé l'été ? Ça va, merci.\n"
    "Корабль стоял у причала, и кочегары бросали уголь в топку. Корабль был старый.\n"
    "船は岸壁にあり、火夫たちは石炭をくべていた。船は古い。\n"
    "배는 부두에 있었다. 배는 낡았다.\n"
    "السفينة في الميناء والسفينة قديمة\n"
    "\xf0\x9f\x9a\xa2\xf0\x9f\x94\xa5 \xf0\x9f\x9a\xa2\xf0\x9f\x94\xa5 1st 2nd 3rd 12345678 "
    "3.14159 "
    "1,000,000\r\n\r\n   \t  spaces   and\ttabs  \n\n\n";

/* A vocabulary of n tokens trained on tiny_text. */
eng_vocab *tiny_vocab(size_t n, const char *pretok)
{
    sk_err e = SK_ERR_INIT;
    eng_vocab *v = NULL;
    eng_bpe_opts o = {.n_vocab = n, .pretok = pretok};
    assert_status_ok(eng_bpe_train(tiny_text, strlen(tiny_text), &o, &v, &e), e);
    return v;
}

/* One character of UTF-8 for code point c; returns its length. */
static size_t put_utf8(char *p, unsigned c)
{
    if (c < 0x80) {
        p[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n; i-- > 1; c >>= 6)
        p[i] = (char)(0x80 | (c & 0x3f));
    p[0] = (char)(lead[n] | c);
    return n;
}

/* A code point out of the corners where tokenizers differ. */
static unsigned odd_code_point(uint64_t r)
{
    static const unsigned odd[] = {
        ' ',  ' ',    '\n',  '\r',  '\t',   '\'',   's',    'a',     'Z',    '0',     '9',
        0x85, 0xa0,   0xe9,  0x301, 0x660,  0x2028, 0x3000, 0x180e,  0x200b, 0xac00,  0x4e2d,
        0xb2, 0x2167, 0x17f, 0x1f6, 0xfeff, 0xfffd, 0x0,    0x1f600, 0x7f,   0x10ffff};
    return odd[r % (sizeof odd / sizeof odd[0])];
}

/* A pseudo-random byte string. */
void tiny_random(char *p, size_t n, uint64_t seed)
{
    const size_t text = strlen(tiny_text);
    char c[4];
    for (size_t i = 0, k = 0; i < n; k++) {
        uint64_t r = sk_rng_u64(seed, SK_RNG_TEST, k);
        size_t len = 1;
        switch (seed % 4) {
        case 0:
            c[0] = (char)r;
            break;
        case 1:
            c[0] = (char)(' ' + r % 95);
            break;
        case 2:
            len = put_utf8(c, odd_code_point(r));
            break;
        default: {
            size_t from = r % text, some = 1 + (r >> 32) % 20;
            for (size_t j = 0; j < some && from + j < text && i < n; j++)
                p[i++] = tiny_text[from + j];
            len = 0;
        }
        }
        for (size_t j = 0; j < len && i < n; j++)
            p[i++] = c[j];
    }
}
