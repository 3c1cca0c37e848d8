-- What waits for the log store, in the order in which it is sent.
CREATE TABLE lines (
    n      INTEGER PRIMARY KEY AUTOINCREMENT,
    labels TEXT NOT NULL,
    at     INTEGER NOT NULL,
    text   TEXT NOT NULL,
    bytes  INTEGER NOT NULL
) STRICT;

-- The newest moment of each stream: no line goes out with an older one.
CREATE TABLE streams (
    labels TEXT PRIMARY KEY,
    at     INTEGER NOT NULL
) STRICT;

-- Where reading goes on (the event log's cursor, a file's offset), and what was counted.
CREATE TABLE marks (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
