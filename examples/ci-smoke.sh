#!/usr/bin/env bash
# A CI step: starts a few agents, waits for them, and fails the build if any of them failed.
#
#   examples/ci-smoke.sh              # the agents below
#   SMOKE_TIMEOUT=30m examples/ci-smoke.sh
#
# Its exit code: 0 all completed, 8 one did not, 124 the time was over.
set -euo pipefail

AGENTREG_HOME=$(mktemp -d)
export AGENTREG_HOME
trap 'rm -rf "$AGENTREG_HOME"' EXIT

AGENTREG_TASK=$(agentreg task new "smoke test of $(basename "$PWD")" --max-concurrent 4)
export AGENTREG_TASK

# What an agent does, in place of yours: it says who it is, works, and says how it ended. Should it die without a word,
# --pid lets `wait` find that out.
agent() {
    local type=$1
    shift
    export AGENTREG_AGENT
    AGENTREG_AGENT=$(agentreg register --type "$type" --pid "$BASHPID")
    if "$@" >"$AGENTREG_HOME/$type.out" 2>&1; then
        agentreg progress -q -s completed -m "$type is fine"
    else
        agentreg finding -q -t issue -s high -m "$(tail -n 1 "$AGENTREG_HOME/$type.out")"
        agentreg progress -q -s failed -m "$type failed"
    fi
}

agent format bash -c 'echo formatted' &
agent lint bash -c "${SMOKE_LINT:-true}" &
agent test bash -c "${SMOKE_TEST:-true}" &

# All three have to be registered and to complete.
code=0
agentreg wait --agents 3 --timeout "${SMOKE_TIMEOUT:-10m}" || code=$?
wait

if [ "$code" -ne 0 ]; then
    echo "--- what the agents found"
    agentreg findings --min-severity high
    echo "--- where they stand"
    agentreg status --all
fi
exit "$code"
