CREATE TABLE llm_attempts (
    id         TEXT PRIMARY KEY,
    incident   TEXT NOT NULL,
    at         TEXT NOT NULL,
    cost       REAL,
    attempt    TEXT NOT NULL
) STRICT;
CREATE INDEX llm_attempts_by_time ON llm_attempts (at);
CREATE INDEX llm_attempts_by_incident ON llm_attempts (incident);

CREATE TABLE llm_questions (
    incident TEXT PRIMARY KEY REFERENCES incidents (id) ON DELETE CASCADE,
    asked_at TEXT NOT NULL
) STRICT;
