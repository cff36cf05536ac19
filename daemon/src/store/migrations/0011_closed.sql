-- From when on nothing new can come under older keys: the cloud refuses it once it has a record under newer ones.
ALTER TABLE collection ADD COLUMN risen INTEGER NOT NULL DEFAULT 0;  -- the newest key epoch of what the cloud has
ALTER TABLE collection ADD COLUMN closed INTEGER NOT NULL DEFAULT 0; -- all that the cloud has of older key epochs is known
