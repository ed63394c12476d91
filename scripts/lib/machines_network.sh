# shellcheck shell=bash
# The network of the machines: a namespace each, joined by a bridge in a fourth namespace, `host`. The network of the real
# host gets no interface, no address, no route and no rule.

# The address that a hypervisor's host has in such a network: the first.
host_address() {
    local address
    address=$(table address "${MACHINES[0]}") || exit 1
    printf '%s.1' "${address%.*}"
}

# What a machine is to its neighbours, and they to it.
wiring() { table address "$1" && table firewall "$1" && table hosts; } # NAME

network_up() {
    local ns address
    ns=$(netns "${HOST:?}") address=$(host_address) || exit 1
    [[ $(ip -n "$ns" -br address show dev bridge 2>/dev/null) != *" $address/24"* ]] || return 0
    network_leave "$HOST"
    ip netns add "$ns"
    ip -n "$ns" link set dev lo up
    ip -n "$ns" link add bridge type bridge
    ip -n "$ns" address add "$address/24" dev bridge
    ip -n "$ns" link set dev bridge up
}

# The rules are there before the wire is.
network_join() { # NAME
    local ns host address
    ns=$(netns "$1") host=$(netns "$HOST") address=$(table address "$1") || exit 1
    network_leave "$1"
    ip netns add "$ns"
    ip -n "$ns" link set dev lo up
    table firewall "$1" | nsenter --net="/run/netns/$ns" iptables-restore || die "the firewall of $1 cannot be set up"
    printf '%s\n' '*filter' ':INPUT DROP' '-A INPUT -i lo -j ACCEPT' COMMIT |
        nsenter --net="/run/netns/$ns" ip6tables-restore || die "the firewall of $1 cannot be set up for IPv6"
    ip -n "$host" link add "$1" type veth peer name eth1 address "$(hardware_address "$address")" netns "$ns"
    ip -n "$host" link set dev "$1" master bridge up
    ip -n "$ns" address add "$address/24" dev eth1
    ip -n "$ns" link set dev eth1 up
}

# The same at every start, as a machine's card: neighbours would ask for the old one for half a minute.
hardware_address() { # ADDRESS
    # shellcheck disable=SC2086 # four numbers
    printf '02:00:%02x:%02x:%02x:%02x' ${1//./ }
}

# Also what an interrupted start or a killed machine has left.
network_leave() { # NAME
    ip -n "$(netns "$HOST")" link delete dev "$1" 2>/dev/null || true
    if netns_exists "$1"; then ip netns delete "$(netns "$1")"; fi
}
