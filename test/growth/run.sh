#!/bin/bash
# Runs the measurement of growth in a network namespace of its own, with an address for every member on its loopback
# interface, whose frames are as long as Ethernet's: `run.sh BUN ARGUMENTS...`.
set -euo pipefail
bun=$1
shift
if [ -z "${GROWTH_NAMESPACE:-}" ]; then
  GROWTH_NAMESPACE=1 exec unshare --net "$0" "$bun" "$@"
fi
ip link set lo mtu 1500 up
for number in $(seq 1 100); do ip address add "10.77.0.$number/16" dev lo; done
exec "$bun" "$(dirname "$0")/main.ts" "$@"
