"""Finds out whether somebody else polls a bot: Telegram ends the poll that is older with 409.

Nothing is confirmed, so no update is lost to whoever else reads them; ``allowed_updates`` is not sent, since Telegram would
remember it. The other one sees a 409 of its own, once or twice, and polls again: that is how both learn of each other.
"""

import asyncio
import time
from datetime import timedelta
from typing import Final

from telegram import Bot
from telegram.error import Conflict, TelegramError
from telegram.request import HTTPXRequest

from aiops.adapters.telegram_errors import shared_meaning
from aiops.condense.scrub import scrub
from aiops.domain.moving import BotPolled
from aiops.errors import ChannelError

_GRACE: Final = 10.0
_REST: Final = 0.3
"""Seconds between two polls where updates wait, which end a poll at once."""


def who_polls(token: str, api: str, seconds: float = 15.0) -> BotPolled:
    """Poll for ``seconds``; pollers come back within a second or so after a conflict.

    :raises ChannelError: Telegram does not answer
    :raises SettingsError: it does not take the token
    """
    return asyncio.run(_look(token, api, seconds))


async def _look(token: str, api: str, seconds: float) -> BotPolled:
    polling, other = (HTTPXRequest(read_timeout=_GRACE, connect_timeout=_GRACE) for _ in range(2))
    bot = Bot(token, base_url=f"{api}/bot", request=other, get_updates_request=polling)
    try:
        if (await bot.get_webhook_info()).url:
            return "a webhook is set"
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            waiting = await bot.get_updates(limit=1, timeout=timedelta(seconds=max(1, round(left))))
            if waiting:
                await asyncio.sleep(_REST)
    except Conflict:
        return "polled by somebody else"
    except TelegramError as error:
        raise shared_meaning("telegram", error) or ChannelError("telegram", scrub(error.message, [token])) from None
    finally:
        for request in (polling, other):
            await request.shutdown()
    return "nobody else polls it"
