#!/bin/sh
# generate.sh - generate, logits and chat over a tiny random model: their contracts, that answers
# repeat, and what is refused.
. "$(dirname "$0")/lib.sh"
m=tests/golden/tiny.gguf
g() { "$stoke" generate -m "$m" "$@"; }

# ---- generate ----
t "--json is exactly five members" 0 \
    '^\{"text":".*","tokens":\[[0-9]+(,[0-9]+){7}\],"prompt_tokens":3,"prefill_tokens_per_s":[0-9.e+]+,"decode_tokens_per_s":[0-9.e+]+\}$' \
    "$stoke" generate -m "$m" -p "the!!" -n 8 --temp 0 --json
ids() { sed 's/.*"tokens":\[\([^]]*\)\].*/\1/' "$@"; }
g -p "in the" -n 40 --seed 7 --json | ids >"$tmp/a"
for threads in 1 2 3; do
    g -p "in the" -n 40 --seed 7 -t $threads --json | ids | cmp -s "$tmp/a"
    result "the same seed gives the same tokens with $threads threads"
done
! g -p "in the" -n 40 --seed 8 --json | ids | cmp -s "$tmp/a"
result "another seed gives others"
g -p "in the" -n 40 --temp 0 --seed 1 >"$tmp/a" && g -p "in the" -n 40 --temp 0 --seed 2 | cmp -s "$tmp/a"
result "greedy disregards the seed"
printf 'in the' | g -f - -n 40 --temp 0 | cmp -s "$tmp/a"
result "-f - reads the text from standard input"
[ "$(tail -c 1 "$tmp/a" | od -An -tx1 | tr -d ' ')" = 0a ]
result "the answer ends with a line feed"
g -p "in the" -n 60 --temp 0 --json | ids | tr ',' ' ' | "$stoke" tokenize -m "$m" --decode >"$tmp/b"
{ g -p "in the" -n 60 --temp 0 | head -c -1; } | cmp -s - "$tmp/b"
result "the text is the decoded tokens, byte for byte"
t "no text begins as a document begins" 0 '"prompt_tokens":1,' "$stoke" generate -m "$m" -p "" -n 2 --json
t "-n 0 makes nothing" 0 '"text":"","tokens":\[\],' "$stoke" generate -m "$m" -p a -n 0 --json
t "the end of the context ends the answer" 0 '"tokens":\[[0-9]+(,[0-9]+){4}\],"prompt_tokens":3' \
    "$stoke" generate -m "$m" -p "abc" -n 99 --temp 0 --context 8 --json
t "--chat answers a message" 0 '"prompt_tokens":1[0-9],' \
    "$stoke" generate -m "$m" --chat -p "a" -n 2 --json
t "--chat with --system is longer" 0 '"prompt_tokens":[23][0-9],' \
    "$stoke" generate -m "$m" --chat --system be -p "a" -n 2 --json
g -p "<|im_end|>" -n 1 --json | grep -q '"prompt_tokens":10,'
result "special tokens in the text are plain text"

t "neither -p nor -f" 2 'give the text' "$stoke" generate -m "$m"
t "both -p and -f" 2 'give the text' "$stoke" generate -m "$m" -p a -f "$m"
t "--system without --chat" 2 'goes with --chat' "$stoke" generate -m "$m" -p a --system b
t "no model" 2 'model' "$stoke" generate -p a
t "a model that is not there" 66 'no-such' "$stoke" generate -m no-such -p a
t "a model that is a text" 65 'tap.sh' "$stoke" generate -m tests/tap.sh -p a
t "a text that is not there" 66 'no-such' "$stoke" generate -m "$m" -f /no-such
t "a prompt longer than the context" 2 'context of 4' \
    "$stoke" generate -m "$m" -p "abcdefgh" --context 4
t "a prompt that fills the context" 2 'no room' "$stoke" generate -m "$m" -p "abcd" --context 4
for bad in "--temp -1" "--temp 101" "--temp x" "--top-p 1.5" "--top-p -1" "--min-p 2" "--top-k -1" \
    "--seed -1" "-n -1" "--context -1" "-n 1e99"; do
    # shellcheck disable=SC2086
    t "refused: $bad" 2 "${bad%% *}|tokens|must|number" "$stoke" generate -m "$m" -p a $bad
done
head -c 3000 "$m" >"$tmp/cut.gguf"
t "a model cut short" 65 'cut.gguf' "$stoke" generate -m "$tmp/cut.gguf" -p a
t "a full disk" 73 'No space' sh -c '"$0" generate -m "$1" -p a -n 9 --temp 0 >/dev/full' "$stoke" "$m"
t "SIGINT stops the answer" 130 'stopped' sh -c \
    '"$0" generate -m "$1" -p a -n 60000 --temp 0 >/dev/null & sleep 0.5; kill -INT $!; wait $!' \
    "$stoke" "$m"

# ---- samplers ----
g -p "in the" -n 40 --temp 0 --json | ids >"$tmp/a"
first=$(cut -d, -f1 "$tmp/a")
for same in "--top-k 5" "--top-p 0.5" "--min-p 0.3" "--repeat-last-n 0 --repeat-penalty 3" \
    "--mirostat 2" "--xtc-probability 1 --xtc-threshold 0.6" "--dry-multiplier 1 --dry-last-n 0"; do
    # shellcheck disable=SC2086
    g -p "in the" -n 40 --temp 0 --json $same | ids | cmp -s - "$tmp/a"
    result "the likeliest stays so under $same"
done
for other in "--repeat-penalty 1.5" "--frequency-penalty 1" "--presence-penalty 1" \
    "--dry-multiplier 1 --dry-allowed-length 0" "--typical-p 0.02" \
    "--xtc-probability 1 --xtc-threshold 0.01" "--logit-bias 5=100"; do
    # shellcheck disable=SC2086
    ! g -p "in the" -n 40 --temp 0 --json $other | ids | cmp -s - "$tmp/a"
    result "and changes under $other"
done
g -p "in the" -n 40 --temp 0 --json --logit-bias "$first=-inf" 3=1 | ids | tr ',' '\n' | grep -qx "$first"
[ $? -eq 1 ]
result "a banned token never comes"
for how in "--temp 0" "--temp 0.9 --seed 5" "--mirostat 2 --temp 1" "--temp 1 --repeat-penalty 1.1 --dry-multiplier 0.5"; do
    # shellcheck disable=SC2086
    g -p "in the" -n 60 $how >"$tmp/a"
    for guess in "--lookup" "--draft $m" "--draft $m --draft-max 3 --draft-min-p 0 --lookup"; do
        # shellcheck disable=SC2086
        g -p "in the" -n 60 $how $guess | cmp -s - "$tmp/a"
        result "the same text with $guess ($how)"
    done
done
t "guesses are counted" 0 '"steps":[0-9]+,"guessed":[0-9]+,"guessed_right":[0-9]+\}$' \
    "$stoke" generate -m "$m" -p "in the" -n 50 --temp 0 --lookup --json
t "--logprobs" 0 '"logprobs":\[\{"id":[0-9]+,"text":"[^"]*","logprob":-[0-9.]+,"top":\[(\{"id":[0-9]+,"text":"[^"]*","logprob":-[0-9.]+\},?){2}\]\}\]\}' \
    "$stoke" generate -m "$m" -p "in the" -n 1 --json --logprobs 2
t "--logprobs 0 is of the chosen ones" 0 '"top":\[\]\}\]\}$' \
    "$stoke" generate -m "$m" -p "in the" -n 3 --json --logprobs 0
g -p "in the" -n 60 --temp 0 >"$tmp/a"
stop=$(tr -cd 'A-Za-z' <"$tmp/a" | cut -c1)
[ -n "$stop" ] && g -p "in the" -n 60 --temp 0 --stop "$stop" zzzz | head -c -1 >"$tmp/b" &&
    ! grep -q "$stop" "$tmp/b" && head -c "$(wc -c <"$tmp/b")" "$tmp/a" | cmp -s - "$tmp/b"
result "--stop ends before its text"
t "five texts to stop at" 2 'up to 4' "$stoke" generate -m "$m" -p a --stop a b c d e
t "--logprobs without --json" 2 'goes with --json' "$stoke" generate -m "$m" -p a --logprobs 1
t "a draft that is not there" 66 'no-such' "$stoke" generate -m "$m" -p a --draft no-such
for bad in "--logit-bias 1" "--logit-bias x=1" "--logit-bias 1=x" "--logit-bias 1=nan" "--logit-bias 1=inf" \
    "--logit-bias 1=1x" "--logit-bias -1=1" "--typical-p 2" "--mirostat 1" "--mirostat 3" "--repeat-penalty -1" \
    "--xtc-threshold 1.1" "--dry-base nan" "--draft-max 0" "--draft-max 65" "--logprobs 101"; do
    # shellcheck disable=SC2086
    t "refused: $bad" 2 "${bad%% *}|must" "$stoke" generate -m "$m" -p a --json $bad
done

# ---- logits ----
t "logits" 0 '^$' sh -c 'echo; "$0" logits -m "$1" --ids "1 2,3" -o "$2/l.npy"' "$stoke" "$m" "$tmp"
head -c 128 "$tmp/l.npy" | tr -d '\0' | grep -aqE "NUMPY.*'descr': '<f4'.*'fortran_order': False.*'shape': \(3, 267\)" &&
    [ "$(wc -c <"$tmp/l.npy")" -eq $((128 + 3 * 267 * 4)) ]
result "the file is float32 [3, 267]"
"$stoke" logits -m "$m" --ids "1 2 3 4 5" -o "$tmp/l5.npy" && cp "$tmp/l5.npy" "$tmp/x" &&
    tail -c +129 "$tmp/l5.npy" | head -c $((3 * 267 * 4)) >"$tmp/x" && tail -c +129 "$tmp/l.npy" | cmp -s - "$tmp/x"
result "later tokens change no earlier row"
for bad in "" "x" "1 x" "1 2x" "-1" "1.5" "99999999999999999999" ","; do
    t "--ids \"$bad\" is refused" 2 'ids' "$stoke" logits -m "$m" --ids "$bad" -o "$tmp/no.npy"
done
t "an id beyond the vocabulary" 2 '267' "$stoke" logits -m "$m" --ids 267 -o "$tmp/no.npy"
t "a folder that is not there" 66 'no-such' "$stoke" logits -m "$m" --ids 1 -o /no-such/x.npy
[ ! -e "$tmp/no.npy" ]
result "nothing is written on failure"

# ---- chat ----
c() { "$stoke" chat -m "$m" -n 5 --temp 0 "$@"; }
printf 'a\nb\n' | c >"$tmp/c2" && printf 'a\n' | c >"$tmp/c1" && head -n "$(wc -l <"$tmp/c1")" "$tmp/c2" | cmp -s - "$tmp/c1"
result "two messages, two answers, the first as if alone"
printf 'a\n/reset\na\n/exit\nb\n' | c >"$tmp/c3" && cat "$tmp/c1" "$tmp/c1" | cmp -s - "$tmp/c3"
result "/reset forgets and /exit leaves"
printf '/help\n/nonsense\n\n' | c >"$tmp/c4" && [ "$(grep -c '^/reset' "$tmp/c4")" = 2 ] && grep -q 'no such command' "$tmp/c4"
result "/help, an unknown command, an empty line"
printf 'a' | c | cmp -s - "$tmp/c1"
result "a last line without its end counts"
yes hello | head -n 40 | c --context 64 >"$tmp/c5" 2>"$tmp/c5e" && grep -q forgotten "$tmp/c5e"
result "a long conversation forgets its beginning and goes on"
{ printf '%0400d\n' 0; echo a; } | c --context 64 >"$tmp/c6" 2>"$tmp/c6e" && grep -q 'no room' "$tmp/c6e" && cmp -s "$tmp/c6" "$tmp/c1"
result "a message too long for the context is refused, the next one answered"
finish
