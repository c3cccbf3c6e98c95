#!/bin/sh
# train.sh - train and tune from the outside: their events, stops and resumes, and what is refused.
. "$(dirname "$0")/lib.sh"

yes 'The quick brown fox jumps over the lazy dog; who can say why it does? 1234567890 times.' |
    awk '{ print NR ". " $0; if (NR % 9 == 0) print "<|endoftext|>" }' | head -400 >"$tmp/text"
head -40 "$tmp/text" >"$tmp/valid"
shape="--dim 32 --layers 1 --heads 4 --kv-heads 2 --ffn 48 --vocab 300 --context 32 --batch 128"
# run DIR FLAGS...: a tiny run into $tmp/DIR.  With exec=exec in front, in the background, it takes the
# place of the shell, so that $! is its process.
run() {
    dir=$1
    shift
    # shellcheck disable=SC2086 # a list of words
    ${exec-} "$stoke" train --data "$tmp/text" --valid "$tmp/valid" --out "$tmp/$dir" --steps 12 --seed 3 \
        --save-every 3 --eval-every 4 $shape "$@"
}
sums() { (cd "$tmp/$1" && sha256sum model.gguf checkpoint.stk log.jsonl); }

# ---- the events of --json ----
run a --json >"$tmp/events" 2>"$tmp/err"
result "a run ends with status 0"
[ ! -s "$tmp/err" ]
result "nothing is said on stderr"
num='-?[0-9.]+(e[-+]?[0-9]+)?'
grep -cE "^\{\"event\":\"step\",\"step\":[0-9]+,.*\"loss\":$num,\"tokens\":[0-9]+,\"tokens_per_s\":$num,\"mfu\":$num" \
    "$tmp/events" | grep -qx 12
result "one step event a step, with loss, tokens, tokens_per_s and mfu"
grep -cE "^\{\"event\":\"eval\",\"step\":[0-9]+,.*\"val_loss\":$num,\"bits_per_byte\":$num\}$" "$tmp/events" |
    grep -qx 4
result "an eval event at the start, every 4 steps and at the end"
tail -1 "$tmp/events" | grep -qE '^\{"event":"done","step":12,.*"model":".*/a/model.gguf"\}$'
result "the last event is done, with the model's path"
if command -v python3 >/dev/null; then
    python3 -c 'import json, sys; [json.loads(l) for l in sys.stdin]' <"$tmp/events"
    result "every line is JSON"
fi
sums a >"$tmp/sums"
"$stoke" generate -m "$tmp/a/model.gguf" -p "The quick" -n 4 --temp 0 >/dev/null
result "the model answers"

# ---- other architectures ----
for arch in gpt2 qwen2 llama; do
    run "arch-$arch" --arch $arch >/dev/null 2>&1 &&
        "$stoke" generate -m "$tmp/arch-$arch/model.gguf" -p "The quick" -n 4 --temp 0 >/dev/null
    result "a new $arch is trained and answers"
    "$stoke" perplexity -m "$tmp/arch-$arch/model.gguf" --file "$tmp/valid" --context 32 >/dev/null
    result "a new $arch predicts text"
done

# ---- the same bytes ----
for threads in 1 2 3; do
    run "t$threads" -t $threads --quiet >/dev/null && sums "t$threads" | cmp -s - "$tmp/sums"
    result "the same bytes with $threads threads"
done
rm -f "$tmp/out"
exec=exec run s --json >"$tmp/out" 2>&1 &
pid=$!
until grep -q '"step":2,' "$tmp/out" 2>/dev/null; do kill -0 $pid 2>/dev/null || break; sleep 0.02; done
kill -INT $pid 2>/dev/null
wait $pid
rc=$?
[ $rc -eq 130 ] || [ $rc -eq 0 ]
result "SIGINT ends with status 130 (or the run was faster)"
run s --resume --quiet >/dev/null && sums s | cmp -s - "$tmp/sums"
result "and --resume comes to the same bytes"
# until_step FILE STEP PID: waits until the events in FILE tell of that step, or the process ends.
until_step() { until grep -q "\"event\":\"step\",\"step\":$2," "$1" 2>/dev/null; do kill -0 "$3" 2>/dev/null || return 0; sleep 0.02; done; }
rm -f "$tmp/out"
exec=exec run g --steps 100000 --save-every 100000 --json >"$tmp/out" 2>&1 &
pid=$!
until_step "$tmp/out" 2 $pid
kill -USR1 $pid
until grep -q '"event":"saved","step":[1-9]' "$tmp/out" 2>/dev/null; do kill -0 $pid 2>/dev/null || break; sleep 0.02; done
grep -q '"event":"saved","step":[1-9]' "$tmp/out"
result "SIGUSR1 asks for a checkpoint"
kill -TERM $pid
wait $pid
[ $? -eq 85 ] && tail -1 "$tmp/out" | grep -q 'stopped at step .*--resume'
result "SIGTERM keeps a checkpoint and ends with status 85"
rm -f "$tmp/out"
exec=exec run g --steps 100000 --save-every 100000 --resume --json >"$tmp/out" 2>&1 &
pid=$!
until_step "$tmp/out" '[0-9]*' $pid # any: it may have come far before it was stopped
echo '{"epoch":9,"pid":1,"host":"elsewhere"}' >"$tmp/g/lease"
kill -USR1 $pid
wait $pid
[ $? -eq 73 ] && tail -1 "$tmp/out" | grep -q 'another trainer has taken over .*process 1 on elsewhere'
result "a trainer whose folder was taken over stops and says so"
t "--resume of a run that is done says so" 0 '"event":"done"' run a --resume --json
SK_FAULT=kill:40 run k --quiet >/dev/null 2>&1
run k --resume --quiet >/dev/null && sums k | cmp -s - "$tmp/sums"
result "a killed run comes to the same bytes"

# ---- for people ----
t "without --json: the curve and the bits per byte" 0 'bits per byte [0-9]' run people
head -4 "$tmp/out" | grep -q 'loss, nats per token'
result "the curve has a title"
run silent --quiet >"$tmp/out" 2>&1 && [ ! -s "$tmp/out" ]
result "--quiet says nothing"
[ -s "$tmp/people/curve.svg" ] && [ "$(wc -l <"$tmp/people/log.jsonl")" -eq 16 ]
result "log.jsonl and curve.svg are there"
t "a full stdout stops the run" 73 'No space' sh -c '"$@" >/dev/full' sh \
    "$stoke" train --data "$tmp/text" --out "$tmp/full" --steps 3 --vocab 300 --dim 32 --json

# ---- refused ----
t "a folder that holds a run" 73 '--resume' run a
t "--resume with another setting" 2 '--lr 0.003' run a --resume --lr 0.1
t "no --data" 2 '--data' "$stoke" train --out "$tmp/x"
t "no --out" 2 '--out' "$stoke" train --data "$tmp/text"
t "a text that is not there" 66 'no-such' "$stoke" train --data /no-such --out "$tmp/x"
: >"$tmp/empty"
t "an empty text" 2 'no text' "$stoke" train --data "$tmp/empty" --out "$tmp/x"
head -c 100000 /dev/zero >"$tmp/nul"
t "NULs give few merges" 2 'merges' "$stoke" train --data "$tmp/nul" --out "$tmp/x"
t "a vocabulary the text can't fill" 2 'merges|vocab' run x --vocab 100000
t "a context of one token" 2 'context' run x --context 1
t "heads that don't divide" 2 '--heads' run x --heads 5
t "an architecture that can't be begun" 2 'arch' run x --arch falcon
head -c 3000 "$tmp/a/checkpoint.stk" >"$tmp/cut" && mkdir "$tmp/cutdir" && cp "$tmp/cut" "$tmp/cutdir/checkpoint.stk"
t "a checkpoint cut short" 65 'checkpoint.stk' run cutdir --resume
[ -d "$tmp/x" ] && [ -z "$(ls "$tmp/x" | grep -v '^lock$')" ]
result "refused runs leave no file behind but the lock"
if mkdir "$tmp/small" && mount -t tmpfs -o size=200k tmpfs "$tmp/small" 2>/dev/null; then
    t "a disk that is full" 73 '[Nn]o space' run small
    umount "$tmp/small"
else
    echo "ok $((n = n + 1)) - a disk that is full # SKIP mounting is not allowed"
fi

# ---- from a model, and for longer ----
from() { # from DIR [FLAG...]: ten steps from the model of run a
    dir=$1
    shift
    "$stoke" train --from "$tmp/a/model.gguf" --data "$tmp/text" --out "$tmp/$dir" --steps 10 --batch 256 --lr 1e-3 \
        --warmup 0 --decay 0 --quiet "$@"
}
from f1 && from f2 -t 1 && cmp -s "$tmp/f1/model.gguf" "$tmp/f2/model.gguf"
result "--from ends in the same bytes on one thread"
t "--from has the model's shape" 2 '--dim is 48, but the model' from x --dim 48
t "--depth would be another" 2 '--depth does not go with --from' from x --depth 3
t "and so would an embedding of its own" 2 '--untied does not go with --from' from x --untied
t "a run from a model goes on from that alone" 2 '--from a model of checksum' \
    "$stoke" train --from "$tmp/f1/model.gguf" --data "$tmp/text" --out "$tmp/f1" --steps 10 --batch 256 --lr 1e-3 \
    --warmup 0 --decay 0 --quiet --resume
t "--from of what is no model" 65 'text' "$stoke" train --from "$tmp/text" --data "$tmp/text" --out "$tmp/x"
t "--dry-run with --from" 0 'parameters; 10 steps' from x --dry-run
from f1 --resume --steps 14 && from f3 --steps 14 && cmp -s "$tmp/f1/model.gguf" "$tmp/f3/model.gguf"
result "--steps may grow at a constant rate, to the same bytes"
t "but not behind a decay" 2 'no decay yet' run a --resume --steps 24

# ---- tune ----
for i in 1 2 3 4 5 6 7 8 9; do
    echo "{\"messages\":[{\"role\":\"user\",\"content\":\"$i?\"},{\"role\":\"assistant\",\"content\":\"dog $i\"}]}"
done >"$tmp/chat.jsonl"
run base --context 64 --quiet >/dev/null
tune() { "$stoke" tune -m "$tmp/base/model.gguf" --data "$tmp/chat.jsonl" --batch 128 "$@"; }
t "tune ends with done" 0 '"event":"done"' tune --out "$tmp/u" --valid "$tmp/chat.jsonl" --epochs 3 --json
t "its model answers" 0 '"text"' "$stoke" generate -m "$tmp/u/model.gguf" --chat -p "3?" -n 4 --json
t "--resume of tune" 0 'done' tune --out "$tmp/u" --valid "$tmp/chat.jsonl" --epochs 3 --json --resume
echo 'not json' >>"$tmp/chat.jsonl"
t "a bad line is named" 2 'chat.jsonl:10' tune --out "$tmp/u2"
t "no model" 66 'no-such' "$stoke" tune -m no-such --data "$tmp/chat.jsonl" --out "$tmp/u3"
finish
