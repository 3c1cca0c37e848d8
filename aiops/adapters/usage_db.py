"""An agent's own usage database, on the workstation where it lies: opened for reading only, and only sums leave this file."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote
from zoneinfo import ZoneInfo

from aiops.domain.night import Usage
from aiops.domain.symbiosis import DAYS, HOURS, Symbiosis
from aiops.errors import LedgerBusyError, SettingsError

BUSY_SECONDS: Final = 5.0
"""How long we wait for the agent's own write: it takes milliseconds."""
_WAL: Final = b"\x02"
"""The read version in a database's header that says so (sqlite.org/fileformat2.html, 1.3.3)."""
_NO_FIGURES: Final = "its sums are no figures"
_SUMS: Final = """
SELECT count(*), coalesce(sum(total_input_tokens), 0), coalesce(sum(total_output_tokens), 0),
       coalesce(sum(total_cache_read), 0), coalesce(sum(total_cache_creation), 0),
       coalesce(sum(max(0, julianday(last_timestamp) - julianday(first_timestamp))), 0) * 24
FROM sessions
"""


_SESSIONS: Final = """
SELECT coalesce(project_name, ''), min(first_timestamp), max(last_timestamp), count(*), coalesce(sum(turn_count), 0),
       coalesce(sum(max(0, julianday(last_timestamp) - julianday(first_timestamp))), 0) * 24,
       coalesce(sum(total_cache_read), 0), coalesce(sum(total_cache_creation), 0), coalesce(sum(total_input_tokens), 0)
FROM sessions GROUP BY 1
"""
_TURNS: Final = "SELECT strftime('%Y-%m-%dT%H', timestamp) AS hour, count(*) FROM turns GROUP BY 1 HAVING hour NOT NULL"
T = TypeVar("T")


def read_usage(path: Path, now: datetime | None = None) -> Usage:
    """The sums of all sessions; an empty database has sums of nothing. Nothing is written, not even a journal beside it.

    :raises SettingsError: there is no such file, or it is no database of this layout
    :raises LedgerBusyError: it is locked by somebody who writes
    """
    place = path.expanduser()
    sessions, given, made, read, created, hours = _ask(place, lambda database: database.execute(_SUMS).fetchone())
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
        raise SettingsError(str(place), _NO_FIGURES) from None


def read_symbiosis(path: Path, homelab: Sequence[str], zone: str) -> Symbiosis:
    """What the sessions and turns come to. ``homelab`` are shell patterns of projects, ``zone`` the operator's clock.

    :raises SettingsError: there is no such file, or it is no database of this layout
    :raises LedgerBusyError: it is locked by somebody who writes
    """
    place = path.expanduser()
    projects, turns = _ask(
        place, lambda database: (database.execute(_SESSIONS).fetchall(), database.execute(_TURNS).fetchall())
    )
    try:
        hours = sum(float(row[5]) for row in projects)
        ours = sum(float(row[5]) for row in projects if any(fnmatchcase(str(row[0]), one) for one in homelab))
        read, created, given = (sum(int(row[column]) for row in projects) for column in (6, 7, 8))
        whole = read + created + given
        return Symbiosis(
            since=min((_moment(row[1]) for row in projects if row[1]), default=None),
            until=max((_moment(row[2]) for row in projects if row[2]), default=None),
            sessions=sum(int(row[3]) for row in projects),
            hours=round(hours, 1),
            turns=sum(int(row[4]) for row in projects),
            cache_hit=round(100 * read / whole, 1) if whole else None,
            focus=round(100 * ours / hours, 1) if homelab and hours else None,
            heat=_heat(turns, ZoneInfo(zone)),
        )
    except (ValueError, TypeError):
        raise SettingsError(str(place), _NO_FIGURES) from None


def _heat(turns: Sequence[tuple[str, int]], zone: ZoneInfo) -> tuple[tuple[int, ...], ...]:
    """The database's hours are UTC; each is put on the operator's clock of its own day, summer or winter."""
    counted = [[0] * HOURS for _ in DAYS]
    for hour, count in turns:
        at = datetime.strptime(hour, "%Y-%m-%dT%H").replace(tzinfo=UTC).astimezone(zone)
        counted[at.weekday()][at.hour] += int(count)
    return tuple(tuple(row) for row in counted)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _ask(place: Path, question: Callable[[sqlite3.Connection], T]) -> T:
    if not place.is_file():
        raise SettingsError("usage.database", f"there is no file {place}; run this where the agent's database lies")
    try:
        with closing(_opened(place)) as database:
            database.execute("PRAGMA query_only = ON")
            return question(database)
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


def _opened(place: Path) -> sqlite3.Connection:
    """Where a write-ahead log is in use and nobody has it open, SQLite would make files beside it: that one is read as it is."""
    with place.open("rb") as file:
        head = file.read(20)
    still = head[18:19] == _WAL and not place.with_name(place.name + "-wal").exists()
    more = "&immutable=1" if still else ""
    return sqlite3.connect(f"file:{quote(str(place))}?mode=ro{more}", uri=True, timeout=BUSY_SECONDS)
