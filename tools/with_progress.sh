#!/bin/sh
# with_progress.sh LABEL COMMAND [ARGUMENT ...]
# Runs COMMAND with its output in a file and, every ten seconds, says how long it has been running and what it is at.
# If it fails, the end of its output is shown and its exit status is ours. The command stays in the foreground, so that
# Ctrl-C reaches it; only the clock runs beside it.
label=$1
shift
log=$(mktemp "${TMPDIR:-/tmp}/miv-log.XXXXXX") || exit 1
start=$(date +%s)
elapsed() { echo $(($(date +%s) - start)); }

latest() { # what apt, R or the compiler wrote last, in a few words
  tail -n 500 "$log" | tr '\r' '\n' | sed -n \
    -e 's/^Setting up \([^ :]*\).*/setting up \1/p' \
    -e 's/^Get:[0-9]* [^ ]* [^ ]* [^ ]* \([^ ]*\) .*/fetching \1/p' \
    -e 's/^\* DONE (\(.*\))$/\1 is done/p' \
    -e 's/^\* installing \*source\* package .\(.*\). \.\.\.$/\1/p' \
    -e 's/^.* -c \([^ ]*\.c[cp]*\) .*$/compiling \1/p' \
    -e 's/^\* checking \(.*\) \.\.\..*$/checking \1/p' \
    -e 's/^\* \(creating vignettes\).*$/\1/p' | tail -n 1
}
tick() {
  next=10
  while sleep 1 && kill -0 "$1" 2>/dev/null; do
    [ "$(elapsed)" -ge "$next" ] || continue
    next=$(($(elapsed) + 10))
    echo "   $(elapsed) s  $(latest)"
  done
}

echo "-- $label"
tick $$ &
clock=$!
trap 'kill $clock 2>/dev/null' EXIT
"$@" >"$log" 2>&1 </dev/null
status=$?
kill $clock 2>/dev/null
wait $clock 2>/dev/null
if [ $status -ne 0 ]; then
  echo "   failed after $(elapsed) s; the end of its output (all of it: $log):" >&2
  tail -n 40 "$log" | sed 's/^/   | /' >&2
  exit $status
fi
[ "$(elapsed)" -lt 3 ] || echo "   done in $(elapsed) s"
rm -f "$log"
