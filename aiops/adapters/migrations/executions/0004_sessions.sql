-- Sessions of agents: granted on CT190, run here, each at most once and one at a time.
CREATE TABLE sessions (
    session     TEXT PRIMARY KEY,
    incident    TEXT NOT NULL,
    digest      TEXT NOT NULL,
    granted     TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('received', 'claimed', 'done')),
    received_at INTEGER NOT NULL,
    claimed_at  INTEGER,
    lease_until INTEGER,
    ended       TEXT,
    CHECK ((state = 'done') = (ended IS NOT NULL))
) STRICT;

CREATE UNIQUE INDEX one_session_at_a_time ON sessions (state) WHERE state = 'claimed';

-- What was filed about a session that ended: its transcript's place in its repository, and its SHA-256.
CREATE TABLE session_records (
    session    TEXT PRIMARY KEY REFERENCES sessions (session),
    file       TEXT NOT NULL,
    transcript TEXT NOT NULL,
    filed_at   INTEGER NOT NULL
) STRICT;
