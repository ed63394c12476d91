# shellcheck shell=bash
# Shows the logs of all parts, each line with its part's name in front.

FOLLOWERS=()

follow_logs() {
    local name
    for name in "${PARTS[@]}"; do
        tail -n 0 -F -- "$(log_file "$name")" 2>/dev/null > >(sed -u "s/^/$(printf '%-13s' "$name") | /") &
        FOLLOWERS+=($!)
    done
}

stop_following() {
    local follower
    for follower in "${FOLLOWERS[@]}"; do kill "$follower" 2>/dev/null || true; done
}
