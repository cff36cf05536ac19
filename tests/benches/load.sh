#!/usr/bin/env bash
# What one belay-cloud carries on this machine: tests/benches/load.sh
# PEOPLE (2000) is how many register and sign in at each number of connections, WORKERS (1,16) are those numbers.
set -euo pipefail
cd "$(dirname "$0")/../.."
echo "$(nproc) cores, $(awk '/MemTotal/ {printf "%.1f GiB", $2 / 1048576}' /proc/meminfo), load $(cut -d' ' -f1-3 /proc/loadavg)"
exec cargo bench --locked -p belay-tests --bench load
