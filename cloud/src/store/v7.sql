-- How long a request waits is settled when it is made: the operator's command may run without the cloud's configuration.
ALTER TABLE bootloader_unlocks ADD COLUMN wait INTEGER NOT NULL DEFAULT 604800000;

-- What is swept each minute is found without reading what stays.
CREATE INDEX proofs_until ON proofs (until);
CREATE INDEX spent_work_until ON spent_work (until);
CREATE INDEX answers_until ON answers (until);
CREATE INDEX events_until ON events (until);
CREATE INDEX families_until ON families (until);
CREATE INDEX login_nonces_until ON login_nonces (until);
CREATE INDEX throttles_until ON throttles (until);
CREATE INDEX messages_until ON messages (until);
CREATE INDEX verifications_until ON verifications (until);
CREATE INDEX delegates_until ON delegates (until);

-- The sender takes the first that are due.
CREATE INDEX messages_next ON messages (next_at, id);
