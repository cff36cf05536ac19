#!/usr/bin/env bash
# How fast a lost phone locks, and belayd's context switches while it only listens: tests/benches/lock.sh [ROUNDS]
# ROUNDS is how often it is locked, 200 by default.
set -euo pipefail
cd "$(dirname "$0")/../.."
ROUNDS=${1:-200} exec cargo bench --locked -p belay-tests --bench lock
