#!/bin/sh
# train_config.sh - flags of train from a file and from one number; what a run would take.
. "$(dirname "$0")/lib.sh"

yes 'The quick brown fox jumps over the lazy dog; who can say why it does? 1234567890 times.' |
    awk '{ print NR ". " $0 }' | head -200 >"$tmp/text"
head -150 "$tmp/text" >"$tmp/other"
cat >"$tmp/run.yaml" <<END
# a tiny run
data: $tmp/text
steps: 4
batch: 128
dim: 32
layers: 1
heads: 4
kv-heads: 2
ffn: 48
vocab: 300
context: 32
seed: 3
recompute: true
END
"$stoke" train --config "$tmp/run.yaml" --out "$tmp/a" -q >"$tmp/out" 2>&1
result "a file says all"
"$stoke" train --data "$tmp/text" --out "$tmp/b" -q --steps 4 --batch 128 --dim 32 --layers 1 --heads 4 \
    --kv-heads 2 --ffn 48 --vocab 300 --context 32 --seed 3 >"$tmp/out" 2>&1
cmp "$tmp/a/model.gguf" "$tmp/b/model.gguf"
result "it is the same as the command line"
"$stoke" train --config="$tmp/run.yaml" --out "$tmp/c" -q --steps 2 --data "$tmp/other" --json >"$tmp/out" 2>&1
grep -q '"event":"done","step":2' "$tmp/out"
result "the command line wins, lists included"

echo 'stepz: 5' >>"$tmp/run.yaml"
"$stoke" train --config "$tmp/run.yaml" --out "$tmp/d" >"$tmp/out" 2>&1
[ $? -ne 0 ] && grep -q 'run.yaml:14: .*stepz.*steps' "$tmp/out" && [ ! -e "$tmp/d" ]
result "an unknown name is refused with its line and the nearest one"
echo '- 5' >"$tmp/list.yaml"
! "$stoke" train --config "$tmp/list.yaml" --out "$tmp/d" >"$tmp/out" 2>&1
result "a file that is no mapping is refused"

# ---- one number ----
dry() { "$stoke" train --data "$tmp/text" --out "$tmp/dry" --dry-run "$@" >"$tmp/out" 2>&1; }
dry --depth 2
grep -q -- '--layers 2 --dim 128 --heads 2 --kv-heads 1 --ffn 320 --vocab 4096 --context 256' "$tmp/out" &&
    grep -q 'optimizer muon' "$tmp/out" && grep -q 'activations' "$tmp/out"
result "--depth sets shape and optimiser, and the plan is printed"
dry --params 600k --heads 1 --optimizer adamw --steps 7
grep -q -- '--layers 2 --dim 128 --heads 1 .*--context 256' "$tmp/out" && grep -q -- '--steps 7 --optimizer adamw' "$tmp/out"
result "--params takes the nearest depth; what is given stays"
dry --depth 1 --json
grep -qE '^\{"event":"plan","params":[0-9.e+]+,"steps":[0-9.e+]+,.*"bytes_allowed":[0-9.e+]+\}$' "$tmp/out"
result "--json prints the plan as one object"
[ ! -e "$tmp/dry" ]
result "nothing was written"
! dry --depth 2 --params 5M
result "both numbers are refused"
finish
