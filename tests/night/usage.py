"""A usage database of the published layout, made by SQLite itself."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

LAYOUT = """
CREATE TABLE sessions (session_id TEXT PRIMARY KEY, project_name TEXT, first_timestamp TEXT, last_timestamp TEXT,
  git_branch TEXT, total_input_tokens INTEGER, total_output_tokens INTEGER, total_cache_read INTEGER,
  total_cache_creation INTEGER, model TEXT, turn_count INTEGER);
CREATE TABLE turns (id INTEGER PRIMARY KEY, session_id TEXT, timestamp TEXT, model TEXT, input_tokens INTEGER,
  output_tokens INTEGER, cache_read_tokens INTEGER, cache_creation_tokens INTEGER, tool_name TEXT, cwd TEXT);
"""


def usage_db(
    path: Path, *sessions: tuple[str, str, int, int, int, int], wal: bool = False, turns: Sequence[str] = ()
) -> Path:
    """``sessions``: first and last moment, input, output, cache read, cache creation; ``turns``: their moments."""
    with closing(sqlite3.connect(path)) as database:
        if wal:
            database.execute("PRAGMA journal_mode = WAL")
        database.executescript(LAYOUT)
        for number, (first, last, given, made, read, created) in enumerate(sessions):
            database.execute(
                "INSERT INTO sessions VALUES (?, 'a-secret-project', ?, ?, 'main', ?, ?, ?, ?, 'm', 3)",
                (str(number), first, last, given, made, read, created),
            )
        database.executemany("INSERT INTO turns (session_id, timestamp) VALUES ('0', ?)", [(one,) for one in turns])
        database.commit()
    return path
