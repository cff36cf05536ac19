-- Where an account has no room left, what goes first of its chunks is found without reading everybody's.
CREATE INDEX chunks_of_account ON chunks (account, until) WHERE until IS NOT NULL;
