-- Cards about incidents, the one-time right to press each of their buttons, and what humans were answered.
CREATE TABLE cards (
    incident  TEXT PRIMARY KEY REFERENCES incidents (id) ON DELETE CASCADE,
    line      INTEGER NOT NULL,
    remind_at TEXT,
    mark      TEXT NOT NULL
) STRICT;
CREATE INDEX cards_to_remind ON cards (remind_at) WHERE remind_at IS NOT NULL;

CREATE TABLE nonces (
    nonce      TEXT PRIMARY KEY,
    incident   TEXT NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    press      TEXT NOT NULL,
    digest     TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    used_at    TEXT,
    used_by    TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX nonces_of ON nonces (incident, press);

CREATE TABLE confirmations (
    incident TEXT PRIMARY KEY REFERENCES incidents (id) ON DELETE CASCADE,
    record   TEXT NOT NULL
) STRICT;

CREATE TABLE answers (
    update_id INTEGER PRIMARY KEY,
    at        TEXT NOT NULL,
    answer    TEXT NOT NULL
) STRICT;
CREATE INDEX answers_old ON answers (at);

CREATE TABLE codes (
    code  TEXT PRIMARY KEY,
    by    TEXT NOT NULL,
    until TEXT NOT NULL
) STRICT;
