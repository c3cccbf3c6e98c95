#!/bin/sh
# embed.sh - stoke embed: vectors of texts against llama.cpp's, lines, poolings, JSON, what is refused.
. "$(dirname "$0")/lib.sh"
B=${B:-build}
model=$tmp/bert.gguf
"$B/make_arch" tests/arch/bert-words.arch "$model" >/dev/null
result "a model is made"

# near NAME "NUMBERS" COMMAND...: each line that COMMAND prints begins with such numbers (a line of
# NUMBERS each), to 1e-4.
near() {
    name=$1 want=$2
    shift 2
    "$@" >"$tmp/got" 2>"$tmp/err" && echo "$want" >"$tmp/want" &&
        awk 'NR == FNR { want[NR] = $0; n = NR; next }
            { m = split(want[FNR], w, " "); for (i = 1; i <= m; i++) { d = $i - w[i]; if (d < -1e-4 || d > 1e-4) bad = 1 } }
            END { exit bad || FNR != n }' "$tmp/want" "$tmp/got"
    result "$name" || head -3 "$tmp/err" "$tmp/got" | cut -c1-200 | sed 's/^/# /'
}

keeper='-0.0798742 0.2088944 -0.1565654 -0.0818144 0.0190525 -0.0186250 -0.0275182 0.1374475'
ships='-0.0678141 0.2129597 -0.0409203 -0.1285397 -0.0748913 0.0064802 -0.0337478 0.0020158'
near "a text" "$keeper" "$stoke" embed -m "$model" -p "a lighthouse keeper"
printf 'a lighthouse keeper\nThe ships, on the sea!\r\n' >"$tmp/two"
near "a line is a text" "$keeper
$ships" "$stoke" embed -m "$model" -f "$tmp/two"

"$stoke" embed -m "$model" -p "The ships, on the sea!" >"$tmp/alone"
"$stoke" embed -m "$model" <"$tmp/two" | tail -1 | cmp - "$tmp/alone"
result "the texts before change no byte"

"$stoke" embed -m "$model" -f "$tmp/two" --json >"$tmp/json" &&
    python3 -c '
import json, sys
d = json.load(open(sys.argv[1]))
v = d["embeddings"]
assert d["model"] == "bert-words" and d["n_embd"] == 64 and len(v) == 2
assert all(len(r) == 64 and abs(sum(x * x for x in r) - 1) < 1e-5 for r in v)' "$tmp/json"
result "as JSON, of length 1"

"$stoke" embed -m "$model" --no-normalise -p "a ship" >"$tmp/raw"
awk '{ for (i = 1; i <= NF; i++) s += $i * $i; exit !(NF == 64 && (s < 0.99 || s > 1.01)) }' "$tmp/raw"
result "not normalised when asked"

for p in mean cls last; do
    "$stoke" embed -m "$model" --pooling $p -p "a ship" >"$tmp/$p"
done
"$stoke" embed -m "$model" -p "a ship" | cmp - "$tmp/mean" && ! cmp -s "$tmp/mean" "$tmp/cls" && ! cmp -s "$tmp/cls" "$tmp/last"
result "poolings differ, and the file's is the mean"

: >"$tmp/empty"
"$stoke" embed -m "$model" -f "$tmp/empty" >"$tmp/out" && [ ! -s "$tmp/out" ]
result "no lines, no vectors"
t "a pooling that is none" 2 'pooling' "$stoke" embed -m "$model" --pooling most -p a
t "no such file" 66 'nonesuch' "$stoke" embed -m "$model" -f "$tmp/nonesuch"
awk 'BEGIN { for (i = 0; i < 200; i++) printf "ship "; print "" }' >"$tmp/long"
t "a text too long" 2 'text 1: a text of 202 tokens; the model takes 160' "$stoke" embed -m "$model" -f "$tmp/long"
t "an encoder writes no text" 69 'vectors' "$stoke" generate -m "$model" -p ship
t "a decoder has vectors too" 0 '^-?[0-9.e-]+( -?[0-9.e-]+){15}$' "$stoke" embed -m tests/golden/tiny.gguf -p ship
finish
