# shellcheck shell=bash
# The Postman collection, run by newman from the fourth namespace.

on host "$TOOLS/newman/node_modules/.bin/newman" run "$ROOT/postman/crud-master.postman_collection.json" \
    --environment "$ROOT/postman/crud-master.postman_environment.json" --env-var "base_url=$GATEWAY" \
    --timeout 120000 --timeout-request 10000 --color off --reporters cli --reporter-cli-no-success-assertions >"$SCRATCH/newman" ||
    fail "the Postman collection: $(tail -n 60 "$SCRATCH/newman")"
say "ok: the Postman collection"
