-- The newest edition of each card and the message that shows it; what humans said; what they are to be told.
CREATE TABLE cards (
  incident TEXT PRIMARY KEY,
  seq      INTEGER NOT NULL,
  card     TEXT NOT NULL,
  shown    INTEGER NOT NULL DEFAULT 0,
  chat     INTEGER NOT NULL DEFAULT 0,
  message  INTEGER NOT NULL DEFAULT 0,
  posted_at INTEGER,
  owed     INTEGER NOT NULL DEFAULT 0,
  due_at   INTEGER NOT NULL DEFAULT 0,
  attempts INTEGER NOT NULL DEFAULT 0,
  changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX cards_to_show ON cards (due_at) WHERE shown < seq OR owed = 1;

CREATE TABLE said_about (
  chat     INTEGER NOT NULL,
  message  INTEGER NOT NULL,
  incident TEXT NOT NULL,
  at       INTEGER NOT NULL,
  PRIMARY KEY (chat, message)
) STRICT;

CREATE TABLE heard (
  update_id   INTEGER PRIMARY KEY,
  said        TEXT NOT NULL,
  at          INTEGER NOT NULL,
  handed_at   INTEGER,
  answered_at INTEGER
) STRICT;
CREATE INDEX heard_open ON heard (at) WHERE answered_at IS NULL;

CREATE TABLE polling (
  one    INTEGER PRIMARY KEY CHECK (one = 1),
  offset INTEGER NOT NULL
) STRICT;
INSERT INTO polling VALUES (1, 0);

CREATE TABLE strangers (
  user INTEGER PRIMARY KEY,
  at   INTEGER NOT NULL
) STRICT;

CREATE TABLE answers (
  update_id INTEGER PRIMARY KEY,
  answer    TEXT NOT NULL,
  at        INTEGER NOT NULL,
  due_at    INTEGER NOT NULL,
  attempts  INTEGER NOT NULL DEFAULT 0,
  toasted   INTEGER NOT NULL DEFAULT 0,
  done_at   INTEGER
) STRICT;
CREATE INDEX answers_open ON answers (due_at) WHERE done_at IS NULL;
