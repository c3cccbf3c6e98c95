#!/bin/sh
# train_bad.sh - what goes wrong around a training run: disks, folders, data.  Each is told in a
# sentence, and what was done before is still there.
. "$(dirname "$0")/lib.sh"

yes 'The quick brown fox jumps over the lazy dog; who can say why it does? 1234567890 times.' |
    awk '{ print NR ". " $0; if (NR % 9 == 0) print "<|endoftext|>" }' | head -400 >"$tmp/text"
head -40 "$tmp/text" >"$tmp/valid"
shape="--dim 32 --layers 1 --heads 4 --kv-heads 2 --ffn 48 --vocab 300 --context 32 --batch 128"
# run DIR FLAGS...: a tiny run into $tmp/DIR.
run() {
    dir=$1
    shift
    # shellcheck disable=SC2086 # a list of words
    "$stoke" train --data "$tmp/text" --valid "$tmp/valid" --out "$tmp/$dir" --steps 12 --seed 3 \
        --save-every 3 --eval-every 4 $shape "$@"
}
sums() { (cd "$tmp/$1" && sha256sum model.gguf checkpoint.stk log.jsonl); }
run good --quiet && sums good >"$tmp/sums"
result "a run that nothing disturbs"

# ---- disks and folders ----
size=$(wc -c <"$tmp/good/checkpoint.stk")
if mkdir "$tmp/disk" && mount -t tmpfs -o size=$((size * 5 / 2 + 60000)) tmpfs "$tmp/disk" 2>/dev/null; then
    t "a disk that fills up during the run" 73 'No space left' run disk/r
    cp "$tmp/disk/r/checkpoint.stk" "$tmp/kept.stk"
    "$stoke" inspect "$tmp/kept.stk" >/dev/null 2>&1
    [ -s "$tmp/kept.stk" ] && [ ! -e "$tmp/disk/r/model.gguf" ] && ! ls "$tmp"/disk/r/*.tmp.* >/dev/null 2>&1
    result "its last whole checkpoint is there, and nothing half-written"
    mount -o remount,size=64m "$tmp/disk"
    run disk/r --resume --quiet && sums disk/r | cmp -s - "$tmp/sums"
    result "with more space it goes on to the same bytes"
    mount -o remount,ro "$tmp/disk"
    t "a folder that can't be written to" 77 'cannot (make|open|write).*Read-only file system' run disk/other
    t "nor gone on with" 77 'Read-only file system' run disk/r --resume
    umount "$tmp/disk"
else
    echo "ok $((n = n + 1)) - disks # SKIP mounting is not allowed"
fi
: >"$tmp/file"
t "a folder that is a file" 2 'a file is there' run file
mkdir -p "$tmp/taken/checkpoint.stk"
t "a folder where the checkpoint should be" 2 'checkpoint.stk is a folder' run taken --resume

# ---- data that changed ----
cp -r "$tmp/good" "$tmp/changed" && rm "$tmp/changed/model.gguf"
cp "$tmp/text" "$tmp/text.was" && echo 'One more line.' >>"$tmp/text"
t "a text that changed since the run began" 2 'another training text' run changed --resume
mv "$tmp/text.was" "$tmp/text"
run changed --resume --quiet && sums changed | cmp -s - "$tmp/sums"
result "with the text as it was it goes on"
"$stoke" data build "$tmp/text" --tokenizer "$tmp/good/tokenizer.gguf" --out "$tmp/set" --quiet >/dev/null
head -200 "$tmp/text" | "$stoke" data build - --tokenizer "$tmp/good/tokenizer.gguf" --out "$tmp/set2" --quiet >/dev/null
trainset() { "$stoke" train --data "$tmp/$1" --out "$tmp/ofset" --steps 4 --dim 32 --layers 1 --context 32 --batch 64 --quiet --resume; }
trainset set
result "a data set"
rm "$tmp/ofset/model.gguf"
t "another data set" 2 'another training text' trainset set2
shard=$(find "$tmp/set" -name '*train*' -type f | head -1)
printf '\377\377' | dd of="$shard" bs=1 seek=$(($(wc -c <"$shard") / 2)) conv=notrunc 2>/dev/null
t "a shard that was damaged" 65 'train.*damaged' trainset set

# ---- data that is hardly any ----
printf 'abc' >"$tmp/three"
t "three characters are too few for a vocabulary" 2 'merges' "$stoke" train --data "$tmp/three" --out "$tmp/x" --steps 3
"$stoke" train --data "$tmp/three" --out "$tmp/x" --steps 3 --dim 32 \
    --layers 1 --context 32 --batch 64 --tokenizer "$tmp/good/tokenizer.gguf" --quiet && [ -s "$tmp/x/model.gguf" ]
result "but a corpus, with a tokenizer given"
head -c 40000 /dev/urandom >"$tmp/noise"
"$stoke" train --data "$tmp/noise" --out "$tmp/y" --steps 3 --dim 32 --layers 1 \
    --context 32 --batch 64 --vocab 300 --quiet && [ -s "$tmp/y/model.gguf" ]
result "bytes that are no UTF-8"

# ---- a rate that is too high ----
t "a learning rate that diverges" 2 'diverged.*smaller learning rate' run wild --lr 1000 --weight-decay 1000 --steps 600
[ -s "$tmp/wild/checkpoint.stk" ] && [ ! -e "$tmp/wild/model.gguf" ]
result "its checkpoint is kept, and there is no model"

# ---- conversations ----
good='{"messages":[{"role":"user","content":"a?"},{"role":"assistant","content":"dog"}]}'
tune() { "$stoke" tune -m "$tmp/good/model.gguf" --data "$tmp/c.jsonl" --out "$tmp/u" --batch 128 --context 32; }
bad() { # bad NAME PATTERN LINE: a third line that is refused by its number
    printf '%s\n%s\n%b\n' "$good" "$good" "$3" >"$tmp/c.jsonl"
    t "conversations: $1" 2 "c.jsonl:3.*$2" tune
}
bad "a line cut short" '' '{"messages":[{"role":"user","content":"a'
bad "no JSON" '' 'hello'
bad "not UTF-8" '' '{"messages":[{"role":"user","content":"\377"},{"role":"assistant","content":"b"}]}'
bad "no messages" 'messages' '{"text":"a"}'
bad "a role that is none" 'role' '{"messages":[{"role":"king","content":"a"},{"role":"assistant","content":"b"}]}'
[ ! -e "$tmp/u/model.gguf" ] && [ ! -e "$tmp/u/checkpoint.stk" ]
result "nothing was written"
finish
