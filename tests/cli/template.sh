#!/bin/sh
# template.sh - stoke template: the prompt, the spans, the clock, and what is refused.
. "$(dirname "$0")/lib.sh"

# shows NAME TEMPLATE VARS WANT FLAG...: what is printed, exactly.
shows() {
    name=$1 want=$4
    printf '%s' "$2" >"$tmp/t.jinja"
    printf '%s' "$3" >"$tmp/v.json"
    shift 4
    "$stoke" template "$tmp/t.jinja" --vars "$tmp/v.json" "$@" >"$tmp/out" 2>&1 && [ "$(cat "$tmp/out"; echo .)" = "$want." ]
    result "$name" || sed 's/^/# /' "$tmp/out"
}

vars='{"messages":[{"role":"user","content":"Hi <b>"}],"bos_token":"<s>"}'
shows "a prompt" '{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}' "$vars" '<s><|user|>Hi <b>'
shows "no newline is added" 'a' '{}' 'a'
shows "spans" '{{ bos_token }}[{{ messages[0].content }}]' "$vars" 'template "<s>["
message  "Hi <b>"
template "]"
' --spans
shows "as JSON" 'a{{ messages[0].content }}' "$vars" '{"text":"aHi <b>","spans":[{"from":"template","text":"a"},{"from":"message","text":"Hi <b>"}]}
' --json
shows "the clock" '{{ strftime_now("%d %b %Y %H:%M") }}' '{}' '14 Mar 2025 15:09' --now 2025-03-14T15:09:26
shows "the clock as a variable" '{{ strftime_now("%Y") }}' '{"strftime_now":"1999-12-31T23:59:59"}' '1999'

printf '{{ x }}' >"$tmp/x.jinja"
printf '{"x":[1,"a"]}' | "$stoke" template "$tmp/x.jinja" --vars - | grep -qx "\[1, 'a'\]"
result "variables on stdin"
t "no variables" 0 '^$' sh -c '"$0" template "$1"; echo' "$stoke" "$tmp/x.jinja"
t "no such file" 66 'nonesuch' "$stoke" template "$tmp/nonesuch"
t "no file" 2 'FILE' "$stoke" template
printf 'a\n{{ raise_exception("no") }}' >"$tmp/r.jinja"
t "a refusal" 2 'template line 2: no' "$stoke" template "$tmp/r.jinja"
printf '{%% if %%}' >"$tmp/bad.jinja"
t "a syntax error" 65 'bad.jinja: template line 1: .*unexpected' "$stoke" template "$tmp/bad.jinja"
printf '{%% include "x" %%}' >"$tmp/inc.jinja"
t "what is not supported" 69 "template line 1: the statement 'include' is not supported" "$stoke" template "$tmp/inc.jinja"
printf '[1' >"$tmp/bad.json"
t "variables that are no JSON" 2 'bad.json: JSON line 1' "$stoke" template "$tmp/x.jinja" --vars "$tmp/bad.json"
printf '[1]' >"$tmp/list.json"
t "variables that are no object" 2 'must be one JSON object' "$stoke" template "$tmp/x.jinja" --vars "$tmp/list.json"
t "a bad time" 2 'not of the form' "$stoke" template "$tmp/x.jinja" --now yesterday
t "a full disk" 73 'No space left' sh -c '"$0" template "$1" >/dev/full' "$stoke" "$tmp/t.jinja"

# With a model: a template in place of its own.
m=tests/golden/tiny.gguf
tokens() { "$stoke" generate -m $m --chat -p a -n 1 --json "$@" | sed 's/.*"prompt_tokens":\([0-9]*\).*/\1/'; }
printf '{%% for m in messages %%}{{ m.content }}{%% endfor %%}' >"$tmp/short.jinja"
[ "$(tokens --chat-template "$tmp/short.jinja")" = 1 ] && [ "$(tokens)" -gt 5 ]
result "--chat-template takes the place of the model's own"
t "one that can't be compiled" 65 'bad.jinja: the chat template: template line 1' \
    "$stoke" generate -m $m --chat -p a --chat-template "$tmp/bad.jinja"
t "one that refuses everything" 2 'template line 2: no' "$stoke" chat -m $m --chat-template "$tmp/r.jinja"
t "one that is not there" 66 nonesuch "$stoke" serve -m $m --port 0 --chat-template "$tmp/nonesuch"
finish
