#!/bin/sh
# run.sh RUNNER: runs the core's tests, shows what Catch says and leaves `passed failed skipped` (in test cases) in
# tests/.counts-core for .ci/run.
out=$(mktemp "${TMPDIR:-/tmp}/miv-core.XXXXXX") || exit 1
"$1" --order lex >"$out" 2>&1
status=$?
cat "$out"
! grep -q '^No tests ran' "$out" || status=1
awk -v status=$status '
  /^All tests passed/ { gsub(/[^0-9 ]/, ""); passed = $2; known = 1 }
  /^test cases:/ { n = split($0, part, "|"); known = 1
    for (i = 1; i <= n; i++) { split(part[i], word, " "); if (part[i] ~ /passed/) passed = word[1]; if (part[i] ~ /failed/) failed = word[1] } }
  END { if (!known && status != 0) failed = 1; print passed + 0, failed + 0, 0 }' "$out" >tests/.counts-core
rm -f "$out"
exit $status
