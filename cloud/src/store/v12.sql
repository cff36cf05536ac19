-- How many accounts used each set of Argon2id parameters, noted once a week: what identifiers without an account draw from, each at a
-- turn of its own. An address asks for the newest ones of a time.
CREATE TABLE parameter_shares (
    at          INTEGER NOT NULL,
    memory_kib  INTEGER NOT NULL,
    iterations  INTEGER NOT NULL,
    parallelism INTEGER NOT NULL,
    accounts    INTEGER NOT NULL,
    PRIMARY KEY (at, memory_kib, iterations, parallelism)
) STRICT, WITHOUT ROWID;
-- The most used ones are found without reading the others.
CREATE INDEX parameter_sets_used ON parameter_sets (accounts DESC, memory_kib, iterations, parallelism);

-- Whose answers they are, so that nobody fills the table: an account's together, or a key's that came without a session.
ALTER TABLE answers ADD COLUMN whose BLOB NOT NULL DEFAULT x'00';  -- mac; before: nobody's
ALTER TABLE answers ADD COLUMN stranger INTEGER NOT NULL DEFAULT 0 CHECK (stranger IN (0, 1, 2)); -- 2: signs in, at no price
CREATE INDEX answers_whose ON answers (whose, until);
CREATE INDEX answers_strangers ON answers (stranger, until) WHERE stranger > 0;

-- How many there are of each; all of those without a session stand under 01, and those that sign in under 02.
CREATE TABLE answer_counts (
    whose  BLOB PRIMARY KEY,
    number INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER answers_kept AFTER INSERT ON answers BEGIN
    INSERT INTO answer_counts VALUES (new.whose, 1) ON CONFLICT DO UPDATE SET number = number + 1;
    INSERT INTO answer_counts SELECT iif(new.stranger = 1, x'01', x'02'), 1 WHERE new.stranger > 0
        ON CONFLICT DO UPDATE SET number = number + 1;
END;
CREATE TRIGGER answers_gone AFTER DELETE ON answers BEGIN
    UPDATE answer_counts SET number = number - 1 WHERE whose = old.whose;
    UPDATE answer_counts SET number = number - 1 WHERE whose = iif(old.stranger = 1, x'01', x'02') AND old.stranger > 0;
    DELETE FROM answer_counts WHERE whose = old.whose AND number < 1;
END;

-- Devices that an account has left behind and that wait for themselves, with its password, to follow it.
CREATE TABLE following (
    device  BLOB PRIMARY KEY REFERENCES devices (id) ON DELETE CASCADE,
    account BLOB NOT NULL,
    told_at INTEGER NOT NULL,   -- when the owner was last told
    until   INTEGER NOT NULL    -- when the device may have waited long enough
) STRICT, WITHOUT ROWID;
CREATE INDEX following_account ON following (account);
