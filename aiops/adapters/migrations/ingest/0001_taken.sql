-- Signatures of messages that were handed on, as long as their time has not run out.
CREATE TABLE taken (
    signature TEXT PRIMARY KEY,
    at        INTEGER NOT NULL
) STRICT;
CREATE INDEX taken_by_time ON taken (at);
