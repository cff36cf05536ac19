-- Where an account has no room left, what goes first of its chunks, and whether that is enough, is found without reading others.
CREATE INDEX chunks_of_account ON chunks (account, until, length) WHERE until IS NOT NULL;
