#!/bin/sh
# watch.sh - a run seen from outside: going, stopped, done; as text, JSON, Prometheus' text.
. "$(dirname "$0")/lib.sh"

awk 'BEGIN { for (i = 0; i < 4000; i++) print "line", i % 97, "of a text that says", i % 13, "things" }' \
    >"$tmp/text"
head -n 300 "$tmp/text" >"$tmp/valid"
run="$stoke train --data $tmp/text --valid $tmp/valid --out $tmp/run --dim 32 --layers 1 --heads 2 --kv-heads 1
    --ffn 64 --vocab 270 --context 32 --batch 64 --save-every 5 --eval-every 10 --quiet"

t "a folder that is not there" 66 "there is no folder" $stoke watch "$tmp/none"
mkdir "$tmp/empty"
t "a folder without a run" 66 "there is no training run in" $stoke watch "$tmp/empty"
$run --steps 40
result "a run"
t "is shown, and watching ends" 0 "run: pretrain, done, step 40 of 40" $stoke watch "$tmp/run"
t "with its curve" 0 "loss, nats per token" $stoke watch "$tmp/run"
t "as JSON" 0 '^\{"state":"done","stage":"pretrain","step":40,"total":40,' $stoke watch "$tmp/run" --json
t "with curves" 0 '"curves":\{"loss":\[\[1,[0-9.]*\],\[20,[0-9.]*\],\[40,[0-9.]*\]\]' \
    $stoke watch "$tmp/run" --json --points 3
t "as Prometheus' text" 0 '^stoke_train_step\{run=".*/run"\} 40$' $stoke watch "$tmp/run" --prom
tail -n 1 "$tmp/run/metrics.jsonl" | grep -q '^{"event":"done","step":40,.*"time":[0-9.]*}$'
result "the last line of metrics.jsonl says that it is done"

# Killed behind a checkpoint, then resumed: lines only rise, and the log is the one of a whole run.
rm -rf "$tmp/cut"
SK_FAULT=kill:40 $run --steps 40 --out "$tmp/cut" >/dev/null 2>&1
t "a run that was killed" 0 "cut: pretrain, stopped, step" $stoke watch "$tmp/cut"
$run --steps 40 --out "$tmp/cut" --resume
result "goes on"
sed -n 's/^{"event":"step","step":\([0-9]*\).*/\1/p' "$tmp/cut/metrics.jsonl" >"$tmp/steps"
seq 1 40 | cmp -s - "$tmp/steps"
result "each step stands once in metrics.jsonl"
t "two sessions" 0 '"sessions":2' $stoke watch "$tmp/cut" --json
cmp -s "$tmp/run/log.jsonl" "$tmp/cut/log.jsonl"
result "log.jsonl is that of a run never stopped"
finish
