#!/bin/sh
# frame.sh - verbs, help, usage errors, exit codes, and output that can't be written.
. "$(dirname "$0")/lib.sh"

t "no verb shows the verbs and is a usage error" 2 '^  help ' "$stoke"
t "help lists the verbs" 0 '^  version ' "$stoke" help
t "--help is help" 0 '^usage: stoke VERB' "$stoke" --help
t "--version is version" 0 '^stoke [0-9]+\.[0-9]+\.[0-9]+' "$stoke" --version
t "a mistyped verb gets the nearest one" 2 'did you mean "version"' "$stoke" vresion
t "a strange verb gets none" 2 'there is no verb "xyzzyplugh"$' "$stoke" xyzzyplugh
t "an empty verb" 2 'there is no verb ""' "$stoke" ""
t "a verb of 10,000 letters" 2 'there is no verb' "$stoke" "$(printf '%010000d' 0)"
t "help for a verb that is not there" 2 'there is no verb "q"' "$stoke" help q
t "a verb's verb that is not there" 2 'there is no verb "fleet frob"$' "$stoke" fleet frob
t "help with two forms" 2 'choose one' "$stoke" help --man --bash
t "an unknown flag gets the nearest one" 2 'did you mean --json' "$stoke" version --jsn
t "a word where none is taken" 2 'stoke version: ' "$stoke" version word
t "a flag without its value" 2 'stoke version: ' "$stoke" version --threads
t "a number out of bounds" 2 'threads' "$stoke" version --threads -1
t "a word that is not in the list" 2 'cpu' "$stoke" version --cpu pentium
t "the processor can be masked by flag" 0 'cpu +c$' "$stoke" version --cpu c
t "and by the environment" 0 'cpu +c$' env STOKE_CPU=c "$stoke" version
t "--json is an object" 0 '^\{"version":"[0-9.]+",.*\}$' "$stoke" version --json
t "a full disk is an error" 73 'cannot write to stdout: No space left' \
    sh -c '"$0" version >/dev/full' "$stoke"
t "a reader that went away is an error, not a signal" 74 'Broken pipe' \
    sh -c '{ sleep 0.2; "$0" version; echo $? >"$1/rc"; } 2>"$1/err" | true; cat "$1/err"; exit $(cat "$1/rc")' \
    "$stoke" "$tmp"

for v in $("$stoke" help --names); do
    typed=$(echo "$v" | tr - ' ')
    t "stoke $v --help" 0 "^usage: stoke $typed" "$stoke" "$v" --help
    "$stoke" "$v" --help | cmp -s - "$tmp/out" && "$stoke" help "$v" | cmp -s - "$tmp/out"
    result "stoke help $v is the same"
    t "stoke $v refuses an unknown flag" 2 "^stoke $typed: unknown flag" "$stoke" "$v" --no-such-flag
done

# Completion: what the shell offers after "stoke ver" and "stoke version --j".
complete() { # complete WORD...
    bash -c 'eval "$("$0" help --bash)"
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
        f=$(complete -p stoke | sed -n "s/.*-F \([^ ]*\).*/\1/p")
        $f stoke "${@: -1}" "${@: -2:1}"; printf "%s\n" "${COMPREPLY[@]}"' "$stoke" "$@"
}
t "bash completes verbs" 0 '^version *$' complete stoke ver
t "bash completes flags" 0 '^--json *$' complete stoke version --j
finish
