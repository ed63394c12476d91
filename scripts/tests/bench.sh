#!/usr/bin/env bash
# What scripts/bench and the count of instructions make of what they have measured.
set -euo pipefail
# shellcheck source=scripts/tests/expect.bash
source "$(dirname "${BASH_SOURCE[0]}")/expect.bash"
cd "$ROOT"
export PYTHONPATH=$LIB/bench:$LIB

groups_of() { sed -n "s/^$1 *= *[[(]\([^])]*\).*/\1/p" "$2" | tr -d '",' | tr '\n' ' '; } # VARIABLE FILE
of_script="$(groups_of GROUPS_ALONE scripts/bench)$(groups_of GROUPS_OF_SYSTEM scripts/bench)"
expect_equal "both sides of scripts/bench know the same groups" "$of_script" "$(groups_of GROUPS scripts/lib/bench/__main__.py)"
for name in $of_script; do
    expect_equal "the help tells of $name" 1 "$(scripts/bench --help | grep -c "^  $name  ")"
done
expect_failure "an unknown group" "there is no benchmark 'nothing'" scripts/bench nothing

cat >"$SCRATCH/wrk" <<'OUTPUT'
Running 5s test @ http://127.0.0.1:1/
  2 threads and 64 connections
  Latency Distribution
     50%  850.00us
     75%    1.20ms
     99%    1.25s
  12000 requests in 5.10s, 4.00MB read
  Socket errors: connect 1, read 2, write 3, timeout 4
  Non-2xx or 3xx responses: 5
Requests/sec:   2352.94
OUTPUT
expect_equal "what wrk has measured" '12000 5.1 850.0 1250000.0 15' "$(python3 -B - "$SCRATCH/wrk" <<'END'
import sys, wrk
sample = wrk.figures(open(sys.argv[1]).read())
print(sample.count, sample.seconds, sample.median_us, sample.late_us, sample.failed)
END
)"

expect_equal "a ratio is the median of the rounds, and rounds alternate" 'abababab 0.5 0.25 1.0 False True' "$(BENCH_ROUNDS=3 python3 -B - <<'END'
from comparison import Comparison, Goal
from contender import Contender, Sample
order, counts = [], {"a": iter([1, 100, 200, 400]), "b": iter([1, 100, 100, 100])}
def contender(name):
    def measure():
        order.append(name)
        return Sample(next(counts[name]), 1)
    return Contender(name, measure)
goals = [Goal("b", "a", 0.6), Goal("b", None, 100)]
result = Comparison("title", "things", [contender("a"), contender("b")], goals).run().result()
ratio, value = result["goals"]
print("".join(order), *ratio["value"].values(), ratio["met"], value["met"])
END
)"

expect_equal "the CPU of a child that has ended counts, for 100,000" 'True True' "$(python3 -B - <<'END'
import os, subprocess, sys
import process
from contender import Sample
before = process.cost(os.getpid())
subprocess.run([sys.executable, "-c", "import time\nwhile time.process_time() < 0.3: pass"], check=True)
cost = process.cost(os.getpid()).since(before)
print(cost.user + cost.system >= 0.25, Sample(1_000, 1, costs={"one": process.Cost(1.0, 0.5)}).cpu == 150)
END
)"

expect_equal "what has done nothing is an error" 'a has done nothing' "$(python3 -B - <<'END'
from contender import Contender, Sample
try:
    Contender("a", lambda: Sample(0, 1)).take_sample()
except RuntimeError as error:
    print(error)
END
)"

expect_equal "a path that takes more than a tenth more instructions" "['more']" "$(python3 -B - <<'END'
import contextlib, instructions
baseline = {"instructions": {"same": 1_000, "more": 1_000, "less": 1_000}}
with contextlib.redirect_stdout(None):
    grown = instructions.compare({"same": 1_099, "more": 1_101, "less": 500}, baseline)
print(grown)
END
)"
