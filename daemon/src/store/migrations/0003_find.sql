-- The command channel of the present binding: one row, none while the device is nobody's. Up to which of the
-- cloud's numbers commands are judged, up to which of the warden's outcomes are in the outbox, and what the last
-- state report said and when (seconds since the epoch).
CREATE TABLE find (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    epoch       BLOB    NOT NULL CHECK (length(epoch) = 16),
    cursor      INTEGER NOT NULL,
    sequence    INTEGER NOT NULL,
    reported    TEXT    NOT NULL,
    reported_at INTEGER NOT NULL
) STRICT;

-- What the cloud hasn't got yet, in the order it goes out. The id is the command's, the report's, or random.
CREATE TABLE find_outbox (
    number INTEGER PRIMARY KEY,
    kind   TEXT NOT NULL CHECK (kind IN ('outcome', 'state', 'report')),
    id     BLOB NOT NULL CHECK (length(id) = 16),
    body   BLOB NOT NULL
) STRICT;

-- How long an idle connection lives in a network, whose hash is all that is kept of it: the heartbeat to ask for
-- and the one that was found too long (0: none), in ms; `used` rises with each use.
CREATE TABLE find_heartbeat (
    network  BLOB PRIMARY KEY CHECK (length(network) = 16),
    interval INTEGER NOT NULL,
    too_long INTEGER NOT NULL,
    used     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
