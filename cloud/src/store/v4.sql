-- Sync: records that only an account's devices open, and what is counted of them. As in v1: times are milliseconds since
-- 1970.

-- One row an account that ever pushed.
CREATE TABLE sync_accounts (
    account   BLOB PRIMARY KEY REFERENCES accounts (id),
    sequence  INTEGER NOT NULL DEFAULT 0,  -- the number of the newest change
    forgotten INTEGER NOT NULL DEFAULT 0,  -- the newest removal that was forgotten: who has seen less must list
    key_epoch INTEGER NOT NULL DEFAULT 0,  -- the newest one that was pushed in
    used      INTEGER NOT NULL DEFAULT 0,  -- bytes of sealed records and of chunks
    quota     INTEGER                      -- NULL: what the configuration says
) STRICT, WITHOUT ROWID;

CREATE TABLE records (
    account    BLOB NOT NULL REFERENCES accounts (id),
    collection BLOB NOT NULL CHECK (length(collection) = 16),
    id         BLOB NOT NULL CHECK (length(id) = 16),
    revision   BLOB NOT NULL CHECK (length(revision) = 16),
    sequence   INTEGER NOT NULL,
    key_epoch  INTEGER NOT NULL,
    removed    INTEGER NOT NULL CHECK (removed IN (0, 1)),
    chunks     BLOB NOT NULL,              -- ids of 32 B, one after the other
    sealed     BLOB NOT NULL,              -- by a device of the account
    until      INTEGER,                    -- NULL while it isn't removed
    UNIQUE (account, collection, id),
    CHECK ((until IS NULL) = (removed = 0)),
    CHECK (length(chunks) % 32 = 0)
) STRICT;
CREATE UNIQUE INDEX records_sequence ON records (account, sequence);
CREATE INDEX records_of_collection ON records (account, collection, sequence);
CREATE INDEX records_until ON records (until) WHERE until IS NOT NULL;

-- Chunks of long contents. The bytes lie in blobs/, in a file of their own.
CREATE TABLE chunks (
    account BLOB NOT NULL REFERENCES accounts (id),
    id      BLOB NOT NULL CHECK (length(id) = 32),
    file    BLOB NOT NULL UNIQUE CHECK (length(file) = 16), -- its name, drawn for each upload
    length  INTEGER NOT NULL CHECK (length > 0),            -- of the sealed chunk, counted from the start of its upload
    digest  BLOB NOT NULL CHECK (length(digest) = 32),      -- SHA-256 of the sealed chunk
    whole   INTEGER NOT NULL CHECK (whole IN (0, 1)),
    uses    INTEGER NOT NULL DEFAULT 0 CHECK (uses >= 0),   -- records that name it
    until   INTEGER,                                        -- NULL while a record does
    PRIMARY KEY (account, id),
    CHECK ((until IS NULL) = (uses > 0))
) STRICT, WITHOUT ROWID;
CREATE INDEX chunks_until ON chunks (until) WHERE until IS NOT NULL;
