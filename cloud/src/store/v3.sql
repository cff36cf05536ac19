-- The registry of an account's accessories: records that only its devices open. As in v1: times are milliseconds since
-- 1970.
CREATE TABLE accessories (
    account   BLOB NOT NULL REFERENCES accounts (id),
    id        BLOB NOT NULL CHECK (length(id) = 16),
    revision  INTEGER NOT NULL,
    number    INTEGER NOT NULL,  -- its place among the account's changes
    removed   INTEGER NOT NULL CHECK (removed IN (0, 1)),
    key_epoch INTEGER NOT NULL,
    sealed    BLOB NOT NULL,     -- by a device of the account
    until     INTEGER,           -- NULL while it isn't removed
    PRIMARY KEY (account, id),
    CHECK ((until IS NULL) = (removed = 0))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX accessories_number ON accessories (account, number);
CREATE INDEX accessories_until ON accessories (until) WHERE until IS NOT NULL;

-- An accessory leaves the registry by the word of a device of its account, which needs its owner's password, and by
-- nothing else; and an account stays for as long as it has one.
CREATE TRIGGER accessories_stay BEFORE DELETE ON accessories WHEN old.removed = 0 BEGIN
    SELECT RAISE(ABORT, 'the accessory is in its account''s registry');
END;
CREATE TRIGGER accounts_with_accessories_stay BEFORE DELETE ON accounts
WHEN EXISTS (SELECT 1 FROM accessories WHERE account = old.id AND removed = 0) BEGIN
    SELECT RAISE(ABORT, 'the account has accessories in its registry');
END;
