"""The memory files: what is known of hosts and services beyond the incidents."""

from collections.abc import Collection, Sequence
from typing import Protocol

from aiops.domain.memory import Remembered


class Memory(Protocol):
    """Facts by host and service."""

    def of(self, names: Collection[str]) -> Sequence[Remembered]:
        """Everything about these hosts and services, expired or not, oldest first. A line that cannot be read is left out."""

    def all(self) -> Sequence[Remembered]:
        """Everything, by name."""

    def keep(self, fact: Remembered) -> None:
        """Add a fact; the same text about the same is replaced, so that its age is that of its last confirmation.

        :raises LedgerBusyError: it cannot be written now
        """
