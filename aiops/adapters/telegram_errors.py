"""What Telegram's errors mean to us, in the words that its speaking and its hearing end share."""

from datetime import timedelta

from telegram.error import InvalidToken, RetryAfter, TelegramError

from aiops.errors import ChannelError, SettingsError


def shared_meaning(name: str, error: TelegramError) -> ChannelError | SettingsError | None:
    """A pause that it asks for, or a token that it does not take; None for anything else."""
    if isinstance(error, RetryAfter):
        pause = error.retry_after
        seconds = pause.total_seconds() if isinstance(pause, timedelta) else float(pause)
        return ChannelError(name, f"it asks for a pause of {seconds:g} s", seconds)
    if isinstance(error, InvalidToken):
        return SettingsError("telegram.token_file", "Telegram does not accept the token; get a new one from @BotFather")
    return None
