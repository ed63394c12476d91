#!/usr/bin/env bash
# provision.sh NAME [builder]: what Vagrant runs as root on a machine, before it restarts it: the settings of .env, then NixOS
# as the flake describes the machine NAME. Safe to run again (`vagrant provision`). The settings come from the Vagrantfile in
# ENVIRONMENT (all that the machine needs) and PUBLIC (what Nix may know, nix/environment.json), in base64, which no shell changes.
set -euo pipefail

name=$1 role=${2:-}
shared=/var/cache/crud-master # `in` comes from the host, `out` is taken by it
nix=(nix --extra-experimental-features "nix-command flakes")

# The box has 10 GB, and the disk may be larger: give the root partition all of it.
grow_root() {
    local partition disk
    partition=$(readlink -f "$(findmnt -no SOURCE /)")
    disk=/dev/$(lsblk -no PKNAME "$partition")
    echo ', +' | sfdisk --quiet --no-reread --force -N "${partition##*[!0-9]}" "$disk" || true
    partx --update "$disk" || true
    resize2fs "$partition"
}

# The service reads all of it from a file of root's. Nix reads what is not secret: all that it reads lands in the store.
write_settings() {
    install -d -m 755 /etc/crud-master
    (umask 077 && base64 -d <<<"$ENVIRONMENT" >/etc/crud-master/env.new)
    mv /etc/crud-master/env.new /etc/crud-master/env
    base64 -d <<<"$PUBLIC" >/vagrant/nix/environment.json
}

# The first machine compiles the services; the others find the result in the folder that the host hands on.
build_services() {
    local paths
    if [[ -e $shared/in/services.nar ]]; then
        nix-store --import <"$shared/in/services.nar" >/dev/null || echo "what the first machine has built cannot be used: compiling"
    fi
    "${nix[@]}" build path:/vagrant#default --print-build-logs --out-link /var/lib/crud-master-services
    if [[ $role == builder ]]; then
        mkdir -p "$shared/out"
        mapfile -t paths < <(nix-store --query --requisites /var/lib/crud-master-services)
        nix-store --export "${paths[@]}" >"$shared/out/services.nar"
    fi
}

# The new system's own program writes the boot menu: what the box brings may be years older. For the next start: a live switch
# would replace D-Bus and the network under this very connection.
install_system() {
    local system="path:/vagrant#nixosConfigurations.$name.config.system.build.toplevel"
    "${nix[@]}" build "$system" --print-build-logs --no-link --profile /nix/var/nix/profiles/system
    /nix/var/nix/profiles/system/bin/switch-to-configuration boot
}

grow_root
write_settings
build_services
install_system
