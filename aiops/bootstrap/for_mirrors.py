"""The voice, the bridge, the life signs on MQTT."""

from typing import Any, Protocol

from aiops import words
from aiops.bootstrap.shared import _address, events
from aiops.domain.moving import BotPolled
from aiops.errors import SettingsError
from aiops.ports import (
    BridgeServices,
    Channel,
    ListenServices,
    Mailbox,
    Meter,
    NotifyServices,
    ShipServices,
    Talker,
)
from aiops.settings import Settings, credential, secret


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
    channels = _channels(settings)
    return NotifyServices(
        mailbox=mailbox(settings),
        channels=channels,
        events=events(settings),
        voice=settings.voice,
        timezone=settings.timezone,
        talker=next((one for one in channels if isinstance(one, Talker)), None) if settings.telegram.users else None,
        words=words.load(settings.voice.language),
    )


def listening(settings: Settings) -> ListenServices:
    """The voice's ears.

    :raises SettingsError: there is no Telegram, nobody is on the list, or ``keys.ears`` is no key
    """
    from aiops.adapters.signing import KeySigner  # noqa: PLC0415
    from aiops.adapters.telegram_ears import TelegramEars  # noqa: PLC0415

    its = settings.telegram
    if its.token_file is None or not its.users:
        raise SettingsError("telegram.users", "name the token and who may speak; without them there is nobody to hear")
    return ListenServices(
        inbox=mailbox(settings),
        ears=TelegramEars(secret(its.token_file), its.api),
        mouthpiece=KeySigner(credential(settings.keys.ears)),
        users=frozenset(its.users),
        chats=frozenset({its.group, its.direct} - {0}),
        events=events(settings),
        words=words.load(settings.voice.language),
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
    if its.token_file is None:
        return None
    return TelegramChannel(
        secret(its.token_file),
        its.group,
        its.direct,
        its.api,
        words.load(settings.voice.language) if its.users else None,
    )


def telegram_check(settings: Settings) -> str:
    """For ``aiops doctor``: the bot and its chats, without a message."""
    telegram = _telegram(settings)
    if telegram is None:
        return "not set: messages go to a file in the state folder, or to ntfy"
    try:
        return f"{telegram.check()}; {_heard(settings)}"
    finally:
        telegram.close()


def other_poller(settings: Settings) -> BotPolled:
    """Whether somebody else polls the bot; not looked at where none is set up.

    :raises ChannelError: Telegram does not answer
    :raises SettingsError: the token cannot be read, or Telegram does not take it
    """
    if settings.telegram.token_file is None:
        return "not looked at"
    from aiops.adapters.telegram_poller import who_polls  # noqa: PLC0415

    return who_polls(secret(settings.telegram.token_file), settings.telegram.api)


def _heard(settings: Settings) -> str:
    place = credential(settings.keys.heard)
    if not settings.telegram.users:
        return "hears nobody: telegram.users is empty"
    if not place.exists():
        raise SettingsError(
            str(place), "no public key of the ears is here, so what people say is refused: docs/voice.md"
        )
    return f"hears {len(settings.telegram.users)} people"


def bridge(settings: Settings, meter: Meter | None = None) -> BridgeServices:
    """The mirror: the event log's reading end and a broker; ``meter`` counts what was mirrored.

    :raises SettingsError: no broker is set
    """
    from aiops.adapters.mqtt import MqttBroker  # noqa: PLC0415
    from aiops.adapters.redis_event_log import RedisEventLog  # noqa: PLC0415

    if not settings.mqtt.host:
        raise SettingsError("mqtt.host", "no MQTT broker is set, so there is nothing to mirror to")
    log = RedisEventLog(settings.redis.full_url(), events(settings), prefix=settings.mqtt.prefix)
    return BridgeServices(log=log, broker=MqttBroker(_address(settings), prefix=settings.mqtt.prefix), meter=meter)


def shipping(settings: Settings) -> ShipServices | None:
    """What sends to the log store; None where none is set.

    :raises SettingsError: its address or a file cannot be used
    """
    its = settings.ship
    if not its.url:
        return None
    from aiops.adapters.json_api import JsonApi  # noqa: PLC0415
    from aiops.adapters.log_files import LogFiles  # noqa: PLC0415
    from aiops.adapters.log_spool import LogSpool  # noqa: PLC0415
    from aiops.adapters.loki_push import LokiPush  # noqa: PLC0415
    from aiops.adapters.redis_event_log import RedisEventLog  # noqa: PLC0415

    def headers() -> dict[str, str]:
        token = {"Authorization": f"Bearer {secret(its.token_file)}"} if its.token_file else {}
        return token | ({"X-Scope-OrgID": its.tenant} if its.tenant else {})

    ours = events(settings)
    return ShipServices(
        log=RedisEventLog(settings.redis.full_url(), ours, prefix=settings.mqtt.prefix),
        spool=LogSpool(settings.state / "ship.sqlite", its.spool_mb * 1024 * 1024),
        store=LokiPush(JsonApi("loki", its.url, headers, seconds=its.seconds, ca_file=its.ca_file)),
        events=ours,
        files=LogFiles(its.logs) if its.logs else None,
    )


def ship_check(settings: Settings) -> str:
    """For ``aiops doctor``: what waits for the log store, where the bridge runs; asks nobody.

    :raises SettingsError: an address or a file cannot be used
    """
    if not settings.ship.url:
        return "not set: events and logs are sent to no log store"
    if settings.ship.token_file:
        secret(settings.ship.token_file)
    path = settings.state / "ship.sqlite"
    if not path.exists():
        return f"{settings.ship.url}; nothing was kept here yet: the bridge runs elsewhere, or has not started"
    from aiops.adapters.log_spool import LogSpool  # noqa: PLC0415

    spool = LogSpool(path, settings.ship.spool_mb * 1024 * 1024)
    try:
        lines, size = spool.waiting()
    finally:
        spool.close()
    return f"{settings.ship.url}; {lines} lines wait ({size / 1e6:.1f} of {settings.ship.spool_mb} MB)"


def presence(settings: Settings, name: str) -> Presence:
    """A worker's life sign; none where no broker is set."""
    if not settings.mqtt.host:
        from aiops.adapters.null_presence import NullPresence  # noqa: PLC0415

        return NullPresence()
    from aiops.adapters.mqtt import Presence as MqttPresence  # noqa: PLC0415

    return MqttPresence(_address(settings), name, prefix=settings.mqtt.prefix)
