#!/bin/sh
# data.sh - stoke data: builds from files, folders and stdin, what is refused, kills, a full disk.
. "$(dirname "$0")/lib.sh"

for i in 1 2 3 4 5 6 7 8 9; do
    echo "The quick brown fox number $i jumps over $i lazy dogs; who can say why it does? $i$i$i times."
    [ $((i % 3)) -eq 0 ] && echo '<|endoftext|>'
done >"$tmp/text"
sed 's/fox/hen/' "$tmp/text" >"$tmp/other.txt"
"$stoke" train --data "$tmp/text" --out "$tmp/tok" --vocab 270 --steps 1 --dim 32 --layers 1 --heads 4 \
    --kv-heads 2 --ffn 48 --context 32 --batch 64 -q >/dev/null
T="--tokenizer $tmp/tok/tokenizer.gguf"
# build DIR ARGS...: a data set in $tmp/DIR.
build() {
    dir=$1
    shift
    # shellcheck disable=SC2086 # two words
    "$stoke" data build $T --out "$tmp/$dir" "$@"
}

# ---- what it makes ----
t "a text" 0 '/a: 3 documents, [0-9]+ tokens, [0-9.]+ bytes each' build a "$tmp/text"
t "it is whole" 0 'train: 3 documents, [0-9]+ tokens, whole' "$stoke" data check "$tmp/a"
t "--json of check" 0 '^\{"train":\{"documents":3,"tokens":[0-9]+\},"valid":\{"documents":0' \
    "$stoke" data check "$tmp/a" --json
sum=$(sha256sum <"$tmp/a/train-00000.tok" | cut -d' ' -f1)
grep -q "\"sha256\": \"$sum\"" "$tmp/a/manifest.json" &&
    grep -q "\"sha256\": \"$(sha256sum <"$tmp/text" | cut -d' ' -f1)\"" "$tmp/a/manifest.json"
result "the manifest has the hashes of shard and input"
for threads in 1 2 3; do
    build "t$threads" "$tmp/text" "$tmp/other.txt" --valid 0.3 --shard-tokens 100 -t $threads -q >/dev/null &&
        diff -r "$tmp/t1" "$tmp/t$threads" >/dev/null
    result "the same bytes with $threads threads"
done
mkdir "$tmp/in" "$tmp/in/b"
gzip <"$tmp/text" >"$tmp/in/b/one.txt.gz"
cp "$tmp/other.txt" "$tmp/in/a.txt"
cp "$tmp/text" "$tmp/in/passed.over"
printf '{"text":"a line"}\n{"text":5}\n{"text":"another \377 line"}\n{"text":""}\n' >"$tmp/in/c.jsonl"
t "a folder" 0 '"files":3,"files_left_out":1,"documents":8,.*"empty":1,"skipped_lines":1,.*"mended_utf8":1' \
    build folder "$tmp/in" --json
t "a broken line is named" 0 'in/c.jsonl:2: .*not a string.*skipped' build named "$tmp/in"
t "none are allowed" 65 'in/c.jsonl:2: .*more than 0 broken lines' build none "$tmp/in" --max-bad 0
build piped -q - <"$tmp/text" >/dev/null && cmp -s "$tmp/piped/train-00000.tok" "$tmp/a/train-00000.tok"
result "standard input gives the same shard"
t "duplicates go" 0 '3 duplicates' build dup "$tmp/text" "$tmp/in/b/one.txt.gz"
t "and stay when asked to" 0 ' 6 documents, [0-9]+ tokens' build dup2 "$tmp/text" "$tmp/in/b/one.txt.gz" --dedup none
yes 'some words that go on and on, never the same number' | head -40 | cat -n >"$tmp/long.txt"
sed 's/17/seventeen/' "$tmp/long.txt" >"$tmp/near.txt"
t "near-duplicates go" 0 '1 near-duplicates' build near "$tmp/long.txt" "$tmp/near.txt"
t "unless only exact ones are to" 0 ' 2 documents, [0-9]+ tokens' build near2 "$tmp/long.txt" "$tmp/near.txt" --dedup exact
t "a mix" 0 '"weight": 0.75' sh -c '"$@" >/dev/null && cat "$0"' "$tmp/mix/manifest.json" \
    "$stoke" data build $T --out "$tmp/mix" x="$tmp/text" y="$tmp/other.txt" --mix x=3,y=1

# ---- training on it ----
run() {
    "$stoke" train --vocab 270 --steps 4 --dim 32 --layers 1 --heads 4 --kv-heads 2 --ffn 48 --context 16 \
        --batch 32 -q "$@"
}
run --data "$tmp/a" --out "$tmp/r1" >/dev/null &&
    run --data "$tmp/text" $T --out "$tmp/r2" >/dev/null && cmp -s "$tmp/r1/model.gguf" "$tmp/r2/model.gguf"
result "a model of a data set is that of its text"
t "held-out documents of the set" 0 '"bits_per_byte":[0-9]' run --data "$tmp/t1" --out "$tmp/r3" --json
t "two of them" 2 'is a data set and' run --data "$tmp/a" "$tmp/t1" --out "$tmp/r4"
cp -r "$tmp/a" "$tmp/cut" && head -c 100 "$tmp/a/train-00000.tok" >"$tmp/cut/train-00000.tok"
t "a shard cut short" 65 'train-00000.tok.*cut short' run --data "$tmp/cut" --out "$tmp/r5"
t "check says so" 65 'train-00000.tok' "$stoke" data check "$tmp/cut"

# ---- refused ----
t "no tokenizer" 2 '--tokenizer' "$stoke" data build "$tmp/text" --out "$tmp/x"
t "nothing to read" 2 'files or folders' build x
t "an empty text" 2 'no text' build x /dev/null
t "a folder that holds a data set" 73 'already' build a "$tmp/text"
t "a folder of other files" 73 'other files' build tok "$tmp/text"
t "no such file" 66 'no-such' build x /no-such
cp "$tmp/text" "$tmp/x.parquet"
t "Parquet, with a hint" 69 'duckdb.*python' build x "$tmp/x.parquet"
head -c 100 "$tmp/in/b/one.txt.gz" >"$tmp/cut.gz"
t "a gzip file cut short" 65 'ends early' build x "$tmp/cut.gz"
if command -v zstd >/dev/null; then
    zstd -q <"$tmp/text" | head -c 100 >"$tmp/cut.zst"
    t "a zstd file cut short" 65 'ends early' build x "$tmp/cut.zst"
fi
t "a mix of unknown sources" 2 'no source z' build x "$tmp/text" --mix z=1
t "a word that is no command" 2 'data build' "$stoke" data make "$tmp/text"
t "a check of nothing" 66 'no finished data set' "$stoke" data check "$tmp/x"

# ---- killed, stopped, full ----
for nth in 1 4 7 10; do
    SK_FAULT=kill:$nth build k "$tmp/text" "$tmp/other.txt" --valid 0.3 --shard-tokens 100 >/dev/null 2>&1
    [ ! -e "$tmp/k/manifest.json" ]
    result "killed at write $nth: no data set"
done
build k "$tmp/text" "$tmp/other.txt" --valid 0.3 --shard-tokens 100 -q >/dev/null && diff -r "$tmp/k" "$tmp/t1" >/dev/null
result "and the next build leaves nothing of it"
if mkdir "$tmp/small" && mount -t tmpfs -o size=8k tmpfs "$tmp/small" 2>/dev/null; then
    t "a disk that is full" 73 '[Nn]o space' build small/d "$tmp/text"
    umount "$tmp/small"
else
    echo "ok $((n = n + 1)) - a disk that is full # SKIP mounting is not allowed"
fi
finish
