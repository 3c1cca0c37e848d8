"""Telegram's sending end, through python-telegram-bot. Who asks the bot something is heard by another process."""

import logging
import os
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final, TypeVar

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions, Message, ReplyParameters
from telegram.constants import ChatAction, ParseMode
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    TelegramError,
)
from telegram.ext import AIORateLimiter, ExtBot
from telegram.request import HTTPXRequest

from aiops.adapters.background_loop import BackgroundLoop
from aiops.adapters.telegram_errors import shared_meaning
from aiops.condense.scrub import scrub
from aiops.domain.notice import Bundle, Route
from aiops.domain.talk import Card
from aiops.errors import ChannelError, SettingsError
from aiops.words import Words, load

SECONDS: Final = 75.0
"""Hard limit for one message. The rate limiter holds a group to Telegram's 20 messages a minute by waiting up to 60 s."""

_READ_SECONDS: Final = 10.0

_GONE: Final = ("message to edit not found", "message can't be edited", "message_id_invalid", "message identifier")
_SAME: Final = "message is not modified"
_OLD: Final = ("query is too old", "query id is invalid")
"""What Telegram says in a 400 that is no mistake of ours (https://github.com/tdlib/telegram-bot-api)."""

Done = TypeVar("Done")

_NO_PREVIEW: Final = LinkPreviewOptions(is_disabled=True)
"""An address in a log line is nothing that Telegram should fetch."""

# Pauses as timedelta: what the library's next major version does anyway, and warns about until then.
os.environ.setdefault("PTB_TIMEDELTA", "true")

# They log addresses at INFO and DEBUG, and the bot's token is part of the address.
for _name in ("httpx", "telegram", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class TelegramChannel:
    """Ports ``Channel`` and ``Talker``. ``group`` and ``direct`` are numeric chat ids; where one is missing the other is used.

    Nothing in a message is markup, so no text from a log can hide or fake anything; in a card what came from a host is
    escaped.
    """

    name = "telegram"

    def __init__(self, token: str, group: int, direct: int, api: str, words: Words | None = None) -> None:
        """With ``words`` it shows cards, and whoever calls keeps the pace; without, it holds Telegram's limits by waiting."""
        self._limited, self._words = words is None, words or load("en")
        self._token, self._chats = token, {True: direct or group, False: group or direct}
        self._loop = BackgroundLoop()
        self._base = f"{api.rstrip('/')}/bot"
        self._bot: Any = None
        self._requests: list[HTTPXRequest] = []

    def send(self, bundle: Bundle) -> str:
        return str(self._do(self._send(bundle)).message_id)

    def chat(self, *, direct: bool) -> int:
        return self._chats[direct]

    def post(self, chat: int, card: Card, html: str, *, silent: bool) -> int:
        return self._do(self._post(chat, card, html, silent=silent)).message_id

    def edit(self, chat: int, message: int, card: Card, html: str) -> bool:
        return self._do(self._edit(chat, message, card, html))

    def answer(self, callback: str, text: str) -> None:
        self._do(self._toast(callback, text))

    def say(self, chat: int, text: str, reply_to: int = 0, *, silent: bool = True) -> int:
        return self._do(self._say(chat, text, reply_to, silent=silent)).message_id

    def _do(self, work: Coroutine[Any, Any, Done]) -> Done:
        try:
            return self._loop.run(work, SECONDS)
        except TimeoutError as error:
            raise ChannelError(self.name, f"no answer within {SECONDS:g} s") from error

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

    async def _post(self, chat: int, card: Card, html: str, *, silent: bool) -> Message:
        try:
            bot = await self._ready()
            message: Message = await bot.send_message(
                chat,
                html,
                parse_mode=ParseMode.HTML,
                disable_notification=silent,
                link_preview_options=_NO_PREVIEW,
                reply_markup=self._keyboard(card),
            )
        except TelegramError as error:
            raise self._translated(error) from None
        return message

    async def _edit(self, chat: int, message: int, card: Card, html: str) -> bool:
        try:
            bot = await self._ready()
            await bot.edit_message_text(
                html,
                chat_id=chat,
                message_id=message,
                parse_mode=ParseMode.HTML,
                link_preview_options=_NO_PREVIEW,
                reply_markup=self._keyboard(card),
            )
        except BadRequest as error:
            said = error.message.lower()
            if _SAME in said:
                return True
            if any(word in said for word in _GONE):
                return False
            raise self._translated(error) from None
        except TelegramError as error:
            raise self._translated(error) from None
        return True

    async def _toast(self, callback: str, text: str) -> None:
        try:
            bot = await self._ready()
            await bot.answer_callback_query(callback, text, show_alert=True)
        except BadRequest as error:
            if not any(word in error.message.lower() for word in _OLD):
                raise self._translated(error) from None
        except TelegramError as error:
            raise self._translated(error) from None

    async def _say(self, chat: int, text: str, reply_to: int, *, silent: bool) -> Message:
        reply = ReplyParameters(reply_to, allow_sending_without_reply=True) if reply_to else None
        try:
            bot = await self._ready()
            message: Message = await bot.send_message(
                chat, text, disable_notification=silent, reply_parameters=reply, link_preview_options=_NO_PREVIEW
            )
        except TelegramError as error:
            raise self._translated(error) from None
        return message

    def _keyboard(self, card: Card) -> InlineKeyboardMarkup | None:
        """Two buttons a row."""
        buttons = [
            InlineKeyboardButton(self._words(f"press.{button.press.value}"), callback_data=button.nonce)
            for button in card.buttons
        ]
        return InlineKeyboardMarkup([buttons[at : at + 2] for at in range(0, len(buttons), 2)]) if buttons else None

    async def _check(self) -> str:
        """Nothing is sent: "is typing" needs the same right to write as a message, and leaves nothing behind."""
        names: list[str] = []
        try:
            bot = await self._ready()
            for chat in sorted(set(self._chats.values())):
                names.append((await bot.get_chat(chat)).effective_name or str(chat))
                await bot.send_chat_action(chat, ChatAction.TYPING)
            hook = (await bot.get_webhook_info()).url
        except TelegramError as error:
            raise self._translated(error) from None
        if hook:
            raise SettingsError("telegram", "a webhook is set for this bot, so it cannot be polled: deleteWebhook")
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
                rate_limiter=AIORateLimiter() if self._limited else None,
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
        shared = shared_meaning(self.name, error)
        if shared is not None:
            return shared
        if isinstance(error, ChatMigrated):
            return SettingsError("telegram.group", f"the group has a new id: {error.new_chat_id}")
        if isinstance(error, Forbidden | BadRequest):
            return SettingsError(
                "telegram", f"{reason}; add the bot to the group, write to it once, check the chat ids"
            )
        return ChannelError(self.name, reason)
