#!/bin/sh
# Supervise: run a command for each name until it completes, at most three times, and collect what was found.
#
#   sh examples/supervisor.sh ./review.sh lexer parser printer
#
# Whatever becomes of a worker, be it killed or the machine out of memory, its end is recorded, and it is run again.
set -eu

[ $# -gt 1 ] || { echo "usage: $0 COMMAND NAME..." >&2; exit 2; }
command=$1
shift

AGENTREG_TASK=$(agentreg task new "Supervise $command" --max-concurrent "${SLOTS:-4}") || exit
export AGENTREG_TASK

supervise() {
    for try in 1 2 3; do
        agentreg run --type worker --label "name=$1" --label "try=$try" --wait -- "$command" "$1" && return
        echo "supervisor: $1 failed, try $try of 3" >&2
    done
    return 1
}

for name in "$@"; do
    supervise "$name" &
done
# Whoever was killed with its supervisor is recorded too.
wait
agentreg reap -q >/dev/null

agentreg findings
completed=$(agentreg status --all -q --only completed | wc -l)
agentreg task close "$AGENTREG_TASK" --force
[ "$completed" -eq $# ]
