"""Telegram's hearing end: long polling through python-telegram-bot. Exactly one process per bot may do that."""

import logging
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from telegram import Bot, CallbackQuery, Update
from telegram.error import Conflict, TelegramError
from telegram.request import HTTPXRequest

from aiops.adapters.background_loop import BackgroundLoop
from aiops.adapters.telegram_errors import shared_meaning
from aiops.condense.scrub import scrub
from aiops.domain.fact import utcnow
from aiops.domain.talk import Said
from aiops.errors import ChannelError, SettingsError

POLL_SECONDS: Final = 25
"""How long Telegram holds an empty answer back. Below 30 s, at which common proxies cut a silent connection."""
GRACE_SECONDS: Final = 10.0
"""Beyond that, a poll that has not ended is dropped and asked again."""
SECOND_POLLER: Final = 30.0
"""Seconds: another poller's long poll has ended by then, if it was only a process of ours that died."""
_LONGEST_TEXT: Final = 4096

os.environ.setdefault("PTB_TIMEDELTA", "true")

for _name in ("httpx", "telegram", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class TelegramEars:
    """Port ``Ears``."""

    name = "telegram"

    def __init__(
        self, token: str, api: str, *, poll: int = POLL_SECONDS, clock: Callable[[], datetime] = utcnow
    ) -> None:
        self._token, self._base = token, f"{api.rstrip('/')}/bot"
        self._poll, self._clock = poll, clock
        self._loop = BackgroundLoop()
        self._request: HTTPXRequest | None = None
        self._bot: Bot | None = None

    def hear(self, after: int) -> tuple[int, Sequence[Said]]:
        try:
            updates = self._loop.run(self._updates(after), self._poll + 2 * GRACE_SECONDS)
        except TimeoutError as error:
            raise ChannelError(self.name, "a poll did not end") from error
        now = self._clock()
        heard = [said for update in updates if (said := _said(update, now))]
        return max([after, *(update.update_id for update in updates)]), heard

    def introduce(self, commands: Sequence[tuple[str, str]]) -> None:
        try:
            self._loop.run(self._introduce(commands), GRACE_SECONDS)
        except TimeoutError as error:
            raise ChannelError(self.name, "no answer") from error

    def close(self) -> None:
        """Let go of the connection."""
        with suppress(TimeoutError):
            self._loop.run(self._rest(), GRACE_SECONDS)
        self._loop.close()

    async def _updates(self, after: int) -> Sequence[Update]:
        try:
            return await (await self._ready()).get_updates(
                offset=after + 1 if after else None,
                timeout=timedelta(seconds=self._poll),
                allowed_updates=[Update.MESSAGE, Update.CALLBACK_QUERY],
            )
        except TelegramError as error:
            raise self._translated(error) from None
        except (KeyError, TypeError, ValueError) as error:
            raise ChannelError(self.name, f"an update that cannot be read: {type(error).__name__}") from error

    async def _introduce(self, commands: Sequence[tuple[str, str]]) -> None:
        try:
            await (await self._ready()).set_my_commands(commands)
        except TelegramError as error:
            raise self._translated(error) from None

    async def _ready(self) -> Bot:
        if self._bot is None:
            self._request = HTTPXRequest(read_timeout=GRACE_SECONDS, connect_timeout=GRACE_SECONDS)
            other = HTTPXRequest(read_timeout=GRACE_SECONDS, connect_timeout=GRACE_SECONDS)
            self._bot = Bot(self._token, base_url=self._base, request=other, get_updates_request=self._request)
        return self._bot

    async def _rest(self) -> None:
        if self._bot is not None:
            for request in self._bot._request:  # noqa: SLF001 - `shutdown` refuses a bot that never asked who it is
                await request.shutdown()

    def _translated(self, error: TelegramError) -> ChannelError | SettingsError:
        reason = scrub(error.message, [self._token])
        shared = shared_meaning(self.name, error)
        if shared is not None:
            return shared
        if isinstance(error, Conflict):
            return ChannelError(
                self.name, f"somebody else polls this bot, or a webhook is set: {reason}", SECOND_POLLER
            )
        return ChannelError(self.name, reason)


def _said(update: Update, now: datetime) -> Said | None:
    if update.callback_query is not None:
        return _pressed(update.update_id, update.callback_query, now)
    message = update.message
    if message is None or message.from_user is None or message.from_user.is_bot or not message.text:
        return None
    replied = message.reply_to_message
    return Said(
        update=update.update_id,
        user=message.from_user.id,
        chat=message.chat.id,
        message=message.message_id,
        about=replied.message_id if replied else 0,
        text=message.text[:_LONGEST_TEXT],
        sent_at=message.date,
        at=now,
    )


def _pressed(update: int, press: CallbackQuery, now: datetime) -> Said:
    """A press on a message that is too old to be shown still has its chat and number; one sent inline has neither."""
    pressed = press.message
    number = pressed.message_id if pressed else 0
    return Said(
        update=update,
        user=press.from_user.id,
        chat=pressed.chat.id if pressed else press.from_user.id,
        message=number,
        about=number,
        text=(press.data or "")[:64],
        callback=press.id,
        at=now,
    )
