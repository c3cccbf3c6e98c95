#!/usr/bin/env python3
"""Bits per byte that simple models reach on a held-out text: the bars beside a training curve.

  bench/baselines.py TRAIN.txt VALID.txt      (plain text; unpack .zst first: zstd -d FILE)

Prints four figures, all in bits per byte of VALID:
  byte unigram     order-0 entropy with the byte frequencies of TRAIN
  word unigram     words by their frequency in TRAIN, unseen words spelt by a byte trigram
  xz -9e           VALID packed alone (what a general compressor finds without TRAIN)
  KN trigram       interpolated Kneser-Ney word trigram (Chen, Goodman 1999, one discount an order),
                   trained on TRAIN, unseen words spelt by a byte trigram
Words are runs of letters or digits with the space before them, single punctuation marks, or runs of white space.
"""
import collections
import lzma
import math
import re
import sys

SPLIT = re.compile(r" ?[^\W\d_]+(?:'[a-z]+)?| ?\d+| ?[^\w\s]|_|\s+")
UNK = "\0"


def discount(counts):
    """Kneser-Ney's D = n1 / (n1 + 2 n2)."""
    n1 = sum(1 for c in counts.values() if c == 1)
    n2 = sum(1 for c in counts.values() if c == 2)
    return n1 / (n1 + 2 * n2) if n1 else 0.5


class KneserNey:
    """Interpolated trigram over any hashable symbols, uniform over n_symbols at the bottom."""

    def __init__(self, seq, n_symbols):
        self.base = 1.0 / n_symbols
        tri = collections.Counter(zip(seq, seq[1:], seq[2:]))
        big = collections.Counter((b, c) for _, b, c in tri)  # contexts a bigram was seen after
        uni = collections.Counter(c for _, c in big)
        self.levels = []
        for grams, cut in ((uni, 0), (big, 1), (tri, 2)):
            ctx, kinds = collections.Counter(), collections.Counter()
            for g, c in grams.items():
                key = g[:cut] if cut else ()
                ctx[key] += c
                kinds[key] += 1
            self.levels.append((grams, ctx, kinds, discount(grams), cut))

    def p(self, a, b, c):
        p = self.base
        for grams, ctx, kinds, d, cut in self.levels:
            key = ((), (b,), (a, b))[cut]
            total = ctx.get(key, 0)
            if not total:
                continue
            g = (c, (b, c), (a, b, c))[cut]
            p = (max(grams.get(g, 0) - d, 0) + d * kinds[key] * p) / total
        return p


def spelling_bits(model, word):
    """Bits to spell a word byte by byte, its end included."""
    s = [256, 256] + list(word.encode()) + [256]
    return -sum(math.log2(model.p(s[i - 2], s[i - 1], s[i])) for i in range(2, len(s)))


def main():
    train = open(sys.argv[1], encoding="utf-8").read().replace("<|endoftext|>\n", "")
    valid = open(sys.argv[2], encoding="utf-8").read().replace("<|endoftext|>\n", "")
    raw, held = train.encode(), valid.encode()
    n = len(held)

    freq = collections.Counter(raw)
    byte_bits = -sum(math.log2((freq[b] + 1) / (len(raw) + 256)) for b in held)

    words = SPLIT.findall(train)
    count = collections.Counter(words)
    known = {w for w, c in count.items() if c > 1}
    rare = [w for w in count if w not in known]
    speller = KneserNey([x for w in rare for x in (256, 256, *w.encode(), 256)], 257)
    seq = [w if w in known else UNK for w in words]
    kn = KneserNey(seq, len(known) + 1)
    mapped = collections.Counter(seq)

    uni_bits = kn_bits = 0.0
    a = b = "\n"
    for w in SPLIT.findall(valid):
        c = w if w in known else UNK
        spell = spelling_bits(speller, w) if c is UNK else 0.0
        uni_bits += spell - math.log2(mapped[c] / len(seq))
        kn_bits += spell - math.log2(kn.p(a, b, c))
        a, b = b, c

    xz = len(lzma.compress(held, preset=9 | lzma.PRESET_EXTREME)) * 8
    for name, bits in (("byte unigram", byte_bits), ("word unigram", uni_bits), ("xz -9e", xz),
                       ("KN trigram", kn_bits)):
        print(f"{name:14s} {bits / n:.3f} bits per byte")


if __name__ == "__main__":
    main()
