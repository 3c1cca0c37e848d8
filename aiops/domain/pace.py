"""How many messages a chat may get: what Telegram allows, with room kept for what is urgent.

Telegram takes 20 messages a minute for a group (https://core.telegram.org/bots/faq), edits included.
"""

from collections import deque
from datetime import datetime, timedelta
from typing import Final

MINUTE: Final = timedelta(seconds=60)
MOST: Final = 20
"""Of anything, in a group and a minute."""
NOTICES: Final = 17
ANSWERS: Final = 15
EDITS: Final = 12
"""Edits stop first, then answers: a message to the human is never kept waiting by the beauty of its cards."""


class Pace:
    """What went out lately, by chat; forgotten with the process, since Telegram itself says when it is too much."""

    def __init__(self) -> None:
        self._sent: dict[int, deque[datetime]] = {}
        self._rest: datetime | None = None

    def room(self, chat: int, now: datetime, most: int) -> bool:
        """Whether one more may go there within the minute; a private chat has no such limit."""
        sent = self._sent.setdefault(chat, deque())
        while sent and now - sent[0] >= MINUTE:
            sent.popleft()
        return chat > 0 or len(sent) < most

    def sent(self, chat: int, now: datetime) -> None:
        """One more went there."""
        self._sent.setdefault(chat, deque(maxlen=MOST * 2)).append(now)

    def rest(self, until: datetime) -> None:
        """Nothing at all goes out before then: it was asked for."""
        self._rest = max(self._rest or until, until)

    def resting(self, now: datetime) -> float:
        """Seconds until anything may go out; 0 when it may."""
        return max(0.0, (self._rest - now).total_seconds()) if self._rest else 0.0
