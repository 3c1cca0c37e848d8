"""What waits for the log store, on the bridge's own disk: bounded, in order, kept with the cursor it was read at."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from aiops.adapters.sqlite import open_database
from aiops.domain.shipped import Line
from aiops.ports import Spooled

OVERHEAD: Final = 64
"""Bytes that a row takes besides its texts: measured, rounded up."""


class LogSpool:
    """Port ``Spool``. One process, one thread."""

    def __init__(self, path: Path, most: int) -> None:
        """``most`` is how many bytes may wait.

        :raises LedgerBusyError: it cannot be written now
        :raises SettingsError: it is no database of this version
        """
        self._db = open_database(path, "ship")
        self._most = most
        with self._db.reading() as cursor:
            (self._bytes,) = cursor.execute("SELECT coalesce(sum(bytes), 0) FROM lines").fetchone()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def mark(self, name: str) -> str:
        with self._db.reading() as cursor:
            row = cursor.execute("SELECT value FROM marks WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""

    def keep(self, lines: Sequence[Line], marks: Mapping[str, str]) -> int:
        with self._db.writing() as cursor:
            total = self._bytes
            for line in lines:
                (last,) = cursor.execute("SELECT max(at) FROM streams WHERE labels = ?", (line.labels,)).fetchone()
                at = max(line.at, (last or 0) + 1)
                size = len(line.text.encode()) + len(line.labels) + OVERHEAD
                cursor.execute(
                    "INSERT INTO lines (labels, at, text, bytes) VALUES (?, ?, ?, ?)",
                    (line.labels, at, line.text, size),
                )
                cursor.execute("INSERT OR REPLACE INTO streams VALUES (?, ?)", (line.labels, at))
                total += size
            dropped = 0
            while total > self._most:
                oldest = cursor.execute("SELECT n, bytes FROM lines ORDER BY n LIMIT 500").fetchall()
                gone = 0
                for number, size in oldest:
                    if total <= self._most:
                        break
                    total, gone, dropped = total - size, number, dropped + 1
                cursor.execute("DELETE FROM lines WHERE n <= ?", (gone,))
            cursor.executemany("INSERT OR REPLACE INTO marks VALUES (?, ?)", list(marks.items()))
        self._bytes = total
        return dropped

    def oldest(self, lines: int, most: int) -> Sequence[Spooled]:
        found: list[Spooled] = []
        total = 0
        with self._db.reading() as cursor:
            rows = cursor.execute("SELECT n, labels, at, text, bytes FROM lines ORDER BY n LIMIT ?", (lines,))
            for number, labels, at, text, size in rows:
                total += size
                if found and total > most:
                    break
                found.append(Spooled(number, Line(labels=labels, at=at, text=text)))
        return found

    def forget(self, upto: int) -> None:
        with self._db.writing() as cursor:
            (gone,) = cursor.execute("SELECT coalesce(sum(bytes), 0) FROM lines WHERE n <= ?", (upto,)).fetchone()
            cursor.execute("DELETE FROM lines WHERE n <= ?", (upto,))
        self._bytes -= gone

    def waiting(self) -> tuple[int, int]:
        with self._db.reading() as cursor:
            (count,) = cursor.execute("SELECT count(*) FROM lines").fetchone()
        return int(count), int(self._bytes)
