# shellcheck shell=bash
# The three services: where their binaries are, how they start, when they are ready.

PROFILE=${CRUD_MASTER_PROFILE:-quick} # of cargo: `quick`, `release` (the optimised build) or `dev` (that of `cargo test`)

# glibc gives memory of more bytes back to the system when it is freed. Without a fixed number it raises that number, and
# keeps the buffers of lost AMQP connections (4 MiB).
ALLOCATION=MALLOC_MMAP_THRESHOLD_=1048576

# A part that is started alone is of the build that scripts/up started last.
remember_profile() { printf '%s' "$PROFILE" >"$DATA/run/profile"; }
recall_profile() { [[ -n ${CRUD_MASTER_PROFILE:-} || ! -r $DATA/run/profile ]] || PROFILE=$(<"$DATA/run/profile"); }

# Of the last build by scripts/up; what `nix run` brought along instead is linked from $DATA/services.
service_binary() { # NAME
    if [[ -e $DATA/services/$1 ]]; then printf '%s/services/%s' "$DATA" "$1" && return 0; fi
    local target=${CARGO_TARGET_DIR:-target} folder=$PROFILE
    [[ $target == /* ]] || target=$ROOT/$target
    [[ $PROFILE != dev ]] || folder=debug
    printf '%s/%s/%s' "$target" "$folder" "$1"
}

service_variable() { # NAME SUFFIX: api-gateway PORT -> API_GATEWAY_PORT
    local name=${1^^}
    printf '%s_%s' "${name//-/_}" "$2"
}

service_url() { # NAME
    local host port
    host=$(service_variable "$1" HOST) port=$(service_variable "$1" PORT)
    host=${!host} port=${!port}
    [[ $host != 0.0.0.0 ]] || host=127.0.0.1
    printf 'http://%s:%s' "$host" "$port"
}

service_start() { # NAME
    local binary
    binary=$(service_binary "$1")
    [[ -x $binary ]] || die "$binary is not built yet: scripts/up builds and starts it"
    (cd "$ROOT" && launch "$1" env "$ALLOCATION" "$binary")
}

# Ready by its own word. While something it needs is down on purpose, to be alive is all that can be asked.
service_ready() { # NAME
    local need question=ready
    for need in $(part_needs "$1"); do running "$need" || question=live; done
    curl -fsS -m 2 -o /dev/null "$(service_url "$1")/health/$question" 2>/dev/null
}
