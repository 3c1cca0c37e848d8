"""The voice, the bridge, the life signs on MQTT."""

from typing import Protocol

from aiops.bootstrap.shared import _address, events
from aiops.errors import SettingsError
from aiops.ports import (
    BridgeServices,
    NotifyServices,
)
from aiops.settings import Settings


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
    """The voice."""
    from aiops.adapters.console_notifier import FileNotifier  # noqa: PLC0415

    return NotifyServices(notifier=FileNotifier(settings.state / "notifications.jsonl"), events=events(settings))


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
