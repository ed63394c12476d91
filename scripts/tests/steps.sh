#!/usr/bin/env bash
# What a long step says meanwhile and when it fails, whatever its command's progress bar has written.
set -euo pipefail
# shellcheck source=scripts/tests/expect.bash
source "$(dirname "${BASH_SOURCE[0]}")/expect.bash"

log=$SCRATCH/log
words_of() { printf '%b' "$1" >"$log" && last_words "$log"; }

expect_equal "the last line" 'Compiling b v1' "$(words_of '   Compiling a v1\n   Compiling b v1\n')"
expect_equal "what a bar has written over it" '7/9: b, c' "$(words_of '   Compiling a v1\n    Building [==>  ] 6/9: a   \r    Building [==>  ] 7/9: b, c   ')"
expect_equal "what is linked" '8/9: linking api-gateway, linking billing-app' "$(words_of '    Building [===> ] 8/9: api-gateway(bin), billing-app(bin) \r')"
expect_equal "nothing yet" '' "$(words_of '' || true)"

breaks() { printf 'one  \rtwo\nerror: three\n' && false; }
failed() { STEP_LOGS=$SCRATCH step "a step" breaks 2>&1; }
expect_equal "a failed step shows its lines without the bar" $'    two\n    error: three' "$(failed | tail -n 2)"

cat >"$log" <<'OUTPUT'
test a::passes ... ok
test a::breaks ... FAILED

failures:

---- a::breaks stdout ----

thread 'a::breaks' panicked at a.rs:1:2:
not so


failures:
    a::breaks

test result: FAILED. 1 passed; 1 failed
     Running tests/b.rs
test result: ok. 1 passed; 0 failed
OUTPUT
expect_equal "the tests that failed, with their words" \
    "---- a::breaks stdout ----"$'\n'"thread 'a::breaks' panicked at a.rs:1:2:"$'\n'"not so" "$(failed_tests "$log")"
