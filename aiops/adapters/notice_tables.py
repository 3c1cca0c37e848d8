"""The table of the incident ledger about messages to the human that the voice has not taken yet."""

from collections.abc import Sequence
from datetime import datetime

from aiops.adapters.sqlite import Database
from aiops.domain.event import Event
from aiops.domain.fact import iso


class NoticeTables:
    """Port ``NoticeLedger``. The incident ledger is one of these; both write into the same transaction."""

    @property
    def _db(self) -> Database:
        raise NotImplementedError

    def keep_notice(self, notice: Event, at: datetime) -> None:
        with self._db.writing() as cursor:
            cursor.execute(
                "INSERT OR IGNORE INTO notices (id, event, kept_at) VALUES (?, ?, ?)",
                (notice.id, notice.model_dump_json(), iso(at)),
            )

    def notice_taken(self, notice: str) -> bool:
        with self._db.writing() as cursor:
            cursor.execute("DELETE FROM notices WHERE id = ?", (notice,))
            return cursor.rowcount == 1

    def untaken(self, before: datetime, limit: int) -> Sequence[Event]:
        with self._db.reading() as cursor:
            rows = cursor.execute(
                "SELECT event FROM notices WHERE kept_at < ? ORDER BY kept_at LIMIT ?", (iso(before), limit)
            ).fetchall()
        return [Event.model_validate_json(text) for (text,) in rows]
