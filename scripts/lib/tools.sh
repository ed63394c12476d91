# shellcheck shell=bash
# Test tools in pinned versions, installed below $TOOLS (the data folder) on first use. A stamp beside each says which
# pin it was made from, so that a changed pin installs it anew.

CARGO_DENY=0.20.2
CARGO_MUTANTS=27.1.0
CARGO_NEXTEST=0.9.143

# with_stamp NAME PIN COMMAND...: runs COMMAND unless it has run for this PIN.
with_stamp() {
    local stamp=$TOOLS/$1.stamp pin=$2
    shift 2
    [[ $(cat -- "$stamp" 2>/dev/null) != "$pin" ]] || return 0
    mkdir -p -- "$TOOLS"
    "$@"
    printf '%s' "$pin" >"$stamp"
}

install_newman() { with_stamp newman "$(sha256sum <"$ROOT/scripts/tools/newman/package-lock.json")" make_newman; }
make_newman() {
    rm -rf -- "$TOOLS/newman"
    cp -r -- "$ROOT/scripts/tools/newman" "$TOOLS/newman"
    npm ci --prefix "$TOOLS/newman" --no-audit --no-fund
}

install_pm2() { with_stamp pm2 "$(sha256sum <"$ROOT/scripts/tools/pm2/package-lock.json")" make_pm2; }
make_pm2() {
    rm -rf -- "$TOOLS/pm2"
    cp -r -- "$ROOT/scripts/tools/pm2" "$TOOLS/pm2"
    npm ci --prefix "$TOOLS/pm2" --no-audit --no-fund --ignore-scripts
}

install_schemathesis() { with_stamp schemathesis "$(sha256sum <"$ROOT/scripts/tools/schemathesis.txt")" make_schemathesis; }
make_schemathesis() {
    rm -rf -- "$TOOLS/schemathesis"
    python3 -m venv "$TOOLS/schemathesis"
    "$TOOLS/schemathesis/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$ROOT/scripts/tools/schemathesis.txt"
}

install_cargo_deny() { with_stamp cargo-deny "$CARGO_DENY" make_tool "cargo-deny@$CARGO_DENY" --no-default-features; }
install_mutants() {
    with_stamp cargo-mutants "$CARGO_MUTANTS" make_tool "cargo-mutants@$CARGO_MUTANTS"
    have cargo-nextest || with_stamp cargo-nextest "$CARGO_NEXTEST" make_tool "cargo-nextest@$CARGO_NEXTEST" --no-default-features --features default-no-update
}

# make_tool CRATE@VERSION [ARGUMENTS]. Unoptimised: it compiles in a third of the time.
make_tool() {
    CARGO_TARGET_DIR=$TOOLS/build CARGO_PROFILE_DEV_DEBUG=0 cargo install --locked --debug --force --root "$TOOLS" "$@"
    rm -rf -- "$TOOLS/build"
}
