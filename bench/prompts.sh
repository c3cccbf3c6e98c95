#!/bin/sh
# prompts.sh MODEL - the answers to the 50 fixed prompts of bench/prompts.txt, greedy, unedited.
set -eu
cd "$(dirname "$0")/.."
model=${1:?usage: bench/prompts.sh MODEL.gguf}
while IFS= read -r prompt; do
    printf '> %s\n' "$prompt"
    "${STOKE:-build/stoke}" generate -m "$model" --chat -p "$prompt" -n 160 --temp 0
    printf '\n'
done <bench/prompts.txt
