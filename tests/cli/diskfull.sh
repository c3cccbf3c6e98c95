#!/bin/sh
# diskfull.sh - the disk fills up at one write after the other: status 73, a sentence, nothing half
# written, and what was there before stays.  Checkpoints have train_bad.sh.
. "$(dirname "$0")/lib.sh"

yes 'The quick brown fox jumps over the lazy dog; who can say why it does?' |
    awk '{ print NR ". " $0; if (NR % 9 == 0) print "<|endoftext|>" }' | head -300 >"$tmp/text"
"$stoke" tokenizer train "$tmp/text" --vocab 300 -o "$tmp/tok.gguf" --quiet
"$stoke" train --data "$tmp/text" --tokenizer "$tmp/tok.gguf" --out "$tmp/run" --steps 2 --dim 32 --layers 1 --heads 2 \
    --kv-heads 1 --ffn 64 --context 32 --batch 64 --quiet
result "a tokenizer and a run"

# full NAME PROOF COMMAND...: COMMAND with every write from the nth on failing, n = 1, 2, 3, 5, 8, ..
# until it succeeds; $tmp/o is its output, anew for each.  The shell word PROOF must hold after a failure.
full() {
    name=$1 proof=$2
    shift 2
    bad=0 i=1 before=1 tries=0
    while [ $i -lt 5000 ]; do
        rm -rf "$tmp/o"
        mkdir "$tmp/o"
        SK_FAULT=write:$i+ "$@" >"$tmp/out" 2>&1 </dev/null
        rc=$?
        [ $rc -eq 0 ] && break
        tries=$((tries + 1))
        [ $rc -eq 73 ] && grep -q 'No space left on device' "$tmp/out" && eval "$proof" || bad=1
        ls -R "$tmp/o" | grep -q '\.tmp\.' && bad=1
        [ $bad -eq 0 ] || break
        next=$((i + before)) before=$i i=$next
    done
    [ $bad -eq 0 ] && [ $rc -eq 0 ] && [ $tries -gt 0 ]
    result "$name" || { echo "# write $i: status $rc"; sed 's/^/# /' "$tmp/out"; ls -R "$tmp/o" | sed 's/^/# /'; }
}

full "tokenizer train" '[ ! -e "$tmp/o/t.gguf" ]' "$stoke" tokenizer train "$tmp/text" --vocab 300 -o "$tmp/o/t.gguf" --quiet
full "tokenizer train to tokenizer.json" '[ ! -e "$tmp/o/tokenizer.json" ]' \
    "$stoke" tokenizer train "$tmp/text" --vocab 300 -o "$tmp/o/tokenizer.json" --quiet
full "data build" '[ ! -e "$tmp/o/set/manifest.json" ] && ! ls "$tmp"/o/set/*.tok >/dev/null 2>&1' \
    "$stoke" data build "$tmp/text" --tokenizer "$tmp/tok.gguf" --out "$tmp/o/set" --valid 0.2 --shard-tokens 500 --quiet
full "data build with a mix" '[ ! -e "$tmp/o/set/manifest.json" ] && ! ls "$tmp"/o/set/*.tok >/dev/null 2>&1' \
    "$stoke" data build "a=$tmp/text" --mix a=1 --tokenizer "$tmp/tok.gguf" --out "$tmp/o/set" --quiet
full "export" '[ ! -e "$tmp/o/m.gguf" ]' "$stoke" export "$tmp/run" "$tmp/o/m.gguf" --type Q8_0 --quiet
full "export to a folder" '[ ! -e "$tmp/o/hf/config.json" ]' "$stoke" export "$tmp/run" "$tmp/o/hf" --type BF16 --quiet
full "quantize" '[ ! -e "$tmp/o/q.gguf" ]' "$stoke" quantize "$tmp/run/model.gguf" "$tmp/o/q.gguf" Q8_0 --quiet

# What was there before.
for what in tokenizer export; do
    [ $what = tokenizer ] && set -- tokenizer train "$tmp/text" --vocab 300 -o "$tmp/old" || set -- export "$tmp/run" "$tmp/old"
    echo "what was there" >"$tmp/old"
    SK_FAULT=write:1+ "$stoke" "$@" --quiet --force >"$tmp/out" 2>&1 || SK_FAULT=write:1+ "$stoke" "$@" --quiet >"$tmp/out" 2>&1
    [ $? -ne 0 ] && [ "$(cat "$tmp/old")" = "what was there" ]
    result "$what leaves what was there"
done
finish
