#!/bin/bash
# One machine's share of the lab tests: `work.sh BUN REPORTS FILE...` runs each file that no other
# machine has taken yet. Making a folder is the claim: of two makers, one succeeds.
set -u
bun=$1 reports=$2
shift 2
for file in "$@"; do
  name=$(basename "$file")
  mkdir "$reports/$name.taken" 2>/dev/null || continue
  # The report is renamed when it is whole, so that a dead machine cannot leave half of one.
  "$bun" test --reporter=junit --reporter-outfile="$reports/$name.part" "./$file" 2>&1
  echo $? >"$reports/$name.status"
  sync
  [ ! -e "$reports/$name.part" ] || mv "$reports/$name.part" "$reports/$name.xml"
done
exit 0
