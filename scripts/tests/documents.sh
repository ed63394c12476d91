#!/usr/bin/env bash
# What the documents name is there: the targets of their links, and the paths of the README's tables.
set -euo pipefail
# shellcheck source=scripts/tests/expect.bash
source "$(dirname "${BASH_SOURCE[0]}")/expect.bash"
cd "$ROOT"

# links FILE: their targets as paths from the root, without those in the world and the places within a file.
links() { grep -oE '\]\([^)#]+' "$1" | cut -c3- | grep -v '^https://' | sed "s|^|$(dirname "$1")/|"; }

# What stands in backquotes in the rows of tables, and begins like a path of ours; patterns included.
# shellcheck disable=SC2016 # backquotes of Markdown
paths() { grep '^|' "$1" | grep -oE '`[^` ]+' | cut -c2- | grep -E '^(crates|docs|nix|postman|scripts)/' || true; }

missing() { # of the paths on stdin
    local path
    while read -r path; do compgen -G "${path%/}" >/dev/null || printf '%s\n' "$path"; done
}

for document in README.md docs/*.md; do
    expect_equal "$document names what is there" '' "$({ links "$document" && paths "$document"; } | missing)"
done
expect_equal "the README links to each document" "$(printf '%s\n' docs/* | sort)" "$(links README.md | sed -n 's|^\./\(docs/\)|\1|p' | sort)"
