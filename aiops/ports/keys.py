"""Changing a secret without a gap: the new one is believed before it is used, the old one is believed until it is retired."""

from typing import Protocol

from aiops.domain.key import Stage


class Rotation(Protocol):
    """One secret in files. Whatever ends a step in the middle, the same step again finishes it.

    :raises RefusedError: ``stage`` from each step when it is not this one's turn; nothing has changed then
    :raises SettingsError: from each, when a file cannot be read or written
    """

    def stage(self) -> Stage:
        """How far it has come."""

    def rotate(self) -> None:
        """Make the new one, and let it be believed beside the one in use."""

    def use(self) -> None:
        """Change over; the old one is still believed."""

    def retire(self) -> None:
        """Believe the old one no more."""
