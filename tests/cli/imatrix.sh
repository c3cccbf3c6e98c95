#!/bin/sh
# imatrix.sh - stoke imatrix: its contract, and that stoke quantize reads what it writes.
. "$(dirname "$0")/lib.sh"
m=tests/golden/tiny.gguf
for i in 1 2 3 4 5 6 7 8 9 10; do
    echo "the man in the sea and the one in the other; $i"
done >"$tmp/text"
i() { "$stoke" imatrix -m "$m" -f "$tmp/text" -c 64 -o "$tmp/$1" "$2"; }

t "for people" 0 '[0-9]+ tensors, [0-9]+ tokens in [0-9]+ windows of 64' i im.gguf -q
t "--json is one object" 0 '^\{"file":".*","tensors":[0-9]+,"tokens":[0-9]+,"windows":[0-9]+,"unused":0\}$' \
    i im2.gguf --json
i im3.gguf -t1 >/dev/null 2>&1 && cmp -s "$tmp/im2.gguf" "$tmp/im3.gguf"
result "the same bytes with one thread"
t "quantize reads it" 0 'Q2_K' "$stoke" quantize "$m" "$tmp/q.gguf" Q2_K --imatrix "$tmp/im.gguf"

echo short >"$tmp/text"
t "a text shorter than a window" 2 'at least one window of 64' i short.gguf -q
[ ! -e "$tmp/short.gguf" ]
result "a refusal leaves no file"
t "no place to write to" 2 'out' "$stoke" imatrix -m "$m" -f "$tmp/text"
t "a folder that is not there" 66 'nowhere' \
    "$stoke" imatrix -m "$m" -f data/README.md -c 16 -o "$tmp/nowhere/im.gguf"
finish
