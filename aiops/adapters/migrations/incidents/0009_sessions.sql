-- What was granted to agents, and how each session ended.
CREATE TABLE sessions (
    session  TEXT PRIMARY KEY,
    incident TEXT NOT NULL,
    at       TEXT NOT NULL,
    granted  TEXT NOT NULL,
    ended    TEXT
) STRICT;

CREATE INDEX sessions_of ON sessions (incident, at);
