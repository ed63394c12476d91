# shellcheck shell=bash
# The benchmarks of events and reports: bench_events, bench_reports.

EVENT='{"timestamp":"2026-11-22T10:15:00Z","client":42,"client_group":7,"device_type":"phone","category":"purchase","valid":true,"value":"12.5"}'

bench_events() {
    local url file=$RESULTS/events
    url=$(service_url api-gateway)/api/events
    printf 'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\nwrk.body = [==[%s]==]\n' "$EVENT" >"$file.lua"
    add_case "POST one event, through the gateway" 16 "$url" "-s $file.lua"
    run_cases
    events_lines 1000 | paste -sd, | sed 's/.*/[&]/' >"$file.json"
    events_post "100 arrays of 1,000" 100000 "$file.json" application/json 100
    events_lines 200000 >"$file.ndjson"
    events_post "a stream of 200,000 lines" 200000 "$file.ndjson" application/x-ndjson 1
    events_gigabyte
    events_size
}

# COUNT good lines of several clients, within one month.
events_lines() {
    awk -v count="$1" -v event="$EVENT" 'BEGIN {
        for (i = 0; i < count; i++) {
            line = event
            sub(/"client":42/, "\"client\":" i % 200, line)
            sub(/T10:15:00/, sprintf("T%02d:%02d:%02d", i / 3600 % 24, i / 60 % 60, i % 60), line)
            print line
        }
    }'
}

events_post() { # LABEL EVENTS FILE TYPE TIMES
    local began i
    began=$(now_ms)
    for ((i = 0; i < $5; i++)); do
        events_curl "$3" "$4" -m 600 >/dev/null
    done
    printf '%-44s %10d events/s\n' "$1, through the gateway" $(($2 * 1000 / ($(now_ms) - began)))
}

events_curl() { # FILE TYPE CURL_ARGUMENTS
    local file=$1 type=$2 authorization=()
    shift 2
    [[ -z ${OPERATOR_TOKEN:-} ]] || authorization=(-H @<(printf 'Authorization: Bearer %s\n' "$OPERATOR_TOKEN"))
    curl -fsS "${authorization[@]}" -H "Content-Type: $type" -T "$file" -X POST "$@" "$(service_url api-gateway)/api/events"
}

# 1 GB of lines: the peak of both services, from the start of the stream.
events_gigabyte() {
    local name began times peak=() file=$RESULTS/events.ndjson
    times=$((1000000000 / $(stat -c %s "$file")))
    for name in billing-app api-gateway; do echo 5 >"/proc/$(pid_of "$name")/clear_refs"; done
    began=$(now_ms)
    events_curl <(for ((; times > 0; times--)); do cat -- "$file"; done) application/x-ndjson -m 1800 >/dev/null
    for name in billing-app api-gateway; do peak+=("$(peak_of "$name")"); done
    printf '1 GB of lines, %d events: %s s; peak memory of the billing %s MB, of the gateway %s MB\n' \
        $((times * 200000)) "$(seconds_since "$began")" "${peak[@]}"
}

peak_of() { awk '/^VmHWM/ { printf "%.1f", $2 * 1024 / 1e6 }' "/proc/$(pid_of "$1")/status"; } # NAME

events_size() {
    "$ROOT/scripts/psql" billing -X -At -c "
        SELECT format('%s events: %s bytes each on disk, %s of them the indexes', count,
            round(total / greatest(count, 1)), round(indexes / greatest(count, 1)))
        FROM (SELECT count(*) AS count FROM events.events) counted,
             (SELECT sum(pg_total_relation_size(inhrelid)) AS total, sum(pg_indexes_size(inhrelid)) AS indexes
              FROM pg_inherits WHERE inhparent = 'events.events'::regclass) sized"
}

# Over as many events as BENCH_EVENTS names; the events that are there are removed.
bench_reports() {
    local count began
    for count in ${BENCH_EVENTS:-1000000 10000000}; do
        "$ROOT/scripts/psql" billing -X -q -c 'TRUNCATE events.events'
        began=$(now_ms)
        "$(service_binary billing-app)" generate-events --count "$count" 2>/dev/null
        "$ROOT/scripts/psql" billing -X -q -c 'VACUUM ANALYZE events.events'
        printf '\n%d events, generated and analysed in %s s\n' "$count" "$(seconds_since "$began")"
        report_time "by client and date" 'group_by=client,date'
        report_time "by client and date, the largest mean first" 'group_by=client,date&order_by=-mean'
        report_time "by all dimensions" ''
        report_time "by category" 'group_by=category'
        report_time "by date, of one client in one month" 'group_by=date&clients=42&start_date=2026-03-01&end_date=2026-03-31'
        report_time "by category, of one month" 'group_by=category&start_date=2026-03-01&end_date=2026-03-31'
    done
    events_size
}

# The median of five, through the gateway.
report_time() { # LABEL QUERY
    local round began file=$RESULTS/report
    rm -f -- "$file"
    for ((round = 0; round < 5; round++)); do
        began=$(now_ms)
        API_LIMIT=40 api GET "/api/reports?$2" >/dev/null
        echo $(($(now_ms) - began)) >>"$file"
    done
    printf '%-52s %8d ms\n' "report $1" "$(median_of 1 "$file")"
}
