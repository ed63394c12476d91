# shellcheck shell=bash
# All parts together: up in order, down in the reverse order, and undone when a start fails half-way.

STARTED=() # what this run has started, for the way back
STARTING=() # the background jobs that are starting parts

system_check() {
    local name
    for name in "${PARTS[@]}"; do running "$name" || part_check "$name"; done
}

system_start() {
    start_together postgres rabbitmq
    start_together inventory-app billing-app
    start_together api-gateway
}

start_together() { # NAME...
    local name job failed=0
    for name; do
        running "$name" || STARTED+=("$name")
        with_lock "$name" part_bring_up "$name" &
        STARTING+=($!)
    done
    for job in "${STARTING[@]}"; do wait "$job" || failed=1; done
    STARTING=()
    ((failed == 0)) || exit 1
}

part_bring_up() { # NAME
    if ! running "$1"; then
        part_start "$1"
    elif part_changed "$1"; then
        say "  $1 has changed: restarting it"
        part_stop "$1"
        part_start "$1"
    elif [[ $1 == postgres ]]; then
        postgres_provision # a password may have changed
    fi
}

system_stop() {
    local i
    for ((i = ${#PARTS[@]} - 1; i >= 0; i--)); do with_lock "${PARTS[i]}" part_stop "${PARTS[i]}"; done
}

# The way back of a failed or interrupted start: only what this run has started.
system_undo() {
    local i job
    for job in "${STARTING[@]}"; do kill "$job" 2>/dev/null || true; done
    ((${#STARTED[@]} == 0)) || warn "  stopping what was started"
    for ((i = ${#STARTED[@]} - 1; i >= 0; i--)); do with_lock "${STARTED[i]}" part_stop "${STARTED[i]}"; done
}
