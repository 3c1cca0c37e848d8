"""Backups of our own ledgers."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from aiops.domain.copied import CopiedLedger, Manifest


class Copies(Protocol):
    """Copies of the ledgers that are on this machine, and the way back."""

    def copy(self, folder: Path) -> Manifest:
        """Copy every ledger into a new folder while it is in use: one consistent snapshot each, checked and hashed.

        :raises UnknownError: no ledger is here
        :raises RefusedError: ``exists`` when the folder is there, ``integrity`` when a ledger is damaged
        :raises LedgerBusyError: one cannot be read now
        """

    def check(self, folder: Path) -> Manifest:
        """What the backup holds, after its hashes were compared.

        :raises UnknownError: there is no backup
        :raises RefusedError: ``manifest``, ``missing`` or ``hash``: it is not what was written
        """

    def put_back(self, folder: Path, ledger: CopiedLedger, *, over: bool) -> AbstractContextManager[Path]:
        """A working copy to begin a new epoch in; it takes the ledger's place when the block ends well, else it is gone.

        :raises RefusedError: ``exists`` when a ledger is there and it is not to be set aside
        :raises LedgerBusyError: a process has the one that is there open
        """
