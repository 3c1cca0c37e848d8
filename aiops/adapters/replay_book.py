"""Which signed messages were handed on, in SQLite: a restart must not make an old message a new one."""

from datetime import UTC, datetime
from pathlib import Path

from aiops.adapters.moments import ms
from aiops.adapters.sqlite import Database, open_database


class SqliteReplays:
    """Port of the gate in ``ingest_server``. Moments are seconds of Unix time."""

    def __init__(self, path: Path) -> None:
        """Open or create it.

        :raises LedgerBusyError: it cannot be written now
        :raises SettingsError: it is no database of this version
        """
        self._db: Database = open_database(path, "ingest")

    def known(self, signature: str) -> bool:
        """Whether a message with it was handed on.

        :raises LedgerBusyError: it cannot be read now
        """
        with self._db.reading() as cursor:
            return cursor.execute("SELECT 1 FROM taken WHERE signature = ?", (signature,)).fetchone() is not None

    def keep(self, signature: str, at: float, forget_before: float) -> None:
        """Remember it; what is older than ``forget_before`` is refused for its time anyway.

        :raises LedgerBusyError: it cannot be written now
        """
        with self._db.writing() as cursor:
            cursor.execute("INSERT OR IGNORE INTO taken VALUES (?, ?)", (signature, _ms(at)))
            cursor.execute("DELETE FROM taken WHERE at < ?", (_ms(forget_before),))

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _ms(seconds: float) -> int:
    return ms(datetime.fromtimestamp(seconds, UTC))
