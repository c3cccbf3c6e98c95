#!/bin/sh
# tokenizer.sh - stoke tokenizer: the same file whatever the threads and the packing, figures, what is refused.
. "$(dirname "$0")/lib.sh"

yes 'The quick brown fox jumps over the lazy dog; who can say why it does? 1234567890 times.' |
    awk '{ print NR * 7919 % 1000 ". " $0; if (NR % 9 == 0) print "<|endoftext|>" }' | head -3000 >"$tmp/text"
gzip -c "$tmp/text" >"$tmp/text.gz"
train() { "$stoke" tokenizer train "$@"; }
eval_() { "$stoke" tokenizer eval "$@"; }

train "$tmp/text" --vocab 300 -o "$tmp/a.gguf" --json >"$tmp/json" 2>"$tmp/err" && [ ! -s "$tmp/err" ]
result "train ends with status 0 and says nothing on stderr"
grep -qE '^\{"file":".*/a.gguf","pre":"qwen2","vocab":300,"bytes":[0-9]+,"documents":3[0-9]+,"pieces":[0-9]+,"words":[0-9]+,"dropped_words":0,"dropped_pieces":0,"seconds":[0-9.e-]+\}$' \
    "$tmp/json"
result "its --json"

same() { train "$@" --vocab 300 -o "$tmp/b.gguf" --quiet >/dev/null && cmp "$tmp/a.gguf" "$tmp/b.gguf"; }
for threads in 1 2 3; do
    same "$tmp/text" -t $threads
    result "the same bytes with $threads threads"
done
same "$tmp/text.gz"
result "the same bytes from gzip"
same - <"$tmp/text"
result "the same bytes from standard input"
same - <"$tmp/text.gz"
result "the same bytes from gzip on standard input"
if command -v zstd >/dev/null; then
    zstd -qc "$tmp/text" | same -
    result "the same bytes from zstd"
fi
"$stoke" train --data "$tmp/text" --out "$tmp/run" --steps 1 --vocab 300 --dim 32 --layers 1 --heads 4 \
    --kv-heads 2 --ffn 48 --context 32 --batch 64 --quiet >/dev/null && cmp "$tmp/run/tokenizer.gguf" "$tmp/a.gguf"
result "the tokenizer that stoke train makes is the same"
awk 'NR <= 1500' "$tmp/text" >"$tmp/one" && awk 'NR > 1500' "$tmp/text" >"$tmp/two"
t "two files" 0 '300 tokens from 0.3 MB' train "$tmp/one" "$tmp/two" --vocab 300 -o "$tmp/c.gguf"

# ---- for other programs ----
mkdir "$tmp/hf"
t "tokenizer.json" 0 'tokenizer.json: 300' train "$tmp/text" --vocab 300 --pre llama-bpe -o "$tmp/hf/tokenizer.json"
[ -s "$tmp/hf/tokenizer_config.json" ]
result "and its configuration"
train "$tmp/text" --vocab 300 --pre llama-bpe -o "$tmp/l.gguf" >/dev/null
"$stoke" tokenize -m "$tmp/hf" <"$tmp/text" >"$tmp/ids" && "$stoke" tokenize -m "$tmp/l.gguf" <"$tmp/text" |
    cmp - "$tmp/ids"
result "encode as the GGUF does"
t "another name" 0 'other.json: 300' train "$tmp/text" --vocab 300 --pre llama-bpe -o "$tmp/other.json"
cmp "$tmp/other.json" "$tmp/hf/tokenizer.json"
result "is the same file"

# ---- eval ----
t "bytes per token" 0 "^ +[0-9]+ +[0-9]+ +[0-9]+ +[0-9.]+ +[0-9.]+%  .*/text$" eval_ -m "$tmp/a.gguf" "$tmp/text"
grep -qE ' words$' "$tmp/out" && grep -qE ' beyond-ascii$' "$tmp/out"
result "and by kind of token"
t "of several files" 0 '\(all\)$' eval_ -m "$tmp/a.gguf" "$tmp/text" "$tmp/one"
t "as JSON" 0 '^\{"vocab":300,"all":\{"text":"\(all\)","bytes":[0-9]+,.*"bytes_per_token":[0-9.]+,"kinds":\{"words":.*,"files":\[\{.*\},\{.*\}\]\}$' \
    eval_ -m "$tmp/a.gguf" "$tmp/text.gz" "$tmp/one" --json
cp "$tmp/out" "$tmp/want"
eval_ -m "$tmp/a.gguf" "$tmp/text.gz" "$tmp/one" --json -t 1 | cmp - "$tmp/want"
result "the same with one thread"
t "of a Hugging Face folder" 0 ' words$' eval_ -m "$tmp/hf" "$tmp/text"
if command -v python3 >/dev/null; then
    python3 -c 'import json, sys; [json.load(open(f)) for f in sys.argv[1:]]' "$tmp/json" "$tmp/want" "$tmp/hf/tokenizer.json"
    result "all JSON is JSON"
fi

# ---- memory ----
awk 'BEGIN { for (i = 0; i < 60000; i++) { s = ""; for (k = i * 7919 % 456976; k; k = int(k / 26)) s = s sprintf("%c", 97 + k % 26)
    print s, "steam engine" } }' >"$tmp/words"
t "rare words are forgotten" 0 'were forgotten to stay' train "$tmp/words" --vocab 300 --memory 1Mi -o "$tmp/m.gguf"
for threads in 1 2 3; do
    train "$tmp/words" --vocab 300 --memory 1Mi -o "$tmp/m$threads.gguf" -t $threads --quiet >/dev/null &&
        cmp "$tmp/m.gguf" "$tmp/m$threads.gguf"
    result "to the same file with $threads threads"
done

# ---- odd texts ----
head -c 100000 "$stoke" >"$tmp/code"
t "machine code" 0 '300 tokens' train "$tmp/code" --vocab 300 -o "$tmp/o.gguf"
"$stoke" tokenize -m "$tmp/o.gguf" <"$tmp/code" | "$stoke" tokenize -m "$tmp/o.gguf" --decode | cmp - "$tmp/code"
result "goes there and back"
printf 'aa' >"$tmp/tiny"
t "three letters" 0 '259 tokens' train "$tmp/tiny" --vocab 259 -o "$tmp/o.gguf"

# ---- refused ----
ls "$tmp" >"$tmp/before"
t "more tokens than the text has" 2 'at most' train "$tmp/tiny" --vocab 300 -o "$tmp/x.gguf"
: >"$tmp/empty"
t "an empty text" 2 'empty' train "$tmp/empty" --vocab 300 -o "$tmp/x.gguf"
t "too few tokens" 2 '259' train "$tmp/text" --vocab 100 -o "$tmp/x.gguf"
t "no --vocab" 2 '--vocab' train "$tmp/text" -o "$tmp/x.gguf"
t "no --out" 2 '--out' train "$tmp/text" --vocab 300
t "no file" 2 'train|eval FILE' train
t "neither train nor eval" 2 'neither train nor eval' "$stoke" tokenizer tran "$tmp/text"
t "an unknown pre-tokenizer" 2 'pre' train "$tmp/text" --vocab 300 --pre nonesuch -o "$tmp/x.gguf"
t "a text that is not there" 66 'no-such' train "$tmp/text" /no-such --vocab 300 -o "$tmp/x.gguf"
t "a folder that is not there" 66 'no-such' train "$tmp/text" --vocab 300 -o /no-such/x.gguf
head -c 2000 "$tmp/text.gz" >"$tmp/cut.gz"
t "a packed text cut short" 65 'cut.gz ends early' train "$tmp/cut.gz" --vocab 300 -o "$tmp/x.gguf"
t "eval without a model" 2 '--model' eval_ "$tmp/text"
t "eval with --out" 2 '--out is for' eval_ -m "$tmp/a.gguf" "$tmp/text" -o x
t "eval of no text" 2 'no text' eval_ -m "$tmp/a.gguf" "$tmp/empty"
t "eval with no tokenizer" 66 'no-such' eval_ -m /no-such "$tmp/text"
t "a full stdout" 73 'No space' sh -c '"$@" >/dev/full' sh "$stoke" tokenizer eval -m "$tmp/a.gguf" "$tmp/text"
rm "$tmp/empty" "$tmp/cut.gz" "$tmp/before" && [ -z "$(ls "$tmp" | grep -E '^x|tmp')" ]
result "refused commands leave no file behind"
if mkdir "$tmp/small" && mount -t tmpfs -o size=4k tmpfs "$tmp/small" 2>/dev/null; then
    t "a disk that is full" 73 '[Nn]o space' train "$tmp/text" --vocab 300 -o "$tmp/small/t.gguf"
    [ -z "$(ls "$tmp/small")" ]
    result "nothing is left on it"
    umount "$tmp/small"
else
    echo "ok $((n = n + 1)) - a disk that is full # SKIP mounting is not allowed"
fi
finish
