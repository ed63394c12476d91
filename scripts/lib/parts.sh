# shellcheck shell=bash
# The five parts of the running system, in the order of their start, and what can be done with each by its name.

PARTS=(postgres rabbitmq inventory-app billing-app api-gateway)
READY_WITHIN=60 # seconds; a recovery after a crash takes longer than a start

require_part() { # NAME
    local part
    for part in "${PARTS[@]}"; do [[ $part != "${1:-}" ]] || return 0; done
    die "there is no part '${1:-}'; the parts are: ${PARTS[*]}"
}

part_ports() { # NAME: the variables that hold its ports
    case $1 in
        postgres) echo MOVIES_DB_PORT ;;
        rabbitmq) echo AMQP_PORT AMQP_MANAGEMENT_PORT AMQP_DIST_PORT ;;
        *) service_variable "$1" PORT ;;
    esac
}

part_needs() { # NAME: the parts without which it is not ready
    case $1 in
        inventory-app | billing-app) echo postgres rabbitmq ;;
        api-gateway) echo rabbitmq inventory-app billing-app ;;
    esac
}

part_ready() {
    case $1 in
        postgres | rabbitmq) "${1}_ready" ;;
        *) service_ready "$1" ;;
    esac
}

# What would make a start fail can be said before anything is built or started.
part_check() { # NAME, which does not run
    case $1 in
        postgres) postgres_check ;;
        rabbitmq) rabbitmq_check ;;
    esac
    # shellcheck disable=SC2046 # one variable name a word
    require_free_ports "$1" $(part_ports "$1")
}

part_start() { # NAME
    local name=$1 began logged
    if running "$name"; then say "  $name is running already, pid $(pid_of "$name")" && return 0; fi
    part_check "$name"
    began=$(now_ms)
    logged=$(stat -c %s -- "$(log_file "$name")" 2>/dev/null || echo 0)
    case $name in
        postgres | rabbitmq) "${name}_start" || exit 1 ;;
        *) service_start "$name" || exit 1 ;;
    esac
    part_settings "$name" >"$DATA/run/$name.settings"
    part_wait_ready "$name" "$logged"
    [[ $name != postgres ]] || postgres_provision
    say "  $name is ready, pid $(pid_of "$name"): $(seconds_since "$began") s"
}

part_wait_ready() { # NAME BYTES_LOGGED_BEFORE
    local until=$(($(now_ms) + READY_WITHIN * 1000)) problem="is not ready after $READY_WITHIN s"
    while (($(now_ms) < until)); do
        running "$1" || { problem="has ended" && break; }
        ! part_ready "$1" || return 0
        pause 0.1
    done
    warn "  the end of $(log_file "$1"):"
    tail -c "+$(($2 + 1))" -- "$(log_file "$1")" | tail -n 20 | sed 's/^/    /' >&2
    die "$1 $problem"
}

part_stop() { # NAME
    local began signal=TERM
    began=$(now_ms)
    if ! running "$1"; then
        forget "$1"
    else
        [[ $1 != rabbitmq ]] || rabbitmq_note_epmd # a node that was still starting has one, too
        [[ $1 != postgres ]] || signal=INT # a fast shutdown: clients are sent away, data are written
        stop_process "$1" "$signal"
        say "  $1 has stopped: $(seconds_since "$began") s"
    fi
    [[ $1 != rabbitmq ]] || rabbitmq_stop_epmd
}

part_kill() { # NAME
    running "$1" || die "$1 is not running"
    [[ $1 != rabbitmq ]] || rabbitmq_note_epmd
    kill_process "$1"
    say "  $1 was killed; it stays down until: scripts/service start $1"
}

# A fingerprint of what the part was started with, to see whether it must be restarted. Hashed: there are secrets in it.
part_settings() { # NAME
    local variable relevant='*'
    case $1 in
        postgres) relevant='*_DB_PORT' ;;
        rabbitmq) relevant='*AMQP*' ;;
    esac
    {
        case $1 in
            postgres) ;;
            rabbitmq) cat -- "$TOPOLOGY" ;;
            *) echo "$ALLOCATION" ;;
        esac
        for variable in "${ENV_NAMES[@]}"; do
            # shellcheck disable=SC2053 # a pattern on purpose
            [[ $variable == $relevant ]] || continue
            printf '%s=%s\n' "$variable" "${!variable}"
            variable+=_FILE
            [[ -z ${!variable:-} ]] || cat -- "${!variable}"
        done
    } | sha256sum
}

part_changed() { # NAME, which runs: other settings, or for a service another binary
    [[ $(part_settings "$1") == "$(cat -- "$DATA/run/$1.settings" 2>/dev/null)" ]] || return 0
    case $1 in postgres | rabbitmq) return 1 ;; esac
    [[ ! "/proc/$(pid_of "$1")/exe" -ef $(service_binary "$1") ]]
}
