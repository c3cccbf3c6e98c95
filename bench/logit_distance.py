#!/usr/bin/env python3
"""How far the logits of one run are from another's.

    logit_distance.py REFERENCE.npy OTHER.npy

Both as `stoke logits` writes them: float32 [tokens, vocabulary].  Prints the relative L2 distance of all
logits, the Kullback-Leibler divergence of the next-token distributions (mean and largest over the tokens,
in nats) and the share of tokens whose likeliest successor is the same.
"""
import array
import ast
import math
import sys


def load(path):
    """(rows, columns, flat floats) of a version 1 .npy file of float32."""
    with open(path, "rb") as f:
        head = f.read(10)
        if head[:8] != b"\x93NUMPY\x01\x00":
            sys.exit(f"{path}: no .npy file of version 1.0")
        shape = ast.literal_eval(f.read(head[8] + 256 * head[9]).decode())
        if shape["descr"] != "<f4" or shape["fortran_order"] or len(shape["shape"]) != 2:
            sys.exit(f"{path}: not float32 [tokens, vocabulary]")
        values = array.array("f")
        values.frombytes(f.read())
    rows, columns = shape["shape"]
    return rows, columns, values


def log_softmax(row):
    top = max(row)
    total = math.log(sum(math.exp(x - top) for x in row)) + top
    return [x - total for x in row]


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    rows, columns, a = load(sys.argv[1])
    if load(sys.argv[2])[:2] != (rows, columns):
        sys.exit("the two files have different shapes")
    b = load(sys.argv[2])[2]
    square = sum(x * x for x in a)
    off = sum((x - y) ** 2 for x, y in zip(a, b))
    divergence, same = [], 0
    for r in range(rows):
        p = a[r * columns : (r + 1) * columns]
        q = b[r * columns : (r + 1) * columns]
        same += p.index(max(p)) == q.index(max(q))
        lp, lq = log_softmax(p), log_softmax(q)
        divergence.append(sum(math.exp(x) * (x - y) for x, y in zip(lp, lq)))
    print(
        f"relative L2 {math.sqrt(off / square):.2e}  "
        f"KL mean {sum(divergence) / rows:.2e} largest {max(divergence):.2e}  "
        f"same likeliest {100 * same / rows:.2f} %"
    )


main()
