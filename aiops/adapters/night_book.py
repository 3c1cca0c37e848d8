"""What the night work remembers, in SQLite: nobody else reads or writes it."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from aiops.adapters.moments import ms
from aiops.adapters.sqlite import Database, open_database


class SqliteNightBook:
    """Port ``NightBook``. Opened at first use, so that a process that only reads settings makes no file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: Database | None = None

    @property
    def _db(self) -> Database:
        if self._opened is None:
            self._opened = open_database(self._path, "night")
        return self._opened

    def untold(self, keys: Sequence[str]) -> frozenset[str]:
        with self._db.reading() as cursor:
            return frozenset(
                key
                for key in keys
                if cursor.execute("SELECT 1 FROM told_items WHERE key = ?", (key,)).fetchone() is None
            )

    def told(self, keys: Sequence[str], at: datetime, forget_before: datetime) -> None:
        with self._db.writing() as cursor:
            cursor.executemany(
                "INSERT INTO told_items VALUES (?, ?) ON CONFLICT DO UPDATE SET told_at = excluded.told_at",
                [(key, ms(at)) for key in keys],
            )
            cursor.execute("DELETE FROM told_items WHERE told_at < ?", (ms(forget_before),))

    def keep(self, name: str, value: str, at: datetime) -> bool:
        with self._db.writing() as cursor:
            cursor.execute(
                "INSERT INTO kept VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET at = excluded.at, value = excluded.value"
                " WHERE kept.at < excluded.at",
                (name, ms(at), value),
            )
            return bool(cursor.rowcount == 1)

    def kept(self, name: str) -> str:
        with self._db.reading() as cursor:
            row = cursor.execute("SELECT value FROM kept WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""
