#!/bin/sh
# tokenize.sh - stoke tokenize: there and back byte for byte, special tokens, ids that are none, bad files.
. "$(dirname "$0")/lib.sh"
model=tests/fuzz/corpus/gguf/vocab # the 256 bytes, three merges, <|endoftext|> 259, <|im_start|> 260, <|im_end|> 261

# ids NAME STDIN WANT FLAG...: what tokenize prints for a text, exactly.
ids() {
    name=$1 text=$2 want=$3
    shift 3
    printf "$text" | "$stoke" tokenize -m $model "$@" >"$tmp/out" 2>&1 && [ "$(cat "$tmp/out")" = "$want" ]
    result "$name" || sed 's/^/# /' "$tmp/out"
}

# back NAME FILE: the file goes there and back.
back() {
    "$stoke" tokenize -m $model <"$2" >"$tmp/ids" &&
        "$stoke" tokenize -m $model --decode <"$tmp/ids" | cmp - "$2"
    result "$1"
}

# fails NAME STATUS PATTERN STDIN FLAG...: a sentence and a status.
fails() {
    name=$1 want=$2 pattern=$3 text=$4
    shift 4
    printf "$text" | "$stoke" tokenize "$@" >"$tmp/out" 2>&1
    [ $? = "$want" ] && grep -qE -- "$pattern" "$tmp/out"
    result "$name" || sed 's/^/# /' "$tmp/out"
}

ids "letters" 'abc' '97 98 99'
ids "nothing is an empty line" '' ''
ids "as JSON" 'ab' '[97, 98]' --json
ids "nothing as JSON" '' '[]' --json
ids "a marker is text" '<|im_end|>' '60 124 105 109 95 101 110 100 124 62'
ids "unless asked for" 'a<|im_end|>' '97 261' --parse-special
ids "this model adds nothing at the ends" 'a' '97' --add-special
ids "ids to text" '97 98\n99' 'abc' --decode
ids "JSON back to text" '[97, 98]\n' 'ab' --decode
ids "a special id is its text" '261' '<|im_end|>' --decode
ids "text as JSON" '97 34' '"a\""' --decode --json

head -c 200000 "$stoke" >"$tmp/random"
back "machine code" "$tmp/random"
printf '\000\377\355\240\200 \r\n\t\360\237\232\242 x' >"$tmp/odd"
back "NUL, broken UTF-8, control characters" "$tmp/odd"
: >"$tmp/empty"
back "nothing" "$tmp/empty"
printf '\050\265\057\375looks packed' >"$tmp/packed"
back "what looks packed is not unpacked" "$tmp/packed"
head -c 300000 /dev/zero | tr '\0' a >"$tmp/run"
back "one long word" "$tmp/run"

fails "an id past the last" 2 'past the last of 262' '262' -m $model --decode
fails "a huge id" 2 'past the last' '99999999999999999999999' -m $model --decode
fails "a negative id" 2 'byte 3 .* no part of a token id' '97 -1' -m $model --decode
fails "a word" 2 'no part of a token id' 'abc' -m $model --decode
fails "no model" 2 'model' '' --json
fails "a model that is not there" 66 'nonesuch' '' -m nonesuch
fails "a file that is no GGUF" 65 'not a GGUF' '' -m "$tmp/random"
head -c 1000 $model >"$tmp/cut.gguf"
fails "a file cut short" 65 'cut.gguf' '' -m "$tmp/cut.gguf"
fails "a GGUF without a tokenizer" 66 'tokenizer.ggml.model' '' -m tests/fuzz/corpus/gguf/tensors
t "a full disk" 73 'No space left' sh -c '"$0" tokenize -m "$1" <"$2" >/dev/full' "$stoke" $model "$tmp/run"

# A Hugging Face folder.
mkdir "$tmp/folder" && cp tests/fuzz/corpus/hf_json/bytes "$tmp/folder/tokenizer.json"
model=$tmp/folder
ids "a folder with tokenizer.json" 'the the' '257 259'
ids "what its template adds" 'the' '300 257' --add-special
printf '{"model": {"type": "BPE"' >"$tmp/folder/tokenizer.json"
fails "a damaged tokenizer.json" 65 'tokenizer.json, line 1' '' -m "$tmp/folder"
finish
