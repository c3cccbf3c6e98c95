#!/bin/sh
# style.sh - the bars a machine can hold.  Why each exists: CONTRIBUTING.md.
. "$(dirname "$0")/lib.sh"
all=$(sources)
below_cli=$(find src/base src/engine src/serve src/up src/fleet -name '*.[ch]' 2>/dev/null)

for f in $all; do
    head -c 3 "$f" | grep -qE '^/\*|^//' || echo "$f"
done | check "every file says what it is for, first"

echo "$all" | xargs perl -CSD -ne 'print "$ARGV:$.\n" if length > 101; close ARGV if eof' |
    check "no line over 100 columns"
git ls-files ':!src/serve/web/vendor' 2>/dev/null | grep -E '(\.[ch]|\.sh|\.md|\.js|\.css|\.html|/run|/test|^run|^test)$' |
    while read -r f; do
        [ -f "$f" ] && grep -nHE '[[:blank:]]+$' "$f"
    done | cut -d: -f1,2 | check "no trailing blanks"
echo "$all" | xargs grep -nP '\t' | cut -d: -f1,2 | check "no tabs in C"
echo "$all" | xargs grep -nP '[^\x00-\x7F]' | cut -d: -f1,2 | grep -v '^tests/' |
    check "C sources are ASCII"
# The words are spelled in halves here, so that this file passes its own check.
git grep -nIE '\b(TO''DO|FIX''ME|XX''X|HA''CK)\b' -- . ':!src/serve/web/vendor' 2>/dev/null | check "nothing is left to do in the tree"

# Calls that can't be used safely, or whose result depends on hidden state.
banned='strcpy|strcat|sprintf|vsprintf|strtok|gets|atoi|atol|atof|ctime|asctime|gmtime|localtime'
banned="$banned|strncpy|strncat|rand|srand|alloca|system|popen|tmpnam|mktemp|setenv|putenv"
echo "$all" | grep '^src/' | xargs grep -nE "(^|[^a-zA-Z0-9_>.])($banned) *\(" |
    grep -vE ':[0-9]+: *(/?\*|//)' | check "no banned calls"
echo "$below_cli" | grep -v '^src/base/mem\.c$' |
    xargs grep -nE '(^|[^a-zA-Z0-9_>.])(malloc|calloc|realloc|free|strdup|strndup|aligned_alloc|posix_memalign) *\(' |
    grep -vE ':[0-9]+: *(/?\*|//)' | check "memory comes from base/mem.h"
echo "$below_cli" | xargs grep -nE '(^|[^a-zA-Z0-9_>.])(exit|_exit|abort|quick_exit|printf|puts|putchar|perror|vprintf) *\(|fprintf *\( *std(out|err)' |
    grep -vE ':[0-9]+: *(/?\*|//)' | check "no exit and no print below cli"

for f in $(echo "$all" | grep '^src/.*\.c$'); do
    case $f in
    src/cli/* | src/engine/kernel/ref/* | src/engine/kernel/x86/* | */assets.c) continue ;;
    esac
    [ -f "${f%.c}.h" ] || ls "$(dirname "$f")"/*.h >/dev/null 2>&1 || echo "$f"
done | check "every .c has a header beside it"

if command -v ctags >/dev/null && ctags --version | grep -q Universal; then
    echo "$all" | grep '^src/.*\.c$' |
        ctags -L - --languages=C --kinds-C=f --fields=+ne -f - 2>/dev/null |
        awk -F'\t' '{ line = end = 0
            for (i = 4; i <= NF; i++) { if ($i ~ /^line:/) line = substr($i, 6); if ($i ~ /^end:/) end = substr($i, 5) }
            if (end - line >= 200) print $2 ": " $1 " has " end - line + 1 " lines" }' |
        check "no function over 200 lines"
else
    skip "no function over 200 lines" "needs universal-ctags"
fi
finish
