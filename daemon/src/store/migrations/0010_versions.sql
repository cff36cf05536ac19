-- Which versions a record's contents are: after a restore of the cloud they may be what it gets again, and not what it has.
ALTER TABLE record ADD COLUMN known BLOB;  -- the revision that others may know the content by; NULL: nobody can have it
ALTER TABLE record ADD COLUMN origin BLOB; -- the revision of `common`
UPDATE record SET known = base WHERE pending = 0;
UPDATE record SET origin = base WHERE common IS NOT NULL;
