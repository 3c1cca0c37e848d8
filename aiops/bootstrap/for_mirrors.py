"""The voice, the bridge, the life signs on MQTT."""

from typing import Any, Protocol

from aiops.bootstrap.shared import _address, events
from aiops.errors import SettingsError
from aiops.ports import (
    BridgeServices,
    Channel,
    Mailbox,
    NotifyServices,
)
from aiops.settings import Settings, secret


class Presence(Protocol):
    """A worker's life sign on MQTT."""

    def start(self) -> None:
        """Say ``online``."""

    def stop(self) -> None:
        """Say ``offline``."""

    def well(self, text: str) -> None:
        """Say ``online`` anew, with the time. Never raises."""

    def ill(self, text: str) -> None:
        """Say ``degraded`` and why. Never raises."""


def notification(settings: Settings) -> NotifyServices:
    """The voice: its mailbox, and the ways to the human in the order in which they are tried."""
    return NotifyServices(
        mailbox=mailbox(settings),
        channels=_channels(settings),
        events=events(settings),
        voice=settings.voice,
        timezone=settings.timezone,
    )


def mailbox(settings: Settings) -> Mailbox:
    """The mailbox alone: for whoever only reads it."""
    from aiops.adapters.mailbox import SqliteMailbox  # noqa: PLC0415

    return SqliteMailbox(settings.state / "mailbox.sqlite")


def _channels(settings: Settings) -> list[Channel]:
    found: list[Channel] = []
    if settings.telegram.token_file:
        found.append(_telegram(settings))
    if settings.ntfy.url:
        from aiops.adapters.ntfy_channel import NtfyChannel  # noqa: PLC0415

        its = settings.ntfy
        found.append(NtfyChannel(its.url, secret(its.token_file) if its.token_file else ""))
    if not found:
        from aiops.adapters.file_channel import FileChannel  # noqa: PLC0415

        found.append(FileChannel(settings.state / "notifications.jsonl"))
    return found


def _telegram(settings: Settings) -> Any:
    from aiops.adapters.telegram_channel import TelegramChannel  # noqa: PLC0415

    its = settings.telegram
    return TelegramChannel(secret(its.token_file), its.group, its.direct, its.api) if its.token_file else None


def telegram_check(settings: Settings) -> str:
    """For ``aiops doctor``: the bot and its chats, without a message."""
    telegram = _telegram(settings)
    if telegram is None:
        return "not set: messages go to a file in the state folder, or to ntfy"
    try:
        return str(telegram.check())
    finally:
        telegram.close()


def bridge(settings: Settings) -> BridgeServices:
    """The mirror: the event log's reading end and a broker.

    :raises SettingsError: no broker is set
    """
    from aiops.adapters.mqtt import MqttBroker  # noqa: PLC0415
    from aiops.adapters.redis_event_log import RedisEventLog  # noqa: PLC0415

    if not settings.mqtt.host:
        raise SettingsError("mqtt.host", "no MQTT broker is set, so there is nothing to mirror to")
    log = RedisEventLog(settings.redis.full_url(), events(settings), prefix=settings.mqtt.prefix)
    return BridgeServices(log=log, broker=MqttBroker(_address(settings), prefix=settings.mqtt.prefix))


def presence(settings: Settings, name: str) -> Presence:
    """A worker's life sign; none where no broker is set."""
    if not settings.mqtt.host:
        from aiops.adapters.null_presence import NullPresence  # noqa: PLC0415

        return NullPresence()
    from aiops.adapters.mqtt import Presence as MqttPresence  # noqa: PLC0415

    return MqttPresence(_address(settings), name, prefix=settings.mqtt.prefix)
