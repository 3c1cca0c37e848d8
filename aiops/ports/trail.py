"""What is kept: whole outputs, the audit log, the records in git."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from aiops.domain.audit import AuditLine, Break, Head
from aiops.domain.record import Pushed, Record


class Archive(Protocol):
    """Whole outputs, found again by their digest: what was condensed away is never lost."""

    def keep(self, text: str) -> str:
        """Store the text and return its digest; the same text again only becomes younger.

        :raises LedgerBusyError: it cannot be written now
        """

    def find(self, digest: str) -> str:
        """The whole text.

        :raises UnknownError: it is not here, or damaged
        """

    def prune(self, before: datetime) -> int:
        """Forget what nobody has kept again since then; returns how many texts."""


class AuditLog(Protocol):
    """What was decided and done, appended and never rewritten; each line is bound to the one before it.

    Both ledgers write a line in the transaction that does what the line tells of.
    """

    def write_down(self, at: datetime, who: str, what: str, **fields: str) -> None:
        """Append a line; ``fields`` are those of ``AuditLine``."""

    def audit(self, limit: int = 200) -> Sequence[AuditLine]:
        """The newest lines, oldest of them first."""

    def audit_head(self) -> Head:
        """The last line's number and hash, to be kept elsewhere."""

    def broken(self, anchors: Sequence[Head] = ()) -> Sequence[Break]:
        """Where the log is not what was written: changed, removed, reordered, cut off. ``anchors`` were kept elsewhere."""


class Records(Protocol):
    """The paper trail: transcripts and the ops journal, in git, pushed where a remote is set."""

    def keep(self, record: Record) -> tuple[str, str]:
        """Commit a record; returns the transcript's path in its repository and its SHA-256. The same again changes nothing.

        :raises LedgerBusyError: it cannot be committed now; nothing of it is
        """

    def push(self) -> Pushed:
        """Send everything that has not arrived, in order. A remote that does not answer is a reason, never an error."""

    def anchors(self) -> Sequence[Head]:
        """The heads of the audit log that the commits carry."""
