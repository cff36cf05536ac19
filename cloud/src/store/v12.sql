-- Which set of Argon2id parameters most accounts have used since when: what identifiers without an account follow, late.
CREATE TABLE leading_sets (
    since       INTEGER PRIMARY KEY,
    memory_kib  INTEGER NOT NULL,
    iterations  INTEGER NOT NULL,
    parallelism INTEGER NOT NULL
) STRICT;
-- The most used one is found without reading the others.
CREATE INDEX parameter_sets_used ON parameter_sets (accounts DESC, memory_kib, iterations, parallelism);

