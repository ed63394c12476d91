# shellcheck shell=bash
# The benchmarks, one function each: bench_<name>.

# The movie to ask for; made for the occasion and removed by `bench_end`.
BENCH_MOVIE=''
api() { # METHOD PATH [BODY]
    local authorization=()
    [[ -z ${OPERATOR_TOKEN:-} ]] || authorization=(-H @<(printf 'Authorization: Bearer %s\n' "$OPERATOR_TOKEN"))
    curl -fsS -m "${API_LIMIT:-10}" -X "$1" "${authorization[@]}" -H 'Content-Type: application/json' ${3:+-d "$3"} "$(service_url api-gateway)$2"
}

make_movie() {
    [[ -n $BENCH_MOVIE ]] || BENCH_MOVIE=$(api POST /api/movies '{"title":"Measured","description":"for scripts/bench"}' | sed 's/.*"id":\([0-9]*\).*/\1/')
}

bench_movies() {
    local connections
    make_movie
    for connections in 16 64; do
        add_case "GET one movie, through the gateway" "$connections" "$(service_url api-gateway)/api/movies/$BENCH_MOVIE"
        add_case "GET one movie, at the inventory" "$connections" "$(service_url inventory-app)/api/movies/$BENCH_MOVIE"
    done
    run_cases
}

bench_payments() {
    local connections before began
    before=$(payments_recorded)
    for connections in 16 64; do
        add_case "POST payment, through the gateway" "$connections" "$(service_url api-gateway)/api/billing" "-s $LIB/payment.lua"
    done
    run_cases
    began=$(now_ms)
    payments_wait
    say "  $(($(payments_recorded) - before)) payments recorded, the last $(seconds_since "$began") s after the load"
}

payments_recorded() { "$ROOT/scripts/psql" billing -X -At -c 'SELECT count(*) FROM orders'; }

payments_wait() { # until the count stands still; at most two minutes
    local last=-1 now i
    for ((i = 0; i < 120; i++)); do
        now=$(payments_recorded)
        [[ $now != "$last" ]] || return 0
        last=$now
        pause 1
    done
}

# 16 users for ROUND_SECONDS, in rounds: what the gateway answers, and what the tables tell of the way to SHIPPED.
bench_shop() {
    local round began file=$RESULTS/shop
    build_examples
    for ((round = 1; round <= ROUNDS; round++)); do
        began=$("$ROOT/scripts/psql" billing -X -At -c 'SELECT now()')
        GATEWAY=$(service_url api-gateway) example checkouts 16 "$ROUND_SECONDS" | tr '\n' ' ' >>"$file"
        orders_wait
        shipped_since "$began" >>"$file"
    done
    printf '\n%-44s %10s %10s %10s\n' "" "a second" "median" "99 %"
    printf '%-44s %10d %7d us %7d us\n' "a purchase: a line, and the checkout" "$(median_of 1 "$file")" "$(median_of 2 "$file")" "$(median_of 3 "$file")"
    printf '%-44s %10d %7d us %7d us\n' "from the checkout to SHIPPED" "$(median_of 4 "$file")" "$(median_of 5 "$file")" "$(median_of 6 "$file")"
    bench_logins
}

# "orders/s p50_us p99_us" of the orders that were checked out since then and are SHIPPED.
shipped_since() { # TIME
    "$ROOT/scripts/psql" billing -X -At -F ' ' -c "
        SELECT round(count(*) / extract(epoch FROM max(s.at) - min(p.at))),
               round((percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM s.at - p.at)) * 1e6)::numeric),
               round((percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM s.at - p.at)) * 1e6)::numeric)
        FROM orders.order_history s JOIN orders.order_history p USING (order_id)
        WHERE s.status = 'SHIPPED' AND p.status = 'PROCESSING' AND p.at >= '$1'"
}

orders_wait() { # until every order has come to its end; at most two minutes
    local i
    for ((i = 0; i < 1200; i++)); do
        [[ $("$ROOT/scripts/psql" billing -X -At -c "SELECT count(*) FROM orders.orders WHERE status = 'PROCESSING'") != 0 ]] || return 0
        pause 0.1
    done
}

bench_logins() {
    local worked rate median longest
    "$ROOT/scripts/service" restart billing-app >/dev/null
    read -r worked rate median longest < <(BILLING=$(service_url billing-app) example logins 200)
    printf '\n200 logins at once: %d worked, %d a second; another route meanwhile: median %d us, longest %d us; peak memory of the billing %s MB\n' \
        "$worked" "$rate" "$median" "$longest" "$(awk '/^VmHWM/ { printf "%.1f", $2 * 1024 / 1e6 }' "/proc/$(pid_of billing-app)/status")"
}

# Bikes on their trips say where they are, for three times ROUND_SECONDS: what the gateway takes, what both consumers apply
# meanwhile, and whether their queues grow. Goal: 5,000 a second.
bench_locations() {
    local before figures waiting=() queue seconds=$((ROUND_SECONDS * 3))
    build_examples
    make_bikes 500
    GATEWAY=$(service_url api-gateway) example locations 64 2 500 >/dev/null # not counted
    locations_wait
    before="$(applied locations_position) $(applied locations_track)"
    GATEWAY=$(service_url api-gateway) example locations 64 "$seconds" 500 >"$RESULTS/locations" &
    pause "$((seconds / 2))"
    for queue in locations_position locations_track; do waiting+=("$(inventory_metric broker_queue_depth "$queue")"); done
    wait $!
    figures="$before $(applied locations_position) $(applied locations_track)"
    for queue in locations_position locations_track; do waiting+=("$(inventory_metric broker_queue_depth "$queue")"); done
    print_locations "$seconds" "$figures" "${waiting[@]}"
    locations_wait
}

print_locations() { # SECONDS FIGURES WAITING...
    local accepted rate failures median late before_position before_track position track
    read -r accepted rate failures median late <"$RESULTS/locations"
    read -r before_position before_track position track <<<"$2"
    printf '\n%-44s %10s %10s %10s %8s\n' "" "a second" "median" "99 %" "failed"
    printf '%-44s %10d %7d us %7d us %8d\n' "POST event, through the gateway, 64 conns" "$rate" "$median" "$late" "$failures"
    printf '%-44s %10d   of %d accepted, waiting: %s at half time, %s at the end\n' \
        "locations_position, applied meanwhile" $(((position - before_position) / $1)) "$accepted" "$3" "$5" \
        "locations_track, applied meanwhile" $(((track - before_track) / $1)) "$accepted" "$4" "$6"
}

applied() { inventory_metric broker_consumed_total "$1"; } # QUEUE

inventory_metric() { # METRIC QUEUE: a whole number
    curl -fsS -m 5 "$(service_url inventory-app)/metrics" |
        awk -v metric="$1{" -v queue="queue=\"$2\"" 'index($0, metric) == 1 && index($0, queue) { printf "%d", $NF; found = 1 } END { if (!found) printf "0" }'
}

make_bikes() { # COUNT, each on a trip
    "$ROOT/scripts/psql" inventory -X -q -c "
        INSERT INTO bikes.bikes (id, longitude, latitude) SELECT 'bench-' || n, 0, 0 FROM generate_series(1, $1) n ON CONFLICT DO NOTHING;
        INSERT INTO trips.trips (id, bike_id, started_at) SELECT gen_random_uuid(), 'bench-' || n, now() FROM generate_series(1, $1) n
        ON CONFLICT (bike_id) WHERE ended_at IS NULL DO NOTHING"
}

locations_wait() { # until both counts stand still; at most two minutes
    local last='' now i
    for ((i = 0; i < 40; i++)); do
        now="$(applied locations_position) $(applied locations_track)"
        [[ $now != "$last" ]] || return 0
        last=$now
        pause 3
    done
}

build_examples() {
    step "build the load" build_in_root build --locked --profile "$PROFILE" -p testing --examples
    ((STEP_STATUS == 0)) || die "the load was not built"
}
example() { # NAME ARGS
    local folder=$PROFILE name=$1
    shift
    [[ $folder != dev ]] || folder=debug
    "${CARGO_TARGET_DIR:-$ROOT/target}/$folder/examples/$name" "$@"
}

# Memory of freshly started services, and after a minute of load with 64 connections.
bench_memory() {
    local name before=()
    make_movie
    for name in inventory-app billing-app api-gateway; do "$ROOT/scripts/service" restart "$name" >/dev/null; done
    pause 2
    for name in inventory-app billing-app api-gateway; do before+=("$(memory_of "$name")"); done
    wrk -t 1 -c 64 -d 30s "$(service_url api-gateway)/api/movies/$BENCH_MOVIE" >/dev/null
    wrk -t 1 -c 64 -d 30s -s "$LIB/payment.lua" "$(service_url api-gateway)/api/billing" >/dev/null
    printf '\n%-44s %14s %14s %14s\n' "" "idle" "after load" "binary"
    for name in inventory-app billing-app api-gateway; do
        printf '%-44s %11s MB %11s MB %11s MB\n' "$name, resident memory" "${before[0]}" "$(memory_of "$name")" \
            "$(stat -Lc %s -- "$(service_binary "$name")" | awk '{ printf "%.1f", $1 / 1e6 }')"
        before=("${before[@]:1}")
    done
    payments_wait
}

memory_of() { awk '/^VmRSS/ { printf "%.1f", $2 * 1024 / 1e6 }' "/proc/$(pid_of "$1")/status"; } # NAME

# From the moment the broker's port opens again until the gateway takes a payment.
bench_recovery() {
    local round file=$RESULTS/recovery
    for ((round = 1; round <= ROUNDS; round++)); do recovery_round >>"$file"; done
    printf '\n%-44s %s ms (of %s)\n' "first payment taken after RabbitMQ's return" "$(median_of 1 "$file")" "$(paste -sd' ' "$file")"
}

recovery_round() {
    local back='' until=$(($(now_ms) + 120000))
    "$ROOT/scripts/service" restart rabbitmq >/dev/null &
    while port_taken "$AMQP_PORT" && (($(now_ms) < until)); do pause 0.01; done
    while (($(now_ms) < until)); do # bounded, as the restart is
        if [[ -z $back ]] && port_taken "$AMQP_PORT"; then back=$(now_ms); fi
        if [[ -n $back ]] && post_payment; then break; fi
        pause 0.01
    done
    printf '%d\n' $(($(now_ms) - back))
    wait $!
}

post_payment() { curl -fs -m 3 -o /dev/null -H 'Content-Type: application/json' -d '{"user_id":"3","number_of_items":"5","total_amount":"180"}' "$(service_url api-gateway)/api/billing"; }

bench_end() { [[ -z $BENCH_MOVIE ]] || api DELETE "/api/movies/$BENCH_MOVIE" >/dev/null || true; }
