-- Languages that an owner was told in lately: a session alone changes the profile's.
CREATE TABLE languages (
    account  BLOB NOT NULL REFERENCES accounts (id),
    language TEXT NOT NULL,     -- one of the cloud's own, BCP 47
    until    INTEGER NOT NULL,
    PRIMARY KEY (account, language)
) STRICT, WITHOUT ROWID;
CREATE INDEX languages_until ON languages (until);
