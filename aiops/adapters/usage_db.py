"""An agent's own usage database, on the workstation where it lies: opened for reading only, and only sums leave this file."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

from aiops.domain.night import Usage
from aiops.errors import LedgerBusyError, SettingsError

BUSY_SECONDS: Final = 5.0
"""How long we wait for the agent's own write: it takes milliseconds."""
_WAL: Final = b"\x02"
"""The read version in a database's header that says so (sqlite.org/fileformat2.html, 1.3.3)."""
_SUMS: Final = """
SELECT count(*), coalesce(sum(total_input_tokens), 0), coalesce(sum(total_output_tokens), 0),
       coalesce(sum(total_cache_read), 0), coalesce(sum(total_cache_creation), 0),
       coalesce(sum(max(0, julianday(last_timestamp) - julianday(first_timestamp))), 0) * 24
FROM sessions
"""


def read_usage(path: Path, now: datetime | None = None) -> Usage:
    """The sums of all sessions; an empty database has sums of nothing. Nothing is written, not even a journal beside it.

    :raises SettingsError: there is no such file, or it is no database of this layout
    :raises LedgerBusyError: it is locked by somebody who writes
    """
    place = path.expanduser()
    if not place.is_file():
        raise SettingsError("usage.database", f"there is no file {place}; run this where the agent's database lies")
    try:
        with closing(_opened(place)) as database:
            database.execute("PRAGMA query_only = ON")
            row = database.execute(_SUMS).fetchone()
    except OSError as error:
        raise SettingsError(str(place), f"it cannot be read: {error.strerror}") from None
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise LedgerBusyError(str(place), "somebody writes to it", "Try again in a moment.") from None
        what = (
            "is it damaged?" if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) else "is it another program's?"
        )
        raise SettingsError(str(place), f"it cannot be read as a usage database: {error}; {what}") from None
    sessions, given, made, read, created, hours = row
    try:
        return Usage(
            at=now or datetime.now(UTC),
            sessions=sessions,
            hours=round(float(hours), 1),
            tokens_input=given,
            tokens_output=made,
            cache_read=read,
            cache_creation=created,
        )
    except ValueError:
        raise SettingsError(str(place), "its sums are no figures") from None


def _opened(place: Path) -> sqlite3.Connection:
    """Where a write-ahead log is in use and nobody has it open, SQLite would make files beside it: that one is read as it is."""
    with place.open("rb") as file:
        head = file.read(20)
    still = head[18:19] == _WAL and not place.with_name(place.name + "-wal").exists()
    more = "&immutable=1" if still else ""
    return sqlite3.connect(f"file:{quote(str(place))}?mode=ro{more}", uri=True, timeout=BUSY_SECONDS)
