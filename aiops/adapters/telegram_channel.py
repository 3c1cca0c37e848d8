"""Telegram's sending end, through python-telegram-bot. Who asks the bot something is heard by another process."""

import logging
import os
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

from telegram import Message
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    RetryAfter,
    TelegramError,
)
from telegram.ext import AIORateLimiter, ExtBot
from telegram.request import HTTPXRequest

from aiops.adapters.background_loop import BackgroundLoop
from aiops.condense.scrub import scrub
from aiops.domain.notice import Bundle, Route
from aiops.errors import ChannelError, SettingsError

SECONDS: Final = 75.0
"""Hard limit for one message. The rate limiter holds a group to Telegram's 20 messages a minute by waiting up to 60 s."""

_READ_SECONDS: Final = 10.0

# Pauses as timedelta: what the library's next major version does anyway, and warns about until then.
os.environ.setdefault("PTB_TIMEDELTA", "true")

# They log addresses at INFO and DEBUG, and the bot's token is part of the address.
for _name in ("httpx", "telegram", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class TelegramChannel:
    """Port ``Channel``. ``group`` and ``direct`` are numeric chat ids; where one is missing the other is used.

    Nothing in a message is markup, so no text from a log can hide or fake anything.
    """

    name = "telegram"

    def __init__(self, token: str, group: int, direct: int, api: str) -> None:
        self._token, self._chats = token, {True: direct or group, False: group or direct}
        self._loop = BackgroundLoop()
        self._base = f"{api.rstrip('/')}/bot"
        self._bot: Any = None
        self._requests: list[HTTPXRequest] = []

    def send(self, bundle: Bundle) -> str:
        try:
            message = self._loop.run(self._send(bundle), SECONDS)
        except TimeoutError as error:
            raise ChannelError(self.name, f"no answer within {SECONDS:g} s") from error
        return str(message.message_id)

    def check(self) -> str:
        """Which bot it is, and which chats it may write to.

        :raises ChannelError: it does not answer
        :raises SettingsError: the token or a chat is not accepted
        """
        try:
            return self._loop.run(self._check(), 3 * _READ_SECONDS)
        except TimeoutError as error:
            raise ChannelError(self.name, "no answer") from error

    def close(self) -> None:
        """Let go of the connections."""
        with suppress(TimeoutError):
            self._loop.run(self._rest(), _READ_SECONDS)
        self._loop.close()

    async def _send(self, bundle: Bundle) -> Message:
        try:
            bot = await self._ready()
            message: Message = await bot.send_message(
                self._chats[bundle.route is Route.DIRECT],
                bundle.text,
                disable_notification=bundle.route is Route.GROUP_SILENTLY,
            )
        except TelegramError as error:
            raise self._translated(error) from None
        return message

    async def _check(self) -> str:
        try:
            bot = await self._ready()
            names = [
                (await bot.get_chat(chat)).effective_name or str(chat) for chat in sorted(set(self._chats.values()))
            ]
        except TelegramError as error:
            raise self._translated(error) from None
        return f"@{bot.username} writes to {', '.join(names)}"

    async def _ready(self) -> Any:
        """The bot, once Telegram has said that the token is good."""
        if self._bot is None:
            self._requests = [HTTPXRequest(read_timeout=_READ_SECONDS, connect_timeout=_READ_SECONDS) for _ in range(2)]
            bot = ExtBot(
                self._token,
                base_url=self._base,
                request=self._requests[0],
                get_updates_request=self._requests[1],
                rate_limiter=AIORateLimiter(),
            )
            try:
                await bot.initialize()
            except TelegramError:
                await self._rest()
                raise
            self._bot = bot
        return self._bot

    async def _rest(self) -> None:
        requests, self._requests = self._requests, []
        for request in requests:
            await request.shutdown()

    def _translated(self, error: TelegramError) -> ChannelError | SettingsError:
        reason = scrub(error.message, [self._token])
        if isinstance(error, RetryAfter):
            pause = error.retry_after
            seconds = pause.total_seconds() if isinstance(pause, timedelta) else float(pause)
            return ChannelError(self.name, f"it asks for a pause of {seconds:g} s", seconds)
        if isinstance(error, InvalidToken):
            return SettingsError(
                "telegram.token_file", "Telegram does not accept the token; get a new one from @BotFather"
            )
        if isinstance(error, ChatMigrated):
            return SettingsError("telegram.group", f"the group has a new id: {error.new_chat_id}")
        if isinstance(error, Forbidden | BadRequest):
            return SettingsError(
                "telegram", f"{reason}; add the bot to the group, write to it once, check the chat ids"
            )
        return ChannelError(self.name, reason)
