# shellcheck shell=bash
# Which TCP ports are taken. Reads the kernel's table: asking by connecting would leave traces in somebody's log.

port_taken() { # PORT: true when something listens on it on loopback or on every address
    local hex
    hex=$(printf '%04X' "$1")
    grep -qE "^ *[0-9]+: (0100007F|00000000|0{32}|0{24}01000000|0{16}FFFF00000100007F):$hex [0-9A-F]+:0000 0A " \
        /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# require_free_ports PART NAME...: each NAME is a variable that holds a port.
require_free_ports() {
    local part=$1 name
    shift
    for name; do
        [[ ${!name:-} =~ ^[0-9]{1,5}$ ]] || die "$name is '${!name:-}': $part needs a port number there"
        ! port_taken "${!name}" || die "port ${!name} ($name) is taken by another process: stop it, or set $name to a free port"
    done
}
