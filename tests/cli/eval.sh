#!/bin/sh
# eval.sh - stoke eval over a tiny random model: its contract and what is refused.
. "$(dirname "$0")/lib.sh"
m=tests/golden/tiny.gguf
d=tests/golden/eval
ev() { "$stoke" eval -m "$m" "$@"; }

t "a row for each suite" 0 '^choice +choice +4 +25\.0 \+- 25\.0 +50\.0 \+- 28\.9 ' \
    "$stoke" eval -m "$m" "$d/choice.jsonl" "$d/exact.jsonl"
grep -qE '^exact +exact +2 +0\.0 \+- 0\.0 +- +- ' "$tmp/out"
result "no share by bytes where there are no options"
grep -qE '^centred accuracy, mean of 2 suites: -?[0-9.]+$' "$tmp/out"
result "the mean below"
ev --json "$d"/*.jsonl --answer-tokens 5 -o "$tmp/items" >"$tmp/a"
result "--json"
python3 - "$tmp/a" "$tmp/items" <<'PY'
import json, sys
a = json.load(open(sys.argv[1]))
items = [json.loads(l) for l in open(sys.argv[2], encoding="utf-8")]
assert [s["suite"] for s in a["suites"]] == ["answer", "choice", "exact", "schema"], a
assert [s["items"] for s in a["suites"]] == [2, 4, 2, 2]
assert a["suites"][0]["bits_per_byte"] is None and a["suites"][3]["acc_byte"] is None
assert [i["line"] for i in items] == [1, 2, 1, 2, 3, 5, 1, 2, 1, 2]
assert items[5]["right"] and items[5]["gold"] == 2 and len(items[5]["options"]) == 3
PY
result "JSON is what it says"
ev --json "$d"/*.jsonl --answer-tokens 5 -o "$tmp/items1" -b 1 -t 1 >"$tmp/a1"
cmp -s "$tmp/a" "$tmp/a1" && cmp -s "$tmp/items" "$tmp/items1"
result "the same to the last digit one at a time and with one thread"
ev --json -k 1 "$d/choice.jsonl" >"$tmp/k1"
ev --json -k 1 "$d/choice.jsonl" | cmp -s - "$tmp/k1"
result "examples are drawn alike every time"
ev --json -k 1 --seed 2 "$d/choice.jsonl" | sed 's/"seed":2/"seed":1/' | cmp -s - "$tmp/k1"
[ $? = 1 ]
result "and by the seed"
t "--limit" 0 '^choice +choice +2 ' "$stoke" eval -m "$m" -n 2 "$d/choice.jsonl"
for i in 1 2 3 4 5 6 7 8 9 10; do
    echo "the man in the sea and the one in the other; $i"
done >"$tmp/text"
"$stoke" perplexity -m "$m" -f "$tmp/text" -c 64 | sed -n 's/^bits per byte //p' >"$tmp/bits"
t "--text as perplexity has it" 0 "text: $(cat "$tmp/bits") bits per byte" \
    "$stoke" eval -m "$m" -f "$tmp/text" -c 64
t "--chat" 0 '^choice ' "$stoke" eval -m "$m" --chat "$d/choice.jsonl"

printf '%s\n' '{"prompt":"a","accept":{"regex":"x*"}}' '{"prompt":"b","accept":{"one_of":"no such answer"}}' >"$tmp/replies.jsonl"
t "answers that are accepted" 0 '^replies +reply +2 +50\.0 \+- ' \
    "$stoke" eval -m "$m" --chat --answer-tokens 4 "$tmp/replies.jsonl"
"$stoke" eval -m "$m" --answer-tokens 4 "$tmp/replies.jsonl" -o "$tmp/items" >/dev/null &&
    grep -qE '^\{"suite":"replies.jsonl","line":1,"right":true,"ids":\[[0-9,]+\],"text":' "$tmp/items"
result "their lines have the text"
t "of which there are no examples" 2 'replies.jsonl: many answers are accepted' \
    "$stoke" eval -m "$m" -k 1 "$tmp/replies.jsonl"

t "nothing to do" 2 'needs a suite' "$stoke" eval -m "$m"
t "a suite that is not there" 66 'no-such' "$stoke" eval -m "$m" no-such
sed 2s/query/qwery/ "$d/choice.jsonl" >"$tmp/bad.jsonl"
t "a missing field is named with its line" 65 'bad.jsonl:2: "query" is missing' \
    "$stoke" eval -m "$m" "$tmp/bad.jsonl"
sed '2s/}$//' "$d/choice.jsonl" >"$tmp/bad.jsonl"
t "a broken line" 65 'bad.jsonl:2: JSON line 1' "$stoke" eval -m "$m" "$tmp/bad.jsonl"
: >"$tmp/empty.jsonl"
t "an empty file" 65 'empty.jsonl: there is no item' "$stoke" eval -m "$m" "$tmp/empty.jsonl"
t "more examples than there are" 2 'choice.jsonl: 4 examples' \
    "$stoke" eval -m "$m" -k 4 "$d/choice.jsonl"
t "an exact text as a chat" 2 'as a chat' "$stoke" eval -m "$m" --chat "$d/exact.jsonl"
echo '{"prompt":"def f():","entry_point":"f"}' >"$tmp/code.jsonl"
t "programs are not run" 69 'code.jsonl:1: .*programs' "$stoke" eval -m "$m" "$tmp/code.jsonl"
t "an unwritable place for --items" 66 'nowhere' \
    "$stoke" eval -m "$m" -o "$tmp/nowhere/x" "$d/exact.jsonl"
finish
