# shellcheck shell=bash
# Steps that take long (install, build, test): their output goes to a file, the terminal gets a sign of life every ten
# seconds and the time at the end, and the last lines when the step fails.

STEP_PID='' # of the step that runs; its process group too

log_of() { echo "${STEP_LOGS:-$DATA/log}/step-${1//[!a-zA-Z0-9]/-}.log"; } # LABEL

# step LABEL COMMAND...: STEP_STATUS is the exit status. Call it outside of conditions: there `set -e` would sleep.
step() {
    local label=$1 start log
    shift
    start=$(now_ms)
    log=$(log_of "$label")
    set -m # a process group of its own: `abort_step` ends it with all its children
    (set -e; "$@") </dev/null >"$log" 2>&1 &
    STEP_PID=$!
    set +m
    heartbeat "$label" "$log" "$start" &
    STEP_STATUS=0
    wait "$STEP_PID" || STEP_STATUS=$?
    STEP_PID=''
    kill $! 2>/dev/null || true
    report_step "$label" "$log" "$start"
}

heartbeat() { # LABEL LOG START
    local beat
    for ((beat = 1; ; beat++)); do
        pause 1
        kill -0 $$ 2>/dev/null || return 0
        ((beat % 10 > 0)) || say "  $1: $(seconds_since "$3") s so far; $(last_words "$2")"
    done
}

# The end of a log: its last line, or what a progress bar has written over that. Of cargo's bar what is compiled or linked
# at the moment, and how much is done.
last_words() { # LOG
    tail -n 1 -- "$1" | tail -c 2000 | tr '\r' '\n' | grep '[^[:space:]]' | tail -n 1 |
        sed -E 's/^ *(Building \[[^]]*\] *)?//; s/ +$//; s/([a-z-]+)\(bin\)/linking \1/g' | cut -c1-90
}

report_step() { # LABEL LOG START
    if ((STEP_STATUS == 0)); then
        say "  $1: $(seconds_since "$3") s"
    else
        warn "  $1: FAILED after $(seconds_since "$3") s; the end of $2:"
        tail -n "${STEP_TAIL:-30}" -- "$2" | sed 's/.*\r//; s/^/    /' >&2
    fi
}

# The tests that cargo's output says have failed, each with the first lines of what it printed. With several test programs
# they stand far from the end of the output.
failed_tests() { # LOG
    awk '
        /^---- .* ----$/ { left = 12 }
        /^(test result:|failures:)/ { left = 0 }
        left > 0 && NF > 0 { print; left-- }
    ' "$1"
}

# For a script that is interrupted: nothing of the step goes on behind its back.
abort_step() {
    [[ -n $STEP_PID ]] || return 0
    kill -s TERM -- "-$STEP_PID" 2>/dev/null || true
    wait "$STEP_PID" 2>/dev/null || true
}
