#!/usr/bin/env bash
# No credential but in .env: the value of none of its secrets is in another file of the repository.
set -euo pipefail
# shellcheck source=scripts/tests/expect.bash
source "$(dirname "${BASH_SOURCE[0]}")/expect.bash"

secrets() { # of the file itself: the caller's environment may hold other ones
    local name
    for name in "${ENV_NAMES[@]}"; do unset "$name"; done
    load_env "$ROOT/.env"
    for name in "${ENV_NAMES[@]}"; do
        [[ ! $name =~ PASSWORD|SECRET|TOKEN || -z ${!name} ]] || printf '%s\n' "${!name}"
    done
}

# Of all that is not ignored. The checkout may be another user's, or no checkout of Git.
containing() { git -c safe.directory='*' -C "$ROOT" grep --no-index --exclude-standard -IlF -f "$SCRATCH/secrets" -- "$@" || true; } # PATHS

secrets >"$SCRATCH/secrets"
expect_equal "the secrets are found where they are" .env "$(containing .env)"
expect_equal "and nowhere else" '' "$(containing . ':!.env')"
