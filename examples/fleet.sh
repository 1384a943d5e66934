#!/bin/sh
# Five headless agents side by side: each registers, reports progress, shares what it finds and completes.
# Builds agentreg first. The registry lies in a directory of its own, so nothing of yours is touched.
set -eu

cd "$(dirname "$0")/.."
cargo build --release --quiet
PATH="$PWD/target/release:$PATH"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export AGENTREG_HOME="$work/registry"

AGENTREG_TASK=$(agentreg task new "Review the payment service" --priority P1)
export AGENTREG_TASK

# One agent. Where this one pretends, yours would call a model.
review() {
    AGENTREG_AGENT=$(agentreg register --type reviewer --label part="$1" --prompt "Review $1")
    export AGENTREG_AGENT
    agentreg progress -q --percent 10 "reading $1"
    case $1 in
        parser) agentreg finding -q --severity high --file src/parser.rs --line 120 "recursion without a bound" ;;
        ledger) agentreg finding -q --severity critical --type issue "amounts are added as floats" ;;
        *) agentreg finding -q "$1 follows the style guide" ;;
    esac
    agentreg progress -q --percent 60 "writing up $1"
    agentreg progress -q --status completed "reviewed $1"
}

for part in parser ledger api storage docs; do
    review "$part" &
done
wait

agentreg status --all
echo
agentreg findings --min-severity high
