-- Every message to the human. due_at moves forward when a try fails; first_due is when it was to arrive.
CREATE TABLE notices (
  id           TEXT PRIMARY KEY,
  event        TEXT NOT NULL,
  route        TEXT NOT NULL,
  first_due    INTEGER NOT NULL,
  due_at       INTEGER NOT NULL,
  attempts     INTEGER NOT NULL DEFAULT 0,
  reason       TEXT NOT NULL DEFAULT '',
  delivered_at INTEGER,
  channel      TEXT NOT NULL DEFAULT '',
  receipt      TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX notices_waiting ON notices (due_at) WHERE delivered_at IS NULL;
CREATE INDEX notices_old ON notices (delivered_at) WHERE delivered_at IS NOT NULL;
