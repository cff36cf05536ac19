-- What was sent of a record and changed again before an answer came: others may have gone on from it.
ALTER TABLE record ADD COLUMN offered BLOB; -- sealed: its content
ALTER TABLE record ADD COLUMN offer BLOB;   -- its revision
