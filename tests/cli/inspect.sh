#!/bin/sh
# inspect.sh - stoke inspect: any GGUF, in parts too, for people and for programs.
. "$(dirname "$0")/lib.sh"
m=tests/golden/tiny.gguf

t "totals by type" 0 '^F32 +[0-9]+ tensors +[0-9]+ parameters +[0-9]+ bytes  32\.00 bits' \
    "$stoke" inspect "$m"
t "only keys" 0 '^general\.architecture += "qwen3"$' "$stoke" inspect "$m" --keys
t "only tensors" 0 '^token_embd\.weight +BF16 .*\[16, 267\]$' "$stoke" inspect "$m" --tensors
t "JSON has types and files" 0 '"files":1,.*"types":\{"BF16":\{"tensors":[0-9]+,' \
    "$stoke" inspect "$m" --json
t "JSON arrays say what they are" 0 \
    '"tokenizer.ggml.tokens":\{"type":"str","length":267,"values":\["' "$stoke" inspect "$m" --json
t "not a GGUF" 65 'not a GGUF' "$stoke" inspect README.md
t "a file of any program's making" 0 'arrays|keys' "$stoke" inspect tests/fuzz/corpus/gguf/nested

# two files of one model, made by hand: little-endian GGUF with split.* keys and no tensors
key() { # NAME TYPE BYTES (octal escapes): one key
    printf "\\$(printf %03o ${#1})\\0\\0\\0\\0\\0\\0\\0$1\\$(printf %03o "$2")\\0\\0\\0$3"
}
part() { # NUMBER
    printf 'GGUF\3\0\0\0\0\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0'
    key split.no 2 "\\$(printf %03o "$1")\\0"
    key split.count 2 '\2\0'
    key split.tensors.count 5 '\0\0\0\0'
}
part 0 >"$tmp/m-00001-of-00002.gguf"
t "a missing part is named" 66 'file 2 of 2.*m-00002-of-00002.gguf' \
    "$stoke" inspect "$tmp/m-00001-of-00002.gguf"
t "one file alone" 0 'split.count += 2' "$stoke" inspect --one "$tmp/m-00001-of-00002.gguf"
part 1 >"$tmp/m-00002-of-00002.gguf"
t "all files by the first" 0 ', 2 files$' "$stoke" inspect "$tmp/m-00001-of-00002.gguf"
t "a later file by itself" 0 'split.no += 1' "$stoke" inspect "$tmp/m-00002-of-00002.gguf"
finish
