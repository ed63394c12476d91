# shellcheck shell=bash
# The single checks of scripts/test. Each is one command or a few, run by `check` with its output in a file.

FAILED=()

check() { # LABEL COMMAND...
    step "$@"
    ((STEP_STATUS == 0)) || FAILED+=("$1")
}

check_format() { cargo fmt --all --check -- --color never; }
check_clippy() { cargo clippy --workspace --all-targets --locked -- -D warnings; }
check_rustdoc() { RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked; }

check_shell() {
    shellcheck -x .ci/run scripts/up scripts/down scripts/service scripts/psql scripts/backup scripts/restore scripts/test scripts/bench scripts/soak scripts/mutants \
        scripts/machines scripts/check-nix scripts/lib/{apt_install,machine,machine_init,machine_sudo} scripts/lib/*.sh scripts/tests/*.* scripts/tests/machines/* scripts/tests/whole/*
}

check_dependencies() {
    local deny=("$TOOLS/bin/cargo-deny" --locked --config nix/deny.toml)
    "${deny[@]}" check bans licenses sources
    if "${deny[@]}" fetch db; then
        "${deny[@]}" check advisories
    else
        echo "ADVISORIES NOT CHECKED: their database cannot be fetched from here"
    fi
}

check_nix() { TOOLS=$TOOLS "$ROOT/scripts/check-nix"; }

check_scripts() {
    local file
    for file in scripts/tests/*.sh; do bash "$file"; done
}

# Rings 1 and 2: everything but the test target `system`, which needs the whole system. Always the whole workspace, so
# that cargo chooses the same features each time and compiles nothing twice.
check_crates() {
    local targets=() name
    while read -r name; do targets+=(--test "$name"); done < <(test_targets)
    cargo test --workspace --locked --no-fail-fast --lib --bins "${targets[@]}"
    cargo test --workspace --locked --doc
}

test_targets() {
    local file
    for file in crates/*/tests/*.rs crates/*/tests/*/main.rs; do
        [[ -e $file ]] || continue
        file=${file%/main.rs}
        basename "$file" .rs
    done | sort -u | grep -vx system
}

check_system() { cargo test --workspace --locked --test system -- --test-threads=1; }

check_instructions() { timeout --kill-after=30 1200 python3 -B scripts/lib/instructions.py; }

check_backup() { timeout --kill-after=30 300 bash scripts/tests/whole/backup.sh; }

check_postman() {
    "$TOOLS/newman/node_modules/.bin/newman" run postman/crud-master.postman_collection.json \
        --environment postman/crud-master.postman_environment.json --env-var "base_url=$(service_url api-gateway)" \
        --timeout 300000 --timeout-request 10000 --color off
}

check_rehearsal() { TOOLS=$TOOLS timeout --kill-after=120 600 scripts/tests/machines/run; }

# All checks but one, which asks with a user's token for what the operator has made: an order for a customer is a 404 to others.
check_schema() {
    local document config=$ROOT/scripts/tools/schemathesis.toml
    document=$(service_url api-gateway)/api-docs/openapi.json
    SCHEMA_USERNAME=schema-$(random_hex 8) SCHEMA_PASSWORD="a long enough secret" SCHEMA_HOOKS=$ROOT/scripts/tools/schemathesis_hooks.py
    export SCHEMA_USERNAME SCHEMA_PASSWORD SCHEMA_HOOKS
    curl -fsS -m 10 -o /dev/null -H 'content-type: application/json' "$(service_url api-gateway)/api/users/register" \
        -d "{\"username\":\"$SCHEMA_USERNAME\",\"email\":\"$SCHEMA_USERNAME@example.org\",\"password\":\"$SCHEMA_PASSWORD\"}"
    cd "$DATA" || return # it leaves files where it runs
    timeout 900 "$TOOLS/schemathesis/bin/schemathesis" --config-file "$config" run "$document" --checks all --exclude-checks ensure_resource_availability \
        --phases examples,coverage,fuzzing,stateful \
        --seed 1 --generation-database none --max-examples 50 --workers 1 --request-timeout 10 --no-color
}
