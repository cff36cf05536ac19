-- What sort of device it is, as it said when it was bound; NULL where it didn't say.
ALTER TABLE devices ADD COLUMN kind TEXT;
