#!/bin/sh
# quantize.sh - stoke quantize: its contract, what is refused, and that nothing is left half-written.
. "$(dirname "$0")/lib.sh"
m=tests/golden/tiny.gguf

t "a type is a word of the list" 2 'no type Q9_Z' "$stoke" quantize "$m" "$tmp/o.gguf" Q9_Z
t "three arguments" 2 'quantize' "$stoke" quantize "$m" "$tmp/o.gguf"
t "no such source" 66 'none.gguf' "$stoke" quantize "$tmp/none.gguf" "$tmp/o.gguf" Q8_0
t "no such importance matrix" 66 'none.dat' \
    "$stoke" quantize "$m" "$tmp/o.gguf" Q8_0 --imatrix "$tmp/none.dat"
[ ! -e "$tmp/o.gguf" ]
result "a refusal leaves no file"
t "Q8_0" 0 'Q8_0, [0-9]+ of [0-9]+ tensors changed' "$stoke" quantize "$m" "$tmp/q8.gguf" q8_0
t "--json is one object" 0 '^\{"file":".*","type":"Q4_K_M","tensors":[0-9]+,.*"seconds":[0-9.]+\}$' \
    "$stoke" quantize "$m" "$tmp/q4.gguf" Q4_K --json
t "the result opens; rows of 16 are no blocks and become F16" 0 'F16 +[0-9]+ bytes' \
    "$stoke" inspect "$tmp/q8.gguf"
"$stoke" quantize "$m" "$tmp/one.gguf" Q3_K_M -t 1 -q >/dev/null &&
    "$stoke" quantize "$m" "$tmp/two.gguf" Q3_K_M -t 2 -q >/dev/null &&
    cmp -s "$tmp/one.gguf" "$tmp/two.gguf"
result "the same bytes with one thread and two"
"$stoke" quantize "$tmp/q8.gguf" "$tmp/copy.gguf" COPY >/dev/null &&
    cmp -s "$tmp/q8.gguf" "$tmp/copy.gguf"
result "COPY changes nothing"
finish
