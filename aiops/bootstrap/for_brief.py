"""CT190's desk for other agents: eyes on the ledger and an MQTT account. No Redis, no key, no ledger to write to."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from aiops.bootstrap.shared import _address, inventory
from aiops.errors import SettingsError
from aiops.ports import BriefServices
from aiops.settings import Settings


class Desk(Protocol):
    """A desk that answers until it is closed."""

    def open(self) -> None:
        """Begin; returns at once, whether or not there is a broker."""

    def close(self, seconds: float = 2.0) -> None:
        """End it."""


def brief(settings: Settings, schedule: Callable[[datetime], Mapping[str, datetime]]) -> BriefServices:
    """What answers. It may only look."""
    from aiops.adapters.ledger_view import LedgerView  # noqa: PLC0415

    return BriefServices(
        views=LedgerView(settings.state / "incidents.sqlite"), inventory=inventory(settings), schedule=schedule
    )


def desk(settings: Settings, answer: Callable[[bytes], dict[str, Any]]) -> Desk:
    """Where it is asked.

    :raises SettingsError: no broker is set, or a file of it cannot be used
    """
    from aiops.adapters.mqtt_desk import MqttDesk  # noqa: PLC0415

    if not settings.mqtt.host:
        raise SettingsError("mqtt.host", "no MQTT broker is set, so nobody can ask")
    its = settings.brief
    return MqttDesk(_address(settings), answer, prefix=settings.mqtt.prefix, per_minute=its.per_minute, most=its.bytes)
