#!/bin/sh
# ranks.sh - one training run in several processes: the same bytes as in one, a process lost, another
# number of processes afterwards, signals.  Without mpirun only the lanes in one process are tested.
. "$(dirname "$0")/lib.sh"

yes 'The quick brown fox jumps over the lazy dog; who can say why it does? 1234567890 times.' |
    awk '{ print NR ". " $0; if (NR % 9 == 0) print "<|endoftext|>" }' | head -400 >"$tmp/text"
head -40 "$tmp/text" >"$tmp/valid"
shape="--dim 96 --layers 2 --heads 4 --kv-heads 2 --ffn 128 --vocab 300 --context 32 --batch 160"
# run DIR FLAGS...: a tiny run into $tmp/DIR, after the words in $before.
run() {
    dir=$1
    shift
    # shellcheck disable=SC2086 # lists of words
    ${before-} "$stoke" train --data "$tmp/text" --valid "$tmp/valid" --out "$tmp/$dir" --seed 3 --steps 12 \
        --save-every 3 --eval-every 4 $shape "$@"
}
# Small files, but they say all: tests of the same names compare them.
sums() { (cd "$tmp/$1" && sha256sum model.gguf checkpoint.stk best.stk checkpoints/* log.jsonl); }

# ---- lanes in one process ----
for lanes in 1 2 3; do run "l$lanes" --lanes $lanes --quiet; done
result "runs with one to three lanes"
run d --quiet && sums d >"$tmp/a" && sums l1 | cmp -s - "$tmp/a"
result "one lane is what a run has by default"
run t3 --lanes 3 -t 3 --quiet && sums t3 >"$tmp/a" && sums l3 | cmp -s - "$tmp/a"
result "lanes and threads have nothing to do with each other"
SK_FAULT=kill:50 run k --lanes 2 --quiet >/dev/null 2>&1
[ -e "$tmp/k/checkpoint.stk" ] && [ ! -e "$tmp/k/model.gguf" ] && run k --resume --quiet && sums k >"$tmp/a" && sums l2 | cmp -s - "$tmp/a"
result "a killed run goes on with the lanes it had"
t "another number of lanes is refused" 2 '--lanes 2' run k --resume --lanes 3

# ---- several processes ----
command -v mpirun >/dev/null || {
    echo "ok $((n = n + 1)) - several processes # SKIP there is no mpirun (openmpi-bin)"
    finish
}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
mpi() { echo "mpirun --bind-to none --oversubscribe -n $1"; }
same() { sums "$1" >"$tmp/a" && sums "$2" | cmp -s - "$tmp/a"; }
for ranks in 2 3; do
    before=$(mpi $ranks) run "m$ranks" -t 1 --quiet >"$tmp/out" 2>&1 && same "m$ranks" "l$ranks"
    result "$ranks processes give the bytes of one with $ranks lanes"
done
before=$(mpi 2) run m23 -t 1 --lanes 3 --quiet >"$tmp/out" 2>&1 && same m23 l3
result "two processes share three lanes"
before=$(mpi 3) run m31 -t 1 --lanes 1 --quiet >"$tmp/out" 2>&1 && same m31 l1
result "processes without a lane do no harm"
run muon --lanes 2 --optimizer muon --quiet
before=$(mpi 2) run muon2 -t 1 --optimizer muon --quiet >"$tmp/out" 2>&1 && same muon muon2
result "Muon's matrices are shared as well"
skips() { SK_FAULT=loss:6,loss:8 run "$@" --ema 0.9 --z-loss 0.001; }
skips skip --lanes 2 --quiet
before=$(mpi 2) skips skip2 -t 1 --quiet >"$tmp/out" 2>&1 && same skip skip2
result "steps that are skipped, the weights' mean and z-loss are the same as well"
for i in 1 2 3 4 5 6 7 8 9; do
    echo "{\"messages\":[{\"role\":\"user\",\"content\":\"$i?\"},{\"role\":\"assistant\",\"content\":\"dog $i\"}]}"
done >"$tmp/chat.jsonl"
# tune DIR FLAGS...: an adapter, after the words in $before.
tune() {
    dir=$1
    shift
    # shellcheck disable=SC2086 # a list of words
    ${before-} "$stoke" tune -m "$tmp/l1/model.gguf" --data "$tmp/chat.jsonl" --out "$tmp/$dir" --batch 96 --epochs 4 \
        --lora 4 --quiet "$@"
}
tune tune --lanes 2 && (cd "$tmp/tune" && sha256sum adapter.gguf checkpoint.stk) >"$tmp/b"
before=$(mpi 2) tune tune2 -t 1 >"$tmp/out" 2>&1 && (cd "$tmp/tune2" && sha256sum adapter.gguf checkpoint.stk) | cmp -s - "$tmp/b"
result "and so is an adapter"
for i in 1 2 3 4 5 6 7; do
    echo "{\"prompt\":\"$i\",\"chosen\":\"dog $i\",\"rejected\":\"fox\"}"
done >"$tmp/pairs.jsonl"
# prefer DIR FLAGS...: pairs, after the words in $before.
prefer() {
    dir=$1
    shift
    # shellcheck disable=SC2086 # a list of words
    ${before-} "$stoke" tune -m "$tmp/wide/model.gguf" --dpo --data "$tmp/pairs.jsonl" --valid "$tmp/pairs.jsonl" \
        --out "$tmp/$dir" --batch 512 --epochs 6 --lora 4 --eval-every 2 --save-every 2 "$@"
}
results() { (cd "$tmp/$1" && sha256sum adapter.gguf checkpoint.stk reference.stk log.jsonl); }
margins() { sed -n 's/.*"accuracy"/accuracy/p' "$1"; }
run wide --context 128 --batch 640 --quiet
prefer dpo --lanes 2 --json >"$tmp/told" && results dpo >"$tmp/b"
before=$(mpi 2) prefer dpo2 -t 1 --json >"$tmp/told2" 2>"$tmp/out" && results dpo2 | cmp -s - "$tmp/b"
result "and so is learning from preferences"
margins "$tmp/told" >"$tmp/a" && [ -s "$tmp/a" ] && margins "$tmp/told2" | cmp -s - "$tmp/a"
result "with the same accuracy and margin told"
before=$(mpi 3) prefer dpo3 -t 1 --lanes 2 --quiet >"$tmp/out" 2>&1 && results dpo3 | cmp -s - "$tmp/b"
result "in three processes as well"
before=$(mpi 2) t "a run that diverges ends in all" 2 'diverged' env SK_FAULT=loss:3+ sh -c '"$@"' sh mpirun --bind-to none \
    --oversubscribe -n 2 "$stoke" train --data "$tmp/text" --out "$tmp/wild" --steps 400 --vocab 300 --dim 32 --layers 1 \
    --context 32 --batch 64 -t 1 --quiet
before=$(mpi 2) t "a refusal is told once, and nobody waits" 73 'process 0 of 2 has ended the run' run m2
before=$(mpi 2) t "a run that is done says so" 0 '"event":"done"' run m2 --resume --json

# rank R DIR: the process id of rank R of the run in $tmp/DIR.
rank() {
    for p in /proc/[0-9]*; do
        { tr "\0" " " <"$p/cmdline"; } 2>/dev/null | grep -q "^[^ ]*stoke train .*--out $tmp/$2 " || continue
        { tr "\0" "\n" <"$p/environ"; } 2>/dev/null | grep -qx "OMPI_COMM_WORLD_RANK=$1" && echo "${p#/proc/}"
    done
}
# until_step FILE STEP PID: waits until the events in FILE tell of that step, or the process ends.
until_step() { until grep -q "\"step\":$2," "$1" 2>/dev/null; do kill -0 "$3" 2>/dev/null || return 0; sleep 0.02; done; }
long="--steps 100000 --save-every 5 --eval-every 100000"
for lost in 0 1; do
    rm -rf "$tmp/lost" "$tmp/events"
    # shellcheck disable=SC2086 # a list of words
    before=$(mpi 2) run lost -t 1 $long --json >"$tmp/events" 2>"$tmp/err" &
    pid=$!
    until_step "$tmp/events" 12 $pid
    kill -9 "$(rank $lost lost)" || kill $pid
    wait $pid
    rc=$?
    [ $rc -ne 0 ] && grep -q "process $lost of 2 .* is gone; .*--resume" "$tmp/err" && [ -e "$tmp/lost/checkpoint.stk" ]
    result "process $lost is lost: the other says so and ends"
done
rm -f "$tmp/events"
# shellcheck disable=SC2086 # a list of words
before=$(mpi 3) run lost -t 1 $long --resume --json >"$tmp/events" 2>"$tmp/err" &
pid=$!
until grep -q '"event":"step"' "$tmp/events" 2>/dev/null; do kill -0 $pid 2>/dev/null || break; sleep 0.02; done
kill -USR1 "$(rank 2 lost)"
sleep 0.2
kill -TERM "$(rank 1 lost)" || kill $pid
wait $pid
rc=$?
[ $rc -eq 85 ] && grep -q 'stopped at step .* --resume' "$tmp/err"
result "it goes on with three; SIGTERM to any of them stops all with status 85"
finish
