# shellcheck shell=bash
# Steps that take long (install, build): their output goes to a file, the terminal gets a sign of life every ten
# seconds and the time at the end, and the last lines when the step fails.

heartbeat() { # LABEL LOG START
    while :; do
        pause 10
        kill -0 $$ 2>/dev/null || return 0
        say "  $1: $(seconds_since "$3") s so far; $(tail -n 1 -- "$2" | tr -d '\r' | sed 's/^ *//' | cut -c1-90)"
    done
}

# step LABEL COMMAND...: STEP_STATUS is the exit status. Call it outside of conditions: there `set -e` would sleep.
step() {
    local label=$1 start log beat
    shift
    start=$(now_ms)
    log=$DATA/log/step-${label//[!a-zA-Z0-9]/-}.log
    heartbeat "$label" "$log" "$start" &
    beat=$!
    set +e
    (set -e && "$@") >"$log" 2>&1
    STEP_STATUS=$?
    set -e
    kill "$beat" 2>/dev/null || true
    wait "$beat" 2>/dev/null || true
    if ((STEP_STATUS == 0)); then
        say "  $label: $(seconds_since "$start") s"
    else
        warn "  $label: FAILED after $(seconds_since "$start") s; the end of $log:"
        tail -n "${STEP_TAIL:-30}" -- "$log" | sed 's/^/    /' >&2
    fi
}
