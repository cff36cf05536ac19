#!/usr/bin/env bash
# What belayd costs, beside accounts-daemon and upowerd in the same run: tests/benches/idle.sh [SECONDS]
# SECONDS is the idle window, 60 by default. A daemon that isn't installed is named as SKIPPED.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    need=()
    [ -x /usr/libexec/accounts-daemon ] || need+=(accountsservice)
    [ -x /usr/libexec/upowerd ] || need+=(upower)
    if [ ${#need[@]} -gt 0 ]; then
        { apt-get update -qq \
            && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${need[@]}"; } >/dev/null \
            || echo "not installed: ${need[*]}" >&2
    fi
fi
# Package by package, as they are shipped: without simulators.
cargo build --locked --profile dist -p belay-warden
cargo build --locked --profile dist -p belay --bins
IDLE=${1:-60} exec cargo bench --locked -p belay-tests --bench idle
