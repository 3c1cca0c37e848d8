-- Appended, never rewritten: each hash is over the one before and the line. No foreign key: it outlives what it tells of.
CREATE TABLE audit (
    n    INTEGER PRIMARY KEY,
    line TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;

CREATE TABLE audit_head (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    n    INTEGER NOT NULL,
    hash TEXT NOT NULL
) STRICT;

INSERT INTO audit_head VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log is only appended to');
END;

CREATE TRIGGER audit_is_not_cut BEFORE DELETE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log is only appended to');
END;

-- Plans whose question waits for the end of quiet hours; ``look`` is the sweep that looks again before it is asked.
CREATE TABLE held (
    incident TEXT PRIMARY KEY REFERENCES incidents (id) ON DELETE CASCADE,
    until    TEXT NOT NULL,
    look     TEXT NOT NULL DEFAULT '',
    looked_at TEXT
) STRICT;

-- The autonomy ladder: how far a playbook may go on hosts of a role. What is not here observes.
CREATE TABLE autonomy (
    playbook TEXT NOT NULL,
    role     TEXT NOT NULL,
    rung     TEXT NOT NULL CHECK (rung IN ('observe', 'suggest', 'ask', 'auto')),
    since    TEXT NOT NULL,
    who      TEXT NOT NULL,
    why      TEXT NOT NULL,
    proposed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (playbook, role)
) STRICT;

-- What speaks for and against a rung: one line per incident, kept when the incident is forgotten.
CREATE TABLE autonomy_evidence (
    incident TEXT NOT NULL,
    playbook TEXT NOT NULL,
    role     TEXT NOT NULL,
    what     TEXT NOT NULL CHECK (what IN ('closure', 'relapse')),
    at       TEXT NOT NULL,
    PRIMARY KEY (incident, playbook, role, what)
) STRICT;
