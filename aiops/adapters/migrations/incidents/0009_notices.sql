-- Messages to the human that the voice has not taken yet; a row goes when it has.
CREATE TABLE notices (
  id       TEXT PRIMARY KEY,
  event    TEXT NOT NULL,
  kept_at  TEXT NOT NULL
) STRICT;
