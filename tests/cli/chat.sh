#!/bin/sh
# chat.sh - the commands of stoke chat, and its line editing on a terminal that script(1) makes.
. "$(dirname "$0")/lib.sh"
m=tests/golden/tiny.gguf
c() { "$stoke" chat -m "$m" -n 5 --temp 0 "$@"; }
lines() { printf '%s\n' "$@"; }

lines a >"$tmp/in" && c <"$tmp/in" >"$tmp/a"
lines "/system be" a "/save $tmp/s.json" | c >"$tmp/b" && c --system be <"$tmp/in" >"$tmp/c" &&
    head -n "$(wc -l <"$tmp/c")" "$tmp/b" | cmp -s - "$tmp/c"
result "/system is --system"
grep -qE '^\{"messages":\[\{"role":"system","content":"be"\},\{"role":"user","content":"a"\},\{"role":"assistant","content":".*"\}\]\}$' "$tmp/s.json"
result "/save writes the conversation"
lines "/system be" /clear "/system none" a | c | cmp -s - "$tmp/a"
result "/system none takes the instructions away"
lines "/system be" /clear /system | c | grep -qx be
result "/clear keeps them"
lines a /undo a | c >"$tmp/b" && cat "$tmp/a" "$tmp/a" | cmp -s - "$tmp/b"
result "/undo takes a message back"
lines /undo /regen | c | grep -c 'There is no' | grep -qx 2
result "there is nothing to undo, and no answer to make again"
lines a /regen | c >"$tmp/b" && cat "$tmp/a" "$tmp/a" | cmp -s - "$tmp/b"
result "/regen answers again; greedily the same"
lines a | c --temp 1.5 --seed 4 -n 20 >"$tmp/b" && lines a /regen | c --temp 1.5 --seed 3 -n 20 >"$tmp/c" &&
    tail -c "$(wc -c <"$tmp/b")" "$tmp/c" | cmp -s - "$tmp/b"
result "/regen draws with the next seed"
lines "/set temp 1.5" "/set seed 4" "/set tokens 20" a | c | cmp -s - "$tmp/b"
result "/set is the flags"
lines /set | c | grep -qE '^temp +0$' && lines /set | c | grep -qE '^top-k +0$'
result "/set lists the numbers"
for bad in "temp" "temp x" "temp -1" "temp 101" "nonsense 1" "mirostat 1" "model 3" "threads 3" "tokens 0"; do
    lines "/set $bad" a | c >"$tmp/b" && [ "$(head -n 1 "$tmp/b" | grep -cE 'Not set|takes a name|no setting')" = 1 ] &&
        tail -n +2 "$tmp/b" | cmp -s - "$tmp/a"
    result "refused: /set $bad; the conversation goes on"
done
lines "/set dry-multiplier 0.8" "/set repeat-penalty 1.1" a | c >/dev/null
result "/set can turn DRY on"
lines "/save /no-such/x" a | c >"$tmp/b" && head -n 1 "$tmp/b" | grep -q '^Not saved: .*no-such' && tail -n +2 "$tmp/b" | cmp -s - "$tmp/a"
result "a file that can't be written loses nothing"
lines '"""a' 'b\' '"""' | c >"$tmp/b" && [ "$(wc -l <"$tmp/b")" -ge 3 ]
result "without a terminal every line is a message"
lines a b | c --lookup --draft "$m" >"$tmp/b" && lines a b | c | cmp -s - "$tmp/b"
result "guessing changes nothing"

# ---- at a terminal ----
if command -v script >/dev/null && script -qec true /dev/null </dev/null >/dev/null 2>&1; then
    printf '"""one\rtwo"""\ra\\\rb\r/save %s\r/exit\r' "$tmp/t.json" |
        TERM=xterm XDG_STATE_HOME="$tmp/state" script -qec "$stoke chat -m $m -n 3 --temp 0" /dev/null >"$tmp/b"
    grep -q '{"role":"user","content":"one\\ntwo"}.*{"role":"user","content":"a\\nb"}' "$tmp/t.json"
    result "messages of several lines"
    grep -q '^/save' "$tmp/state/stoke/history" && [ "$(stat -c %a "$tmp/state/stoke/history")" = 600 ]
    result "what was typed is kept, for its owner only"
    rm "$tmp/t.json"
    printf '\033[A\033[A\r/exit\r' | # the last line but one
        TERM=xterm XDG_STATE_HOME="$tmp/state" script -qec "stty -icanon -echo; $stoke chat -m $m -n 3 --temp 0" /dev/null >"$tmp/b"
    [ -e "$tmp/t.json" ]
    result "and comes back with the arrow keys"
    printf 'a\r/exit\r' |
        TERM=xterm XDG_STATE_HOME="$tmp/none" script -qec "$stoke chat -m $m -n 3 --history none" /dev/null >"$tmp/b"
    [ ! -e "$tmp/none/stoke/history" ]
    result "--history none keeps nothing"
fi
finish
