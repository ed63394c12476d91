# shellcheck shell=bash
# epmd, the port mapper that an Erlang machine starts beside itself and never stops. $DATA/run/epmd says which program
# answers on which port, so that it can be told to go when the node has gone.

# The node's own program folder holds the epmd that it starts.
rabbitmq_note_epmd() {
    local pid machine
    [[ ! -e $DATA/run/epmd ]] || return 0
    pid=$(pid_of rabbitmq) && machine=$(readlink "/proc/$pid/exe") || return 0
    [[ $machine != */beam.smp ]] || printf '%s %s\n' "$AMQP_EPMD_PORT" "${machine%/*}/epmd" >"$DATA/run/epmd"
}

# epmd refuses to go while a node is registered with it.
rabbitmq_stop_epmd() {
    local port program
    { read -r port program <"$DATA/run/epmd"; } 2>/dev/null || return 0
    ERL_EPMD_PORT=$port "$program" -kill >/dev/null 2>&1 || true
    rm -f -- "$DATA/run/epmd"
}

# A port mapper of ours may still be there after the node was killed; anything else on its port is in the way.
rabbitmq_check_epmd_port() { [[ -e $DATA/run/epmd ]] || require_free_ports rabbitmq AMQP_EPMD_PORT; }
