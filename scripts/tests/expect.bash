# shellcheck shell=bash
# What the tests of the scripts share. A test is a file of expectations; the first that is not met ends it.

# shellcheck source=scripts/lib/load.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/load.sh"

SCRATCH=$(mktemp -d)
trap 'rm -rf -- "$SCRATCH"' EXIT

fail() {
    warn "${0##*/}: $*"
    exit 1
}

expect_equal() { # WHAT EXPECTED ACTUAL
    [[ $2 == "$3" ]] || fail "$1: expected '$2', got '$3'"
    say "ok: $1"
}

# expect_failure WHAT TEXT COMMAND...: it fails, and says TEXT in one line.
expect_failure() {
    local what=$1 text=$2 output
    shift 2
    if output=$("$@" 2>&1); then fail "$what: succeeded, with: $output"; fi
    [[ $output == *"$text"* && $output != *$'\n'* ]] || fail "$what: expected one line with '$text', got: $output"
    say "ok: $what"
}
