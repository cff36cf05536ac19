-- The command channel. As in v1: times are milliseconds since 1970, "sealed" opens only with the server key.

-- What a device's channel has counted, and how the device says it stands.
CREATE TABLE channels (
    device         BLOB PRIMARY KEY REFERENCES devices (id),
    queued         INTEGER NOT NULL DEFAULT 0,  -- the number of the newest command
    reported       INTEGER NOT NULL DEFAULT 0,  -- the number of the newest sealed report
    events         INTEGER NOT NULL DEFAULT 0,  -- the number of the newest event
    commands_at    INTEGER NOT NULL DEFAULT 0,  -- the newest event of each kind; 0 = none
    sync_at        INTEGER NOT NULL DEFAULT 0,
    account_at     INTEGER NOT NULL DEFAULT 0,
    signed         INTEGER NOT NULL DEFAULT 0,  -- the sequence of the outcome or state report that `lost` is of
    lost           INTEGER NOT NULL DEFAULT 0,
    state          BLOB,                        -- sealed: the newest state report
    state_sequence INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE commands (
    device       BLOB NOT NULL REFERENCES devices (id),
    id           BLOB NOT NULL,
    number       INTEGER NOT NULL,  -- its place in the device's queue
    envelope     BLOB,              -- sealed; none for a command that reached the device another way
    minor        INTEGER NOT NULL,  -- whether it leaves the last places of the queue to others
    queued_at    INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,  -- 0 = never
    delivered_at INTEGER,
    outcome      INTEGER NOT NULL,  -- the sequence of the newest outcome; 0 = none
    settled      INTEGER NOT NULL,  -- whether that outcome is the end
    revision     INTEGER NOT NULL,
    until        INTEGER,           -- NULL while it may still be wanted
    PRIMARY KEY (device, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX commands_number ON commands (device, number);
CREATE INDEX commands_until ON commands (until) WHERE until IS NOT NULL;

CREATE TABLE outcomes (
    device   BLOB NOT NULL,
    command  BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    outcome  BLOB NOT NULL,         -- sealed
    PRIMARY KEY (device, command, sequence),
    FOREIGN KEY (device, command) REFERENCES commands (device, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Reports that only the owner opens.
CREATE TABLE reports (
    device      BLOB NOT NULL REFERENCES devices (id),
    number      INTEGER NOT NULL,
    id          BLOB NOT NULL,
    sealed      BLOB NOT NULL,      -- to the account's report box
    received_at INTEGER NOT NULL,
    until       INTEGER NOT NULL,
    PRIMARY KEY (device, number)
) STRICT;
CREATE UNIQUE INDEX reports_id ON reports (device, id);
CREATE INDEX reports_until ON reports (until);

-- Keys that the owner lets ask for some commands, as the owner's clients told.
CREATE TABLE delegates (
    account     BLOB NOT NULL REFERENCES accounts (id),
    key         BLOB NOT NULL,      -- the delegate's public key
    certificate BLOB NOT NULL,      -- sealed
    generation  INTEGER NOT NULL,
    told_at     INTEGER NOT NULL,
    until       INTEGER,            -- NULL = never
    PRIMARY KEY (account, key)
) STRICT, WITHOUT ROWID;
