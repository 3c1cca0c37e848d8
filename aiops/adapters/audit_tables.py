"""The audit log's tables, the same in both ledgers: appended inside the transaction that does what the line tells of."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from sqlite3 import Cursor

from aiops.adapters.sqlite import Database
from aiops.domain.audit import AuditLine, Break, Head, Kept, breaks, chained

_PAGE = 1000


def append(cursor: Cursor, at: datetime, who: str, what: str, **fields: str) -> AuditLine:
    """Add a line; ``fields`` are those of ``AuditLine``. It is durable when the caller's transaction is."""
    number, previous = cursor.execute("SELECT n, hash FROM audit_head").fetchone()
    line = AuditLine.model_validate({"n": number + 1, "at": at, "who": who, "what": what, **fields})
    text = line.written()
    mark = chained(previous, text)
    cursor.execute("INSERT INTO audit VALUES (?, ?, ?)", (line.n, text, mark))
    cursor.execute("UPDATE audit_head SET n = ?, hash = ?", (line.n, mark))
    return line


class AuditTables:
    """Port ``AuditLog``. Both ledgers are one of these."""

    @property
    def _db(self) -> Database:
        raise NotImplementedError

    def write_down(self, at: datetime, who: str, what: str, **fields: str) -> None:
        with self._db.writing() as cursor:
            append(cursor, at, who, what, **fields)

    def audit(self, limit: int = 200) -> Sequence[AuditLine]:
        with self._db.reading() as cursor:
            rows = cursor.execute("SELECT line FROM audit ORDER BY n DESC LIMIT ?", (limit,)).fetchall()
        return [AuditLine.model_validate_json(row[0]) for row in reversed(rows)]

    def audit_head(self) -> Head:
        with self._db.reading() as cursor:
            return Head(*cursor.execute("SELECT n, hash FROM audit_head").fetchone())

    def broken(self, anchors: Sequence[Head] = ()) -> Sequence[Break]:
        with self._db.reading() as cursor:
            row = cursor.execute("SELECT n, hash FROM audit_head").fetchone()
            return list(breaks(_rows(cursor), Head(*row) if row else Head(-1, "gone"), anchors))


def _rows(cursor: Cursor) -> Iterator[Kept]:
    found = cursor.execute("SELECT n, line, hash FROM audit ORDER BY n")
    while page := found.fetchmany(_PAGE):
        yield from (Kept(*row) for row in page)
