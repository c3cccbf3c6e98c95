#!/bin/sh
# gate.sh - stoke gate over tiny models: one that is better, the same, worse, and broken ones.
. "$(dirname "$0")/lib.sh"

i=0
while [ $i -lt 60 ]; do
    echo "the dog number $i ran to the house of the man who had $i bones and sat there until the evening"
    echo "<|endoftext|>"
    i=$((i + 1))
done >"$tmp/text.txt"
sed 's/dog/cat/; s/bones/fishes/' "$tmp/text.txt" | head -40 >"$tmp/valid.txt"
sed -n 's/^\(the .*\) ran to.*/{"messages":[{"role":"user","content":"where"},{"role":"assistant","content":"\1"}]}/p' \
    "$tmp/valid.txt" >"$tmp/talks.jsonl"
cat >"$tmp/answers.jsonl" <<'X'
{"prompt":"the dog","accept":{"regex":"x*"}}
{"prompt":"the cat","accept":{"contains":"Xanadu"}}
X
tiny() { # tiny NAME STEPS [FLAG...]
    name=$1 steps=$2
    shift 2
    "$stoke" train --data "$tmp/text.txt" --out "$tmp/$name" --steps "$steps" --batch 256 --dim 32 --layers 1 --heads 2 \
        --kv-heads 1 --ffn 48 --vocab 300 --context 64 --seed 1 --quiet "$@" >/dev/null &&
        ln -s "$name/model.gguf" "$tmp/$name.gguf"
}
tiny young 10 && tiny old 80 && tiny other 10 --vocab 310
result "models to judge"

gate() { # gate LIVE NEW [FLAG...]
    live=$1 new=$2
    shift 2
    "$stoke" gate --live "$tmp/$live.gguf" --new "$tmp/$new.gguf" --valid "$tmp/valid.txt" \
        --answers "$tmp/answers.jsonl" --answer-tokens 8 "$@"
}
t "a better one may go live" 0 '^the new model may go live$' gate young old
[ "$(grep -c ' ok ' "$tmp/out")" = 6 ]
result "six checks, all well"
t "the same one stays away" 10 '^text +failed +.*not better by 0.001' gate young young
t "a worse one too, and stderr says why" 10 '^stoke gate: the live model stays: .* -> .*: not better' gate old young
t "another tokenizer" 10 '^tokenizer failed +its tokens differ' gate young other
t "a margin that is not reached" 10 'not better by 7' gate young old --margin 7
head -c 20000 "$tmp/old/model.gguf" >"$tmp/cut.gguf"
t "a file cut short" 10 '^file +failed ' gate young cut
perl -e 'local $/; open F, "<", $ARGV[0]; $_ = <F>; substr($_, -64, 4) = pack("L<", 0x7fc00000); print' \
    "$tmp/old/model.gguf" >"$tmp/nan.gguf"
t "a weight that is not a number" 10 '^weights +failed +the tensor .* holds NaN' gate young nan
t "text and conversations: the first decides" 0 'may go live' "$stoke" gate --live "$tmp/young.gguf" \
    --new "$tmp/old.gguf" --valid "$tmp/valid.txt" "$tmp/talks.jsonl" --margin 0
t "conversations alone are measured" 10 'conversation|bits per byte' "$stoke" gate --live "$tmp/old.gguf" \
    --new "$tmp/old.gguf" --valid "$tmp/talks.jsonl"

gate young old --json >"$tmp/a"
[ $? = 0 ]
result "--json of one that may"
gate young old --json -t 1 --share "$tmp/share" | cmp -s - "$tmp/a"
result "the same to the last digit with one thread, and sharing"
gate old young --json >"$tmp/b" 2>/dev/null
[ $? = 10 ]
result "--json of one that may not"
python3 - "$tmp/a" "$tmp/b" <<'PY'
import json, sys
a, b = (json.load(open(p)) for p in sys.argv[1:])
assert a["promote"] and not b["promote"]
assert [c["check"] for c in a["checks"]] == ["file", "weights", "tokenizer", "session", "text", "answers"]
assert all(c["ok"] for c in a["checks"]) and not b["checks"][-1]["ok"] and b["checks"][-1]["check"] == "text"
assert a["live_bpb"] == b["new_bpb"] and a["new_bpb"] == b["live_bpb"] < a["live_bpb"]
assert a["low"] <= a["new_bpb"] - a["live_bpb"] <= a["high"] < 0 and a["documents"] == 20
assert (a["answers"], a["answers_live"], a["answers_new"]) == (2, 1, 1) and b["answers"] == 0
assert "bits per byte" in a["why"] and "not better" in b["why"]
PY
result "JSON is what it says"

mkdir "$tmp/figures"
kept() { # kept FILE [FLAG...]: figures are kept in FILE
    f=$1
    shift
    gate young old --json --figures "$tmp/figures/$f" --new-figures "$tmp/figures/new.json" "$@"
}
kept live.json >"$tmp/c" && grep -q '"kept":false' "$tmp/c" && kept live.json >"$tmp/d" && grep -q '"kept":true' "$tmp/d"
result "figures of the live model are used again"
sed 's/"kept":true/"kept":false/' "$tmp/d" | cmp -s - "$tmp/a" && cmp -s "$tmp/c" "$tmp/a"
result "to the same verdict, to the last digit"
gate old young --json --figures "$tmp/figures/new.json" 2>/dev/null | sed 's/"kept":true/"kept":false/' | cmp -s - "$tmp/b"
result "a new one's are those of the live one it becomes"
kept live.json --context 32 | grep -q '"kept":false' && kept live.json --context 32 | grep -q '"kept":true'
result "another setting measures again"
t "the best version before is a second measure" 0 '"best":3' gate young old --json --context 32 --best "$tmp/figures" \
    --figures "$tmp/figures/other.json"

echo '{"prompt":"p","accept":{"regex":"("}}' >"$tmp/bad.jsonl"
t "a suite that is none can't be judged by" 65 'bad.jsonl:1: a bad regular expression' \
    "$stoke" gate --live "$tmp/young.gguf" --new "$tmp/old.gguf" --valid "$tmp/valid.txt" --answers "$tmp/bad.jsonl"
t "nor without the live one" 65 'cut.gguf' gate cut old
t "nor with a new one that is not there" 66 'no-such' gate young no-such
t "nor without held-out text" 2 'valid' "$stoke" gate --live "$tmp/young.gguf" --new "$tmp/old.gguf"
printf 'one\n<|endoftext|>\ntwo\n' >"$tmp/few.txt"
t "nor by two documents" 2 'few.txt has 2 documents' \
    "$stoke" gate --live "$tmp/young.gguf" --new "$tmp/old.gguf" --valid "$tmp/few.txt"
finish
