# shellcheck shell=bash
# Load from wrk, in rounds that alternate between the things compared, so that a slow minute of the machine hits all.

ROUNDS=3        # short rounds; the median is reported
ROUND_SECONDS=${BENCH_SECONDS:-5} # each, after a second that is not counted

# A case is "label|connections|url|wrk arguments". Its rounds go to $RESULTS/<index>.
CASES=()
add_case() { CASES+=("$1|$2|$3|${4:-}"); } # LABEL CONNECTIONS URL [WRK_ARGUMENTS]

run_cases() {
    local round i
    for ((round = 1; round <= ROUNDS; round++)); do
        for i in "${!CASES[@]}"; do run_case "$i"; done
    done
    printf '\n%-44s %6s %10s %10s %10s %8s\n' "" "conns" "req/s" "median" "99 %" "not 2xx"
    for i in "${!CASES[@]}"; do print_case "$i"; done
    CASES=()
}

run_case() { # INDEX: one round; appends "requests/s p50_us p99_us bad total" to its results
    local connections url arguments
    IFS='|' read -r _ connections url arguments <<<"${CASES[$1]}"
    # shellcheck disable=SC2086 # the arguments are words
    wrk -t 2 -c "$connections" -d 1s $arguments "$url" >/dev/null
    # shellcheck disable=SC2086
    wrk -t 2 -c "$connections" -d "${ROUND_SECONDS}s" --latency $arguments "$url" | wrk_figures >>"$RESULTS/$1"
}

wrk_figures() {
    awk '
        function us(text) { return text * (text ~ /us$/ ? 1 : text ~ /ms$/ ? 1000 : 1000000) }
        $1 == "50%" { median = us($2) }
        $1 == "99%" { late = us($2) }
        $1 == "Requests/sec:" { rate = $2 }
        /requests in/ { total = $1 }
        /Non-2xx/ { bad = $NF }
        /Socket errors/ { gsub(",", ""); bad += $4 + $6 + $8 + $10 }
        END { printf "%.0f %d %d %d %d\n", rate, median, late, bad, total }'
}

print_case() { # INDEX
    local label connections file=$RESULTS/$1
    IFS='|' read -r label connections _ <<<"${CASES[$1]}"
    printf '%-44s %6d %10d %7d us %7d us %8d\n' "$label" "$connections" "$(median_of 1 "$file")" \
        "$(median_of 2 "$file")" "$(median_of 3 "$file")" "$(awk '{ bad += $4 } END { print bad + 0 }' "$file")"
    rm -f -- "$file"
}

median_of() { # COLUMN FILE
    awk -v column="$1" '{ print $column }' "$2" | sort -n | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'
}
