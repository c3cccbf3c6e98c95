#!/bin/sh
# adapter.sh - tune --lora, --qlora and --dpo from the outside: the adapter, the merged model, stops
# and threads, bases of other types and Hugging Face folders, preferences, what is refused.
. "$(dirname "$0")/lib.sh"

yes 'The quick brown fox jumps over the lazy dog; who can say why it does?' |
    awk '{ print NR ". " $0; if (NR % 9 == 0) print "<|endoftext|>" }' | head -200 >"$tmp/text"
awk 'BEGIN { for (i = 0; i < 60; i++)
    printf "{\"messages\":[{\"role\":\"user\",\"content\":\"say %d\"},{\"role\":\"assistant\",\"content\":\"fox %d\"}]}\n", i, i }' \
    >"$tmp/chat"
"$stoke" train --data "$tmp/text" --out "$tmp/base" --steps 10 --dim 64 --layers 2 --heads 2 \
    --kv-heads 1 --ffn 96 --vocab 300 --context 64 --batch 128 >/dev/null 2>&1
result "a base is trained"

# lora DIR BASE FLAGS...: an adapter of 6 steps into $tmp/DIR.
lora() {
    dir=$1 base=$2
    shift 2
    "$stoke" tune -m "$base" --data "$tmp/chat" --valid "$tmp/chat" --out "$tmp/$dir" --lora 4 \
        --lr 0.01 --steps 6 --batch 128 --save-every 2 "$@" >"$tmp/out" 2>&1
}
sum() { (cd "$tmp/$1" && sha256sum adapter.gguf checkpoint.stk); }

lora a "$tmp/base/model.gguf" --threads 1
result "an adapter is trained"
[ ! -e "$tmp/a/model.gguf" ]
result "no model is written that was not asked for"
"$stoke" generate -m "$tmp/base/model.gguf" --lora "$tmp/a/adapter.gguf" -p "say 3" -n 4 --temp 0 \
    >"$tmp/with"
result "the model answers with it"
lora b "$tmp/base/model.gguf" --threads 2 --merge
[ "$(sum a)" = "$(sum b)" ]
result "two threads make the same bytes as one"
"$stoke" generate -m "$tmp/b/model.gguf" -p "say 3" -n 4 --temp 0 | cmp -s - "$tmp/with"
result "the merged model says what base and adapter say"
grep -q '"bits_per_byte"' "$tmp/b/log.jsonl"
result "held-out loss is measured"

# A run that is done is left alone; one that lacks its result makes it again.
rm "$tmp/a/adapter.gguf"
lora a "$tmp/base/model.gguf" --resume
[ "$(sum a)" = "$(sum b)" ]
result "a lost adapter is made again from the checkpoint"
lora a "$tmp/base/model.gguf" --resume --lora-alpha 3
grep -q 'lora-alpha' "$tmp/out"
result "another alpha is refused by name"

# ---- bases of other types ----
for type in Q8_0 Q4_0; do
    "$stoke" quantize "$tmp/base/model.gguf" "$tmp/$type.gguf" $type >/dev/null 2>&1
    lora "q$type" "$tmp/$type.gguf" --qlora
    result "an adapter over $type"
    "$stoke" generate -m "$tmp/$type.gguf" --lora "$tmp/q$type/adapter.gguf" -p "say 3" -n 4 --temp 0 \
        >/dev/null
    result "$type answers with it"
done
"$stoke" convert "$tmp/base/model.gguf" "$tmp/hf" >/dev/null 2>&1
lora fromhf "$tmp/hf" --name same
result "an adapter over a Hugging Face folder"
lora fromgguf "$tmp/base/model.gguf" --name same
cmp -s "$tmp/fromhf/adapter.gguf" "$tmp/fromgguf/adapter.gguf"
result "it is that over the GGUF"

# ---- preferences ----
awk 'BEGIN { for (i = 0; i < 40; i++)
    printf "{\"prompt\":\"say %d\",\"chosen\":\"fox %d\",\"rejected\":\"dog %d\"}\n", i, i, i }' >"$tmp/pairs"
# prefer DIR FLAGS...: 8 steps of preferences into $tmp/DIR.
prefer() {
    dir=$1
    shift
    "$stoke" tune -m "$tmp/base/model.gguf" --dpo --data "$tmp/pairs" --valid "$tmp/pairs" \
        --out "$tmp/$dir" --lr 0.01 --steps 8 --batch 256 --save-every 2 --eval-every 8 "$@" \
        >"$tmp/out" 2>&1
}
prefer p --json --threads 1
result "preferences are learned"
grep '"event":"eval"' "$tmp/out" | head -1 | grep -q '"val_loss":0.693147'
result "the loss begins at log 2"
grep '"event":"eval"' "$tmp/out" | tail -1 | grep -qE '"accuracy":1[,}].*"margin":[0-9]'
result "at the end the chosen answers are preferred"
prefer p2 --threads 2
cmp -s "$tmp/p/model.gguf" "$tmp/p2/model.gguf"
result "two threads make the same model"
rm "$tmp/p/model.gguf" && prefer p --resume && cmp -s "$tmp/p/model.gguf" "$tmp/p2/model.gguf"
result "a lost model is made again"
prefer p3 --lora 4 --merge
result "preferences and an adapter"
rm "$tmp/p2/reference.stk" "$tmp/p2/model.gguf"
prefer p2 --resume
grep -q "reference.stk" "$tmp/out"
result "a lost reference is named"

# ---- what is refused ----
t "qlora without a rank" 2 'lora RANK' "$stoke" tune -m "$tmp/base/model.gguf" --data "$tmp/chat" \
    --out "$tmp/x" --qlora
t "targets that are none" 2 'heads' "$stoke" tune -m "$tmp/base/model.gguf" --data "$tmp/chat" \
    --out "$tmp/x" --lora 2 --lora-targets q,heads
finish
