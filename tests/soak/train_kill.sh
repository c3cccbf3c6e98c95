#!/bin/sh
# train_kill.sh - a training run killed with SIGKILL at many random moments and gone on with: model,
# checkpoints and log must be those of the run that was never killed.  `make soak-train`; too long for
# every test run, which has tests/crash/t_train_kill.c.
#
#   train_kill.sh [KILLS [SEED [FLAG...]]]      50 kills, seed 1; flags for the trainer, of which
#                                               --steps 400 --ema 0.9 --spike-loss 1.5 --spike-norm 4
#                                               has it skip steps and go back on its own
#
# Every other kill waits for a checkpoint that is being written, and comes some milliseconds into it.
. "$(dirname "$0")/../cli/lib.sh"

kills=${1:-50} seed=${2:-1}
[ $# -gt 2 ] && shift 2 || set --
flags=$*
zstd -dcq data/corpus.txt.zst | head -c 400000 >"$tmp/text"
head -c 20000 "$tmp/text" >"$tmp/valid"
# run DIR FLAGS...: takes the place of the shell, so that its process is the one started.
run() {
    dir=$1
    shift
    # shellcheck disable=SC2086 # a list of words
    exec "$stoke" train --data "$tmp/text" --valid "$tmp/valid" --out "$tmp/$dir" --steps 200 --seed 5 \
        --save-every 4 --eval-every 8 --dim 128 --layers 3 --heads 4 --kv-heads 2 --ffn 256 --vocab 1024 \
        --context 64 --batch 256 --keep 3 --quiet $flags "$@"
}
sums() { (cd "$tmp/$1" && sha256sum model.gguf checkpoint.stk best.stk checkpoints/* log.jsonl); }

# Milliseconds to wait before each kill.
awk -v n="$kills" -v seed="$seed" 'BEGIN { srand(seed); for (i = 0; i < n; i++) print int(rand() * 1000) }' >"$tmp/waits"
started=$(date +%s%N)
(run whole)
result "the run that is never killed"
whole=$((($(date +%s%N) - started) / 1000000))
sums whole >"$tmp/right"

live=0 writing=0 rounds=0 i=0
while read -r wait; do
    i=$((i + 1))
    if [ -e "$tmp/k/model.gguf" ]; then # done: begin anew, so that each kill meets a run
        sums k >"$tmp/is" && cmp -s "$tmp/is" "$tmp/right" || failed=1
        rounds=$((rounds + 1))
        rm -rf "$tmp/k"
    fi
    run k --resume >/dev/null 2>"$tmp/err" &
    pid=$!
    if [ $((i % 2)) -eq 0 ]; then
        until ls "$tmp"/k/checkpoint.stk.tmp.* >/dev/null 2>&1; do kill -0 $pid 2>/dev/null || break; done
        sleep "0.00$((wait % 10))"
    else
        sleep "$(awk "BEGIN { print $wait / 1000 * $whole / 4000 }")"
    fi
    ls "$tmp"/k/*.tmp.* >/dev/null 2>&1 && during=1 || during=0
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
    [ $? -eq 137 ] && live=$((live + 1)) && writing=$((writing + during))
done <"$tmp/waits" 2>/dev/null
(run k --resume)
result "the last one to go on comes to its end"
sums k >"$tmp/is" && cmp "$tmp/is" "$tmp/right" && [ "$failed" -eq 0 ]
result "the same SHA-256 of model, checkpoints and log, whatever was killed"
[ $((live * 10)) -ge $((kills * 8)) ]
result "most kills met a live run"
echo "# $kills kills: $live met a live run, $writing of them while a file was being written; $((rounds + 1)) runs ended"
[ -z "$flags" ] || echo "# $flags: $(grep -c '"event":"skip"' "$tmp/k/log.jsonl") steps skipped, $(grep -c '"event":"rollback"' "$tmp/k/log.jsonl") times gone back"
cut -c1-16,65- "$tmp/right" | sed 's/^/# /'
finish
