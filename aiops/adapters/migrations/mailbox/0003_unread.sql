-- How many updates could not be read: each was passed over, so that the next one is heard.
ALTER TABLE polling ADD COLUMN unread INTEGER NOT NULL DEFAULT 0;
