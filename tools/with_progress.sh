#!/bin/sh
# with_progress.sh LABEL COMMAND [ARGUMENT ...]
# Runs COMMAND with its output in a file and, every ten seconds (every thirty after a minute), says how long it has been
# running and what it is at.
# If it fails, the end of its output is shown and its exit status is ours. The command stays in the foreground, so that
# Ctrl-C reaches it; only the clock runs beside it.
label=$1
shift
log=$(mktemp "${TMPDIR:-/tmp}/miv-log.XXXXXX") || exit 1
start=$(date +%s)
elapsed() { echo $(($(date +%s) - start)); }

latest() { # what R, the compiler or apt is at, in a few words
  awk 'function name(text) { gsub(/[^A-Za-z0-9.]/, "", text); return text }
    /^begin installing package/ { building[name($4)] = 1 }
    /^\* DONE \(/ { delete building[name($3)]; said = name($3) " is done" }
    /^\* installing \*source\* package/ { said = name($5) }
    / -c [^ ]*\.(c|cc|cpp) / { for (i = 1; i < NF; i++) if ($i == "-c") said = "compiling " $(i + 1) }
    /^Setting up / { sub(/:.*/, "", $3); said = "setting up " $3 }
    /^Get:.* amd64|^Get:.* all / { said = "fetching " $5 }
    /^\* (checking|creating vignettes)/ { said = $0; sub(/^\* /, "", said); sub(/ \.\.\..*/, "", said) }
    END { for (b in building) list = list " " b; print (list != "" ? "building" list : said) }' "$log"
}
tick() {
  next=10
  while sleep 1 && kill -0 "$1" 2>/dev/null; do
    [ "$(elapsed)" -ge "$next" ] || continue
    echo "   $(elapsed) s  $(latest)"
    if [ "$next" -lt 60 ]; then next=$((next + 10)); else next=$((next + 30)); fi
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
  grep -v -e 'Wignored-attributes' -e ':   required from ' -e 'In instantiation of ' -e 'skipping .* instantiation contexts' -e '^ *[0-9]* *| ' "$log" |
    tail -n 40 | cut -c 1-240 | sed 's/^/   | /' >&2
  exit $status
fi
[ "$(elapsed)" -lt 3 ] || echo "   done in $(elapsed) s"
rm -f "$log"
