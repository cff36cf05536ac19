-- Single values that belong to no domain, by name.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- This device: one row. The name as its owner set it (empty: the configured one), and whether the cloud has
-- yet to be told.
CREATE TABLE device (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    name       TEXT    NOT NULL,
    name_dirty INTEGER NOT NULL CHECK (name_dirty IN (0, 1))
) STRICT;

INSERT INTO device (id, name, name_dirty) VALUES (1, '', 0);

-- Releases the cloud hasn't got yet: a signed release proves itself and works once for its epoch.
CREATE TABLE release_outbox (
    device   BLOB    NOT NULL CHECK (length(device) = 16),
    epoch    BLOB    NOT NULL CHECK (length(epoch) = 16),
    release  BLOB    NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (device, epoch)
) STRICT, WITHOUT ROWID;
