# Shared by the stages of .ci/run: times, skips, the summary at the end. Sourced, not run.
LONG=${LONG:-}
# Everything is built once here: what incremental builds and debug information are for is paid and not used.
export CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0
SKIPS=$(mktemp)
TIMES=$(mktemp)
trap 'rm -f "$SKIPS" "$TIMES"' EXIT

# stage NAME COMMAND…: runs it, prints its time, stops the run when it fails.
stage() {
    local name=$1 start status=0
    shift
    printf '\n=== %s\n' "$name"
    start=$SECONDS
    "$@" || status=$?
    printf '=== %s: %s s, %s\n' "$name" "$((SECONDS - start))" "$([ "$status" = 0 ] && echo ok || echo "FAILED ($status)")"
    printf '%6s s  %s\n' "$((SECONDS - start))" "$name" >>"$TIMES"
    [ "$status" = 0 ] || exit "$status"
}

# within SECONDS COMMAND…: ends the command and all that it started when it takes longer. A test that waits without end costs this
# long and no more; libtest has named it by then. What it leaves running is ended too, and named: a test that failed may leave a
# daemon behind.
within() {
    local seconds=$1 group status=0 left
    shift
    # Its number is that of the process group that timeout makes.
    timeout --verbose --kill-after=30 "$seconds" "$@" &
    group=$!
    wait "$group" || status=$?
    left=$(pgrep --pgroup "$group" --list-full) || true
    if [ -n "$left" ]; then
        printf 'left running, ended:\n%s\n' "$left"
        kill -KILL -- "-$group" 2>/dev/null || true
    fi
    return "$status"
}

# with_skips COMMAND…: collects the lines `SKIPPED: why` that the command prints. In the long mode a later stage has the time
# that one before it had not.
with_skips() {
    local out command status=0
    out=$(mktemp)
    # By way of a file: a pipe ends only once all that the command left running has ended as well.
    "$@" >"$out" 2>&1 &
    command=$!
    tail --lines=+1 --follow --pid="$command" "$out"
    wait "$command" || status=$?
    grep -h 'SKIPPED: ' "$out" | sed 's/.*SKIPPED: //' | sort -u |
        if [ -n "$LONG" ]; then grep -v ', which the long mode has$'; else cat; fi >>"$SKIPS" || true
    rm -f "$out"
    return "$status"
}

# finish: the times and the skips again; in the long mode a skip is a failure.
finish() {
    printf '\nTime per stage:\n'
    cat "$TIMES"
    if [ -s "$SKIPS" ]; then
        printf '\nSkipped:\n'
        sort -u "$SKIPS" | sed 's/^/  SKIPPED: /'
        [ -z "$LONG" ] || { echo "a skip fails the long mode" >&2; exit 1; }
    fi
    printf '\nAll stages passed.\n'
}
