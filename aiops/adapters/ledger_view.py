"""The incident ledger for those who may only look: SQLite itself refuses every write."""

import os
import sqlite3
from pathlib import Path
from threading import Lock, RLock
from urllib.parse import quote

from aiops.adapters.incident_ledger import SqliteIncidentLedger
from aiops.adapters.sqlite import BUSY_SECONDS, Database
from aiops.errors import LedgerBusyError


class LedgerView(SqliteIncidentLedger):
    """Port ``Views``. Opened at first use, read-only; its owner has to have opened it once, and makes no file for us."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._lock = Lock()

    @property
    def _db(self) -> Database:
        with self._lock:
            if self._opened is None or self._opened.owner != os.getpid():
                self._opened = open_read_only(self._path, "incidents", "incidents")
            return self._opened


def open_read_only(path: Path, table: str, owner: str) -> Database:
    """The database of another worker, ``owner``; ``table`` is one that has to be in it.

    :raises LedgerBusyError: there is none, or it cannot be read
    """
    remedy = (
        f"Its owner, the {owner} worker, has to run on this machine, and this process has to be let read its folder."
    )
    try:
        path.stat()  # its own words for what is not there; opening it beside SQLite would drop locks
        database = sqlite3.connect(
            f"file:{quote(str(path))}?mode=ro",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            factory=Database,
        )
        database.path, database.lock, database.owner = path, RLock(), os.getpid()
        database.execute("PRAGMA query_only=ON")
        database.execute(f"SELECT 1 FROM {table} LIMIT 1")  # noqa: S608 - a name from our own code
    except (OSError, sqlite3.DatabaseError) as error:
        raise LedgerBusyError(str(path), str(error), remedy) from None
    return database
