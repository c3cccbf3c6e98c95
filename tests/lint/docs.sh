#!/bin/sh
# docs.sh - pages made from tables equal the program; links between pages lead somewhere.
. "$(dirname "$0")/lib.sh"
stoke=${STOKE:-build/stoke}
verbs=$("$stoke" help --names)

for v in $verbs; do
    "$stoke" help --markdown "$v" | cmp -s - "docs/cli/$v.md" || echo "docs/cli/$v.md"
done | check "docs/cli equals the program (make docs mends it)"
for f in docs/cli/*.md; do
    v=$(basename "$f" .md)
    [ "$v" = README ] || echo "$verbs" | grep -qx "$v" || echo "$f: there is no such verb"
done | check "docs/cli has no page too many"
{ "$stoke" help --markdown | cmp -s - docs/cli/README.md || echo docs/cli/README.md; } |
    check "docs/cli/README.md equals the program (make docs mends it)"

for p in api metrics; do
    "$stoke" serve --docs $p | cmp -s - docs/$p.md || echo docs/$p.md
done | check "docs/api.md and docs/metrics.md equal the program (make docs mends it)"

"$stoke" help --bash | bash -n 2>&1 | check "the completion script is bash"
if command -v groff >/dev/null; then
    for v in "" $verbs; do
        "$stoke" help --man $v | groff -man -Tutf8 -ww -z 2>&1 | sed "s/^/stoke $v: /"
    done | check "manual pages are clean roff"
else
    skip "manual pages are clean roff" "needs groff"
fi

# Links to files, seen from the page's folder.
git ls-files '*.md' | while read -r page; do
    grep -oE '\]\([^)# ]+' "$page" | cut -c3- | grep -v '^[a-z]*:' | while read -r link; do
        [ -e "$(dirname "$page")/$link" ] || echo "$page: $link"
    done
done | check "links lead to files"
finish
