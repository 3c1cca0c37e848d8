"""The way to the human."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from aiops.domain.notice import Bundle, Notice
from aiops.ports.talk import CardBox, Inbox


class Channel(Protocol):
    """One way to reach the human."""

    @property
    def name(self) -> str:
        """What it is called in records: ``telegram``."""

    def send(self, bundle: Bundle) -> str:
        """Deliver it as one message; returns the receiver's own number of it.

        :raises ChannelError: it did not go out now
        :raises SettingsError: it never will as things are set: a wrong token, an unknown chat
        """


class Mailbox(CardBox, Inbox, Protocol):
    """Every message to the human, until it is delivered and for a month after. Durable when a call returns.

    :raises LedgerBusyError: from any method, when the database is locked or its disk is full
    """

    def put(self, notice: Notice) -> bool:
        """Keep it for delivery; False when it is known already."""

    def due(self, now: datetime) -> Sequence[Notice]:
        """What is to go out now, in the order in which it came."""

    def delivered(self, notices: Sequence[str], channel: str, receipt: str, now: datetime) -> None:
        """They have arrived."""

    def failed(self, notices: Sequence[str], reason: str, again_at: datetime) -> None:
        """They did not go out; not to be tried before ``again_at``."""

    def recent(self, limit: int, *, waiting: bool = False) -> Sequence[Notice]:
        """The newest first; with ``waiting`` only those that have not arrived."""
