#!/bin/sh
# format.sh - clang-format has nothing to change.
. "$(dirname "$0")/lib.sh"
sources | xargs clang-format --dry-run 2>&1 | grep 'warning:' | cut -d: -f1,2 | uniq |
    check "clang-format (clang-format -i FILE mends it)"
finish
