#!/bin/bash
# huge_document.sh - one document of 1 GB: trained on at once, and built into a data set first, each
# with at most 8 GB of address space.  `make soak-huge`; minutes, so not in every test run.
#
#   huge_document.sh [MEGABYTES]        1000
. "$(dirname "$0")/../cli/lib.sh"

mb=${1:-1000}
zstd -dcq data/corpus.txt.zst | grep -v '^<|endoftext|>$' >"$tmp/part"
: >"$tmp/huge"
while [ "$(wc -c <"$tmp/huge")" -lt $((mb * 1000000)) ]; do cat "$tmp/part" >>"$tmp/huge"; done
head -c 2000000 "$tmp/part" >"$tmp/some"
"$stoke" tokenizer train "$tmp/some" --vocab 4096 -o "$tmp/tok.gguf" >/dev/null 2>&1
result "a tokenizer"
ulimit -v 8000000
shape="--steps 3 --dim 64 --layers 1 --context 128 --batch 512 --quiet"
began=$(date +%s)
# shellcheck disable=SC2086 # a list of words
"$stoke" train --data "$tmp/huge" --tokenizer "$tmp/tok.gguf" --out "$tmp/run" $shape
rc=$?
echo "# trained on at once: status $rc, $(($(date +%s) - began)) s"
[ $rc -eq 0 ]
result "one document of $mb MB is trained on"
began=$(date +%s)
"$stoke" data build "$tmp/huge" --tokenizer "$tmp/tok.gguf" --out "$tmp/set" --quiet >/dev/null
rc=$?
echo "# built into a data set: status $rc, $(($(date +%s) - began)) s"
[ $rc -eq 0 ]
result "or built into a data set"
# shellcheck disable=SC2086 # a list of words
"$stoke" train --data "$tmp/set" --out "$tmp/run2" $shape && [ -s "$tmp/run2/model.gguf" ]
result "and that is trained on"
finish
