# shellcheck shell=bash
# scripts/machines up: everything that is needed, all machines, and the wait for the gateway's own word.

BOOTED=() # by this run, for the way back

locked() { # COMMAND...: one of up and down at a time
    create_data
    mkdir -p -- "$FOLDER/log" "$FOLDER/run"
    # The checkout's owner may be another than root, and is to keep what lies beside the machines.
    chown --reference="$ROOT" -- "$DATA" "$DATA/log" "$DATA/run" "$DATA/secrets" "$MARKER"
    exec 8>"$FOLDER/run/lock"
    flock -n 8 || say "  waiting for another scripts/machines"
    flock -w 180 8 || die "another scripts/machines has been busy for three minutes"
    "$@"
}

bring_up() {
    local began machine
    began=$(now_ms)
    # shellcheck disable=SC2034 # read by steps.sh and tools.sh
    STEP_LOGS=$FOLDER/log TOOLS=${TOOLS:-$DATA/tools}
    PATH=$PATH:$(home_of_owner)/.cargo/bin
    prepare_build
    table check >/dev/null
    on_exit give_up
    # shellcheck disable=SC2046 # one package a word
    install_missing curl $(build_packages) iproute2 iptables procps postgresql rabbitmq-server nodejs npm
    id postgres >/dev/null 2>&1 || die "the user postgres is missing: install the system's PostgreSQL"
    step "install pm2" install_pm2
    ((STEP_STATUS == 0)) || die "pm2 could not be installed"
    build_services
    give_back
    for machine in "${MACHINES[@]}"; do halt_rewired "$machine"; done
    network_up
    for machine in "${MACHINES[@]}"; do boot "$machine"; done
    start_machines
    wait_gateway
    trap - EXIT INT TERM HUP
    say "the machines are ready: $(seconds_since "$began") s"
    print_machines
}

# A machine keeps the address, the firewall and the wire that it was started with.
halt_rewired() { # NAME
    [[ -e $FOLDER/$1/wiring ]] && machine_running "$1" || return 0
    if [[ "$(wiring "$1")" == "$(<"$FOLDER/$1/wiring")" ]] && ip -n "$(netns "$HOST")" link show dev "$1" >/dev/null 2>&1; then
        return 0
    fi
    warn "  $1: an address, a wire, or who may reach it, has changed: it starts anew"
    machine_halt "$1"
}

boot() { # NAME
    local pid
    machine_files "$1"
    if pid=$(machine_pid "$1"); then
        [[ ! /proc/$pid/root/run/crud-master -ef $FOLDER/$1 ]] || return 0
        warn "  $1: its data were deleted under it: it starts anew"
        machine_end "$pid"
        machine_files "$1"
    fi
    end_orphan "$1"
    BOOTED+=("$1")
    machine_boot "$1"
}

# All at once: the services wait for what they need.
start_machines() {
    local machine jobs=() job failed=0
    for machine in "${MACHINES[@]}"; do
        (set -o pipefail && inside "$machine" "$LIB_PATH/machine" up 2>&1 8>&- | sed -u "s/^ */  $machine: /") &
        jobs+=($!)
    done
    for job in "${jobs[@]}"; do wait "$job" || failed=1; done
    ((failed == 0)) || die "not all machines could start what belongs on them"
}

wait_gateway() {
    local url machine until=$(($(now_ms) + READY_WITHIN * 1000))
    url=$(gateway_url)/health/ready
    while (($(now_ms) < until)); do
        ! outside curl -fsS -m 2 -o /dev/null "$url" 2>/dev/null || return 0
        pause 0.1
    done
    for machine in "${MACHINES[@]}"; do
        warn "  $machine, the end of its log:"
        tail -qn 5 "$FOLDER/$machine"/pm2/logs/*.log 2>/dev/null | sed 's/^/    /' >&2 || true
    done
    die "$url does not answer 200 after $READY_WITHIN s: $(outside curl -sS -m 2 "$url" 2>&1)"
}

gateway_url() { printf 'http://%s:%s' "$(table address gateway-vm)" "$API_GATEWAY_PORT"; }

print_machines() {
    local url
    url=$(gateway_url)
    cat <<END
  API                $url/api        (from the fourth namespace: scripts/machines exec host curl $url/api/movies/)
  documentation      $url/docs
  a shell            scripts/machines ssh gateway-vm, inventory-vm, billing-vm or host
  logs               $FOLDER/NAME/log, $FOLDER/NAME/pm2/logs
END
}

# Whatever ends `up` before all is ready: the machines that it has started go with it.
give_up() {
    local status=$? machine
    trap '' INT TERM HUP
    set +e
    abort_step
    ((status != 0)) || return 0
    ((${#BOOTED[@]} == 0)) || warn "  stopping what was started"
    for machine in "${BOOTED[@]}"; do machine_halt "$machine" >/dev/null 2>&1; done
    for machine in "${MACHINES[@]}"; do ! machine_running "$machine" || return 0; done
    network_leave "$HOST"
}

# What root has made beside the machines belongs to the checkout's owner.
give_back() {
    local made
    for made in "$DATA/tools" "$DATA/services"; do
        [[ ! -e $made && ! -L $made ]] || chown -hR --reference="$ROOT" -- "$made"
    done
}
