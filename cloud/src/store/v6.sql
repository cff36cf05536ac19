-- A record uses its row and the ids of its chunks too, not only what is sealed.
UPDATE sync_accounts SET used = used + (
    SELECT coalesce(sum(length(chunks) + 128), 0) FROM records WHERE records.account = sync_accounts.account
);

-- Recovery without the code. As in v1: times are milliseconds since 1970, "sealed" opens only with the server key.

-- Credentials that wait beside those that hold: of another root, until the hold is over.
CREATE TABLE waiting (
    account     BLOB PRIMARY KEY REFERENCES accounts (id),
    generation  INTEGER NOT NULL,
    login       BLOB NOT NULL,      -- public key: who may ask how long still
    credentials BLOB NOT NULL,      -- SHA-256 of the record, as the device's warden names it
    body        BLOB NOT NULL,      -- sealed: all that takes the place of what holds
    device      BLOB,               -- whose warden counts besides; NULL: a device that was nobody's asked
    name        BLOB NOT NULL,      -- sealed: of the device that asked
    begun_at    INTEGER NOT NULL,
    ready_at    INTEGER NOT NULL,   -- not before
    over_at     INTEGER,            -- when that warden said that its hold is over
    told_at     INTEGER NOT NULL,   -- when the owner was last told
    until       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
