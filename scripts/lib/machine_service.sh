# shellcheck shell=bash
# The service of a machine under root's pm2, which reads nix/pm2/ecosystem.json, as on the NixOS machines.
# Its environment is the file /etc/crud-master/env and nothing of ours: a variable that is missing there is missing.

PM2_KNOWS=() # variables, as NAME=VALUE
pm2_do() { timeout 25 env -i PATH="$PATH" HOME="$HOME" LANG="$LANG" "${PM2_KNOWS[@]}" /usr/local/bin/pm2 "$@"; }

service_pid() { # of the running service
    local pid
    pid=$(pm2_do pid "$MACHINE_PM2") && [[ ${pid:-0} =~ ^[1-9][0-9]*$ ]] && printf '%s' "$pid"
}

# Runs unchanged? Then it is left alone. A service that was stopped by hand is started: up means up.
service_bring_up() {
    local pid
    if pid=$(service_pid) && [[ $(service_settings) == "$(cat -- "$DATA/run/service.settings" 2>/dev/null)" &&
        "/proc/$pid/exe" -ef "$DATA/service/$MACHINE_SERVICE" ]]; then
        say "  $MACHINE_PM2 is running already, pid $pid"
    else
        service_fresh
    fi
}

service_settings() { cat -- /etc/crud-master/env "$ROOT/nix/pm2/ecosystem.json" | sha256sum; }

# From the definition and the environment file as they are now: what pm2 had kept of both is forgotten.
service_fresh() {
    local name
    pm2_rotate
    pm2_do delete "$MACHINE_PM2" >/dev/null 2>&1 || true
    for name in "${SERVICE_VARIABLES[@]}"; do PM2_KNOWS+=("$name=${!name}"); done
    pm2_do start "$ROOT/nix/pm2/ecosystem.json" --only "$MACHINE_PM2" >/dev/null ||
        die "pm2 could not start $MACHINE_PM2; see $DATA/pm2/pm2.log"
    pm2_do describe "$MACHINE_PM2" >/dev/null 2>&1 || die "nix/pm2/ecosystem.json has no $MACHINE_PM2"
    service_settings >"$DATA/run/service.settings"
    say "  $MACHINE_PM2 is started"
}

# pm2 appends to its logs for ever.
pm2_rotate() {
    local log
    for log in "$DATA"/pm2/logs/*.log; do
        [[ -e $log && $(stat -c %s -- "$log") -gt 16000000 ]] || continue
        cp -- "$log" "$log.1"
        : >"$log"
    done
}

service_do() { # VERB
    case $1 in
        start) service_bring_up ;;
        stop) pm2_do stop "$MACHINE_PM2" ;;
        restart) service_fresh ;;
        status) pm2_do list ;;
        *) die "service NAME start|stop|restart|status" ;;
    esac
}

pm2_end() {
    [[ -e $DATA/pm2/pm2.pid ]] || return 0
    pm2_do stop all >/dev/null 2>&1 || true
    pm2_do kill >/dev/null 2>&1 || true
}
