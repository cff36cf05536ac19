-- The account: one row a part (session, registration, locked, tokens, device-key), each sealed under belayd's
-- key and bound to its name. After a sign-out session, tokens and device key are gone.
CREATE TABLE account (
    part   TEXT PRIMARY KEY,
    sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;
