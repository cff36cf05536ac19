#!/usr/bin/env bash
# What sync costs, beside rclone, restic, syncthing and vdirsyncer in the same run: tests/benches/sync.sh [quick] [PEER...]
# Without a peer's name all of them. PEER_SECONDS (300) is how long a peer may take for all contacts, or all photos, before it is
# stopped; vdirsyncer needs 40 minutes for its first contacts. CONTACTS (10000), PHOTOS (2000) and GROWTH (1000,10000,100000,1000000)
# make it smaller or larger; `quick`, which shows that all of it runs, takes 200, 20 and 1000, and 30 s a peer.
# A peer that isn't installed or fails is named with what it said.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "${1:-}" = quick ]; then
    shift
    export CONTACTS=${CONTACTS:-200} PHOTOS=${PHOTOS:-20} GROWTH=${GROWTH:-1000} PEER_SECONDS=${PEER_SECONDS:-30}
fi
venv=${PEERS_VENV:-target/peers}
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    need=()
    for program in rclone restic syncthing; do
        command -v "$program" >/dev/null || need+=("$program")
    done
    python3 -c 'import ensurepip, venv' 2>/dev/null || need+=(python3-venv)
    if [ ${#need[@]} -gt 0 ]; then
        { apt-get update -qq \
            && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${need[@]}"; } >/dev/null \
            || echo "not installed: ${need[*]}" >&2
    fi
fi
if [ ! -x "$venv/bin/vdirsyncer" ] || [ ! -x "$venv/bin/radicale" ]; then
    { python3 -m venv "$venv" && "$venv/bin/pip" install -q vdirsyncer==0.21.0 radicale==3.9.0; } >/dev/null 2>&1 \
        || echo "not installed: vdirsyncer, radicale" >&2
fi
echo "$(nproc) cores, $(awk '/MemTotal/ {printf "%.1f GiB", $2 / 1048576}' /proc/meminfo), load $(cut -d' ' -f1-3 /proc/loadavg)"
cargo bench --locked -p belay-tests --bench sync
PEERS_VENV=$(realpath "$venv") exec python3 tests/benches/sync/peers.py "$@"
