"""Telegram's hearing end: long polling through python-telegram-bot. Exactly one process per bot may do that."""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

from telegram import Bot, CallbackQuery, Update
from telegram.error import Conflict, TelegramError
from telegram.request import HTTPXRequest

from aiops.adapters.background_loop import BackgroundLoop
from aiops.adapters.telegram_errors import shared_meaning
from aiops.condense.scrub import scrub
from aiops.domain.fact import utcnow
from aiops.domain.talk import Poll, Said, Unread
from aiops.errors import ChannelError, SettingsError

POLL_SECONDS: Final = 25
"""How long Telegram holds an empty answer back. Below 30 s, at which common proxies cut a silent connection."""
GRACE_SECONDS: Final = 10.0
"""Beyond that, a poll that has not ended is dropped and asked again."""
SECOND_POLLER: Final = 30.0
"""Seconds: another poller's long poll has ended by then, if it was only a process of ours that died."""
_LONGEST_TEXT: Final = 4096
_NUMBERS: Final = 2**53
"""Telegram's numbers are below it: whole numbers that every reader of JSON keeps whole."""

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
        self._request: _Unopened | None = None
        self._bot: Bot | None = None

    def hear(self, after: int) -> Poll:
        try:
            updates = self._loop.run(self._updates(after), self._poll + 2 * GRACE_SECONDS)
        except TimeoutError as error:
            raise ChannelError(self.name, "a poll did not end") from error
        numbers = [_number(update) for update in updates]
        if updates and not any(numbers):
            raise ChannelError(self.name, "updates without a number: what comes after them cannot be asked for")
        read = list(self._read(updates, self._clock()))
        return Poll(
            newest=max([after, *numbers]),
            said=tuple(one for one in read if isinstance(one, Said)),
            unread=tuple(one for one in read if isinstance(one, Unread)),
        )

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

    def _read(self, updates: Sequence[Any], now: datetime) -> Iterator[Said | Unread]:
        for update in updates:
            if not _number(update):
                yield Unread(update=0, reason="no number")
                continue
            try:
                said = _said(Update.de_json(update, self._bot), now)
            except Exception as error:  # noqa: BLE001 - the boundary to bytes of others and to the library that reads them: whatever one update does to it, the next must be heard
                yield Unread(update=_number(update), reason=type(error).__name__)
            else:
                if said:
                    yield said

    async def _updates(self, after: int) -> Sequence[Any]:
        """As they came: the library would read all of them or none."""
        bot = await self._ready()
        try:
            await bot.get_updates(
                offset=after + 1 if after else None,
                timeout=timedelta(seconds=self._poll),
                allowed_updates=[Update.MESSAGE, Update.CALLBACK_QUERY],
            )
        except TelegramError as error:
            raise self._translated(error) from None
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ChannelError(self.name, f"an answer that cannot be read: {type(error).__name__}") from error
        return self._request.taken() if self._request else ()

    async def _introduce(self, commands: Sequence[tuple[str, str]]) -> None:
        try:
            await (await self._ready()).set_my_commands(commands)
        except TelegramError as error:
            raise self._translated(error) from None

    async def _ready(self) -> Bot:
        if self._bot is None:
            self._request = _Unopened(read_timeout=GRACE_SECONDS, connect_timeout=GRACE_SECONDS)
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


class _Unopened(HTTPXRequest):
    """Takes the updates out of an answer before the library reads them: one that it cannot read would cost all others."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._taken: list[Any] = []

    def parse_json_payload(self, payload: bytes) -> dict[str, Any]:  # type: ignore[override]  # theirs is static, and made to be overridden
        answer = HTTPXRequest.parse_json_payload(payload)
        if not isinstance(answer.get("result"), list):
            return answer
        self._taken = answer["result"]
        return {**answer, "result": []}

    def taken(self) -> list[Any]:
        """What the last answer held, once."""
        taken, self._taken = self._taken, []
        return taken


def _number(update: Any) -> int:
    """The update's number; 0 where there is none that can be counted on from."""
    number = update.get("update_id") if isinstance(update, dict) else None
    return number if isinstance(number, int) and 0 < number < _NUMBERS else 0


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
