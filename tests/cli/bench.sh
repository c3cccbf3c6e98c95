#!/bin/sh
# bench.sh - stoke bench over a tiny random model: what it prints, and what is refused.  No figure is judged.
. "$(dirname "$0")/lib.sh"
m=tests/golden/tiny.gguf
b() { "$stoke" bench -m "$m" --prefill 8 --decode 4 --repeat 1 --limit-ms 1 "$@"; }
# has TEXT: the last JSON has it.
has() { grep -qF -- "$1" "$tmp/json"; }

t "the machine alone" 0 '^machine .* GB/s read$' "$stoke" bench --limit-ms 1
t "a prompt, then answers" 0 '^decode +2 +8 +4 ' b --parallel 1,2
b --parallel 1,2 --json >"$tmp/json"
has '"kind":"prefill","parallel":1,"depth":0,"tokens":8,' &&
    has '"kind":"decode","parallel":1,"depth":8,"tokens":4,' &&
    has '"kind":"decode","parallel":2,"depth":8,"tokens":4,'
result "--json says what was in the cache before each"
b --parallel 2 --depth 16 --json >"$tmp/json"
has '"kind":"prefill","parallel":1,"depth":16,"tokens":8,' &&
    has '"kind":"decode","parallel":2,"depth":16,"tokens":4,'
result "--depth: prompt and answer both begin there"
t "every type of cache" 0 '^decode' b --depth 16 --kv-type q8_0

tr() { "$stoke" bench --limit-ms 1 --train --dim 32 --layers 1 --ffn 48 --vocab 64 --context 16 --batch 64 --steps 2 "$@"; }
t "training, part by part" 0 '^step .*%$' tr
t "in f32" 0 '^training .* f32 products' tr --f32 --untied --arch llama
tr --json >"$tmp/json"
has '"training":{"precision":' && has ',"optimiser":{"least_s":' && has '"tokens":64,'
result "--json has the parts of a step"
t "a shape that is none" 2 'dim' tr --heads 5

t "deeper than the model's context" 2 'context of [0-9]+ has room for [0-9]+' b --depth 100000
t "a depth below nothing" 2 'depth' b --depth -1
t "counts that are none" 2 'parallel 1,x' b --parallel 1,x
finish
