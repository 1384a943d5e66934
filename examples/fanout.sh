#!/bin/sh
# Fan out: one worker for each line of standard input, at most four at once, then wait for all of them.
#
#   ls src/*.rs | sh examples/fanout.sh wc -l
#
# Each line is the last argument of the worker's command. Exits 0 if every worker completed.
set -eu

[ $# -gt 0 ] || { echo "usage: $0 COMMAND [ARGUMENT]... < ITEMS" >&2; exit 2; }

AGENTREG_TASK=$(agentreg task new "Fan out: $*" --max-concurrent "${SLOTS:-4}") || exit
export AGENTREG_TASK

workers=0
while IFS= read -r item; do
    # Each waits for a slot of its own, so all may be started at once.
    agentreg run --type worker --label "item=$item" --wait -- "$@" "$item" </dev/null &
    workers=$((workers + 1))
done

# Also those that have not registered yet are waited for.
code=0
[ "$workers" -eq 0 ] || agentreg wait --agents "$workers" --timeout "${TIMEOUT:-1h}" || code=$?

agentreg status --only failed,terminated
agentreg task close "$AGENTREG_TASK" --force
exit "$code"
