#!/bin/sh
# perplexity.sh - stoke perplexity over a tiny random model: its contract and what is refused.
. "$(dirname "$0")/lib.sh"
m=tests/golden/tiny.gguf
for i in 1 2 3 4 5 6 7 8 9 10; do
    echo "the man in the sea and the one in the other; $i"
done >"$tmp/text"
p() { "$stoke" perplexity -m "$m" -f "$tmp/text" -c 64 "$@"; }

t "--json is exactly three members" 0 \
    '^\{"perplexity":[0-9.]+,"bits_per_byte":[0-9.]+,"tokens":[0-9]+\}$' \
    "$stoke" perplexity -m "$m" -f "$tmp/text" -c 64 --json
t "for people" 0 '^perplexity [0-9.]+ \+/- [0-9.]+$' \
    "$stoke" perplexity -m "$m" -f "$tmp/text" --context 64
p --json >"$tmp/a"
p --json -t 1 | cmp -s - "$tmp/a"
result "the same to the last digit with one thread"
p --json <"$tmp/text" -f - | cmp -s - "$tmp/a"
result "-f - reads standard input"
{ cat "$tmp/text" && echo; } >"$tmp/text2"
head -c -1 "$tmp/text" >"$tmp/text3"
"$stoke" perplexity -m "$m" -f "$tmp/text3" -c 64 --json | cmp -s - "$tmp/a"
result "one line feed at the end does not count"
k=$(p -c 16 --json | sed 's/.*"tokens":\([0-9]*\).*/\1/')
[ $((k % 7)) = 0 ]
result "seven of sixteen tokens"

echo short >"$tmp/short"
t "a text shorter than a window" 2 'at least one window of 64' \
    "$stoke" perplexity -m "$m" -f "$tmp/short" -c 64
t "windows longer than the model's context" 2 'model' \
    "$stoke" perplexity -m "$m" -f "$tmp/text" -c 100000
t "windows of no use" 2 'context' "$stoke" perplexity -m "$m" -f "$tmp/text" -c 3
t "no text" 2 'file' "$stoke" perplexity -m "$m"
t "a text that is not there" 66 'no-such' "$stoke" perplexity -m "$m" -f no-such
t "a model that is a text" 65 'tap.sh' "$stoke" perplexity -m tests/tap.sh -f "$tmp/text"
finish
