"""The mailbox of the voice in SQLite: nobody else reads or writes it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from aiops.adapters.conversation_tables import ConversationTables
from aiops.adapters.moments import from_ms, ms
from aiops.adapters.sqlite import Database, open_database
from aiops.domain.event import Event
from aiops.domain.notice import Notice, Route

KEPT: Final = timedelta(days=30)
"""How long a delivered message is remembered: long enough to answer "was I told?"."""

_COLUMNS = "id, event, route, first_due, attempts, reason, delivered_at, channel, receipt"


class SqliteMailbox(ConversationTables):
    """Port ``Mailbox``."""

    def __init__(self, path: Path) -> None:
        """Open or create it.

        :raises LedgerBusyError: it cannot be written now
        :raises SettingsError: it is no database of this version
        """
        self._database = open_database(path, "mailbox")

    @property
    def _db(self) -> Database:
        return self._database

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def put(self, notice: Notice) -> bool:
        due = ms(notice.due_at)
        with self._database.writing() as cursor:
            cursor.execute(
                "INSERT OR IGNORE INTO notices (id, event, route, first_due, due_at) VALUES (?, ?, ?, ?, ?)",
                (notice.id, notice.event.model_dump_json(), notice.route.value, due, due),
            )
            return cursor.rowcount == 1

    def due(self, now: datetime) -> Sequence[Notice]:
        with self._database.reading() as cursor:
            rows = cursor.execute(
                f"SELECT {_COLUMNS} FROM notices WHERE delivered_at IS NULL AND due_at <= ? ORDER BY rowid",  # noqa: S608 - a constant
                (ms(now),),
            )
            return [_notice(row) for row in rows]

    def delivered(self, notices: Sequence[str], channel: str, receipt: str, now: datetime) -> None:
        with self._database.writing() as cursor:
            cursor.executemany(
                "UPDATE notices SET delivered_at = ?, channel = ?, receipt = ? WHERE id = ?",
                [(ms(now), channel, receipt, notice) for notice in notices],
            )
            cursor.execute("DELETE FROM notices WHERE delivered_at < ?", (ms(now - KEPT),))

    def failed(self, notices: Sequence[str], reason: str, again_at: datetime) -> None:
        with self._database.writing() as cursor:
            cursor.executemany(
                "UPDATE notices SET attempts = attempts + 1, reason = ?, due_at = ? WHERE id = ?",
                [(reason, ms(again_at), notice) for notice in notices],
            )

    def recent(self, limit: int, *, waiting: bool = False) -> Sequence[Notice]:
        only = "WHERE delivered_at IS NULL" if waiting else ""
        with self._database.reading() as cursor:
            rows = cursor.execute(
                f"SELECT {_COLUMNS} FROM notices {only} ORDER BY rowid DESC LIMIT ?",  # noqa: S608 - one of two constants
                (limit,),
            )
            return [_notice(row) for row in rows]


def _notice(row: tuple[Any, ...]) -> Notice:
    name, event, route, due, attempts, reason, delivered, channel, receipt = row
    return Notice(
        id=name,
        event=Event.model_validate_json(event),
        route=Route(route),
        due_at=from_ms(due),
        attempts=attempts,
        reason=reason,
        delivered_at=None if delivered is None else from_ms(delivered),
        channel=channel,
        receipt=receipt,
    )
