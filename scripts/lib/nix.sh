# shellcheck shell=bash
# Nix and its tools for scripts/check-nix: what is on PATH, else pinned copies of our own below $TOOLS. Sourced after tools.sh.

DEADNIX=1.3.1
NIXFMT=0.5.3 # nixfmt_rs, which formats as nixpkgs' nixfmt does

install_deadnix() { have deadnix || with_stamp deadnix "$DEADNIX" make_tool "deadnix@$DEADNIX"; }
install_nixfmt() { have nixfmt || with_stamp nixfmt "$NIXFMT" make_tool "nixfmt_rs@$NIXFMT"; }

# A recent Nix as Debian's testing release builds it, unpacked into a folder of its own: no root, no daemon, no /nix.
install_nix() { have nix || with_stamp nix forky make_nix; }
make_nix() {
    local folder=$TOOLS/nix package
    rm -rf -- "$folder"
    mkdir -p -- "$folder/state/lists/partial" "$folder/cache/archives/partial" "$folder/bin"
    : >"$folder/status"
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s forky main\n' "$(debian_mirror)" >"$folder/sources.list"
    apt_settings "$folder" >"$folder/apt.conf"
    APT_CONFIG=$folder/apt.conf apt-get -qq update
    APT_CONFIG=$folder/apt.conf apt-get -qq -y --download-only install nix-bin
    for package in "$folder"/cache/archives/*.deb; do dpkg-deb -x "$package" "$folder/system"; done
    rm -rf -- "$folder/cache" "$folder/state"
    wrap_nix "$folder"
}

apt_settings() { # FOLDER
    cat <<EOS
Dir::State "$1/state";
Dir::State::status "$1/status";
Dir::Cache "$1/cache";
Dir::Etc::SourceList "$1/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Acquire::Languages "none";
APT::Install-Recommends "false";
APT::Sandbox::User "";
EOS
}

debian_mirror() {
    local found
    found=$(sed -n 's/^URIs: *//p; s/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\) .*/\2/p' /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1)
    printf '%s' "${found:-http://deb.debian.org/debian}"
}

# Its libraries are newer than this system's: it is started by its own loader.
wrap_nix() { # FOLDER
    local name loader
    loader=$(printf '%s\n' "$1"/system/usr/lib/*-linux-gnu/ld-linux-*.so.*)
    for name in nix nix-instantiate; do
        printf '#!/bin/sh\nexec "%s" --library-path "%s" --argv0 %s "%s" "$@"\n' \
            "$loader" "${loader%/*}" "$name" "$1/system/usr/bin/nix" >"$1/bin/$name"
        chmod +x "$1/bin/$name"
    done
    "$1/bin/nix" --version
}

# Ours writes to a store of its own; one that is installed knows where its store is.
nix_store_arguments() {
    [[ $(command -v nix) != "$TOOLS"/nix/bin/nix ]] || printf '%s\n' --store "$TOOLS/nix/store" --option build-users-group ''
}
