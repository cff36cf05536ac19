#!/usr/bin/env bash
# Whether the time of an answer tells who has an account: tests/benches/enumeration.sh [ROUNDS]
# ROUNDS is how often each call is asked about known and unknown addresses, 1000 by default.
set -euo pipefail
cd "$(dirname "$0")/../.."
ROUNDS=${1:-1000} exec cargo bench --locked -p belay-tests --bench enumeration
