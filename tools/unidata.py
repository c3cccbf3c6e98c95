#!/usr/bin/env python3
"""unidata.py - writes src/engine/token/unidata_tables.h from Python's unicodedata.

Run from the project's root when a newer Unicode is wanted: tools/unidata.py
What the tables mean is said in src/engine/token/unidata.h.
"""
import sys
import unicodedata

OUT = "src/engine/token/unidata_tables.h"
SPACES = {0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x20, 0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000}
SPACES |= set(range(0x2000, 0x200B))
LAST = 0x10FFFF
HANGUL = range(0xAC00, 0xD7A4)


def kind(c):
    """Letter of the class, '' for all else."""
    cat = unicodedata.category(chr(c))
    if c in SPACES:
        return "SPACE"
    if cat in ("Cc", "Cf", "Co", "Cs"):
        return "CONTROL"
    if cat[0] == "M":
        return "MARK"
    if cat[0] == "P" or (cat[0] == "S" and c < 0x7F):
        return "PUNCT"
    return ""


def class_rows():
    """Ranges (first, last, class) in order."""
    rows, first, now = [], 0, kind(0)
    for c in range(1, LAST + 2):
        k = kind(c) if c <= LAST else None
        if k != now:
            if now:
                rows.append((first, c - 1, now))
            first, now = c, k
    return rows


def map_rows(image):
    """Ranges (first, last, step, to): every step-th character becomes to + (c - first)."""
    pairs = [(c, image(c)) for c in range(LAST + 1) if image(c) != c]
    rows, i = [], 0
    while i < len(pairs):
        best = (pairs[i][0], pairs[i][0], 1, pairs[i][1])
        for step in (1, 2):
            k = i
            while k + 1 < len(pairs) and pairs[k + 1] == (pairs[k][0] + step, pairs[k][1] + step):
                k += 1
            if pairs[k][0] > best[1]:
                best = (pairs[i][0], pairs[k][0], step, pairs[i][1])
        rows.append(best)
        i += (best[1] - best[0]) // best[2] + 1
    return rows


def lower(c):
    s = chr(c).lower()
    return ord(s) if len(s) == 1 else c


def base(c):
    if c in HANGUL:
        return c
    return ord(unicodedata.normalize("NFD", chr(c))[0])


def wrap(items):
    """Items as lines of at most 100 columns."""
    lines, line = [], "   "
    for s in items:
        if len(line) + len(s) + 2 > 100:
            lines.append(line)
            line = "   "
        line += " " + s + ","
    return lines + [line]


def base_runs():
    """Runs of neighbours that have bases, as (first, last, index), and the bases they index."""
    runs, bases = [], []
    for c in range(LAST + 1):
        b = base(c)
        if b == c:
            continue
        if runs and runs[-1][1] == c - 1:
            runs[-1] = (runs[-1][0], c, runs[-1][2])
        else:
            runs.append((c, c, len(bases)))
        bases.append(b)
    return runs, bases


def main():
    out = [
        "/* unidata_tables.h - tables of Unicode " + unicodedata.unidata_version
        + ", written by tools/unidata.py: do not edit.",
        " * Included by unidata.c alone. */",
        "#ifndef ENG_TOKEN_UNIDATA_TABLES_H",
        "#define ENG_TOKEN_UNIDATA_TABLES_H",
        "",
        '#include "engine/token/unidata.h"',
        "",
        "enum {",
        "    SPACE = ENG_UNI_SPACE,",
        "    CONTROL = ENG_UNI_CONTROL,",
        "    MARK = ENG_UNI_MARK,",
        "    PUNCT = ENG_UNI_PUNCT",
        "};",
        "",
        "/* Characters first to last are of the class. */",
        "struct class_row {",
        "    uint32_t first, last;",
        "    uint8_t is;",
        "};",
        "",
        "/* Every step-th character from first to last becomes to + its distance from first. */",
        "struct map_row {",
        "    uint32_t first, last, step, to;",
        "};",
        "",
        "/* Characters first to last have the bases from bases[at] on. */",
        "struct base_run {",
        "    uint32_t first, last, at;",
        "};",
        "",
        "/* clang-format off */",
        "static const struct class_row class_rows[] = {",
    ]
    out += wrap("{0x%x, 0x%x, %s}" % r for r in class_rows())
    out += ["};", "static const struct map_row lower_rows[] = {"]
    out += wrap("{0x%x, 0x%x, %d, 0x%x}" % r for r in map_rows(lower))
    runs, bases = base_runs()
    out += ["};", "static const struct base_run base_runs[] = {"]
    out += wrap("{0x%x, 0x%x, %d}" % r for r in runs)
    out += ["};", "static const uint32_t bases[] = {"]
    out += wrap("0x%x" % b for b in bases)
    out += ["};", "/* clang-format on */", "#endif"]
    with open(OUT, "w", encoding="ascii") as f:
        f.write("\n".join(out) + "\n")
    return 0


sys.exit(main())
