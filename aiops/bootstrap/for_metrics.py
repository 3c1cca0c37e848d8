"""What serves metrics: a page per target, and eyes on what it is read from."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from aiops.bootstrap.shared import inventory, pulse
from aiops.domain.fact import utcnow
from aiops.domain.metric import Sample, Source, Target
from aiops.ports import GaugeServices, Meter
from aiops.settings import Settings


class MetricsListener(Protocol):
    """A server that runs until it is stopped."""

    @property
    def port(self) -> int:
        """Where it listens."""

    def start(self) -> None:
        """Begin to listen."""

    def stop(self) -> None:
        """End it."""


@dataclass(frozen=True)
class Exporter:
    """A target: what counts for it, and the server that shows it."""

    meter: Meter
    server: MetricsListener


def exporter(settings: Settings, target: Target) -> Exporter | None:
    """The bridge's or CT192's, which count what passes through their own process; None where its port is 0.

    :raises SettingsError: nobody can listen there
    """
    port = {"bridge": settings.exporter.bridge_port, "ct192": settings.exporter.detect_port}[target]
    return _serving(settings, target, port, {}) if port else None


def incident_exporter(
    settings: Settings,
    queues: Sequence[str],
    periods: Mapping[str, timedelta],
    expected: Callable[[], Mapping[str, datetime]],
) -> Exporter:
    """CT190's: eyes on the ledger, on signs of life and on queues; port 0 takes a free one.

    :raises SettingsError: nobody can listen there
    """
    from aiops.adapters.ledger_view import LedgerView  # noqa: PLC0415
    from aiops.adapters.redis_queues import RedisQueues  # noqa: PLC0415
    from aiops.steps.gauges import ledger_gauges, redis_gauges  # noqa: PLC0415

    services = GaugeServices(
        ledger=LedgerView(settings.state / "incidents.sqlite"),
        inventory=inventory(settings),
        pulse=pulse(settings),
        queues=RedisQueues(settings.redis.full_url()),
        names=queues,
        watch=settings.watch,
        periods=periods,
        expected=expected,
    )
    readings: dict[Source, Callable[[], Iterable[Sample]]] = {
        "ledger": lambda: ledger_gauges(services),
        "redis": lambda: redis_gauges(services),
    }
    return _serving(settings, "ct190", settings.exporter.incidents_port, readings)


def execution_exporter(settings: Settings) -> Exporter:
    """CT196's: eyes on the execution ledger and no way to anything else; port 0 takes a free one.

    :raises SettingsError: nobody can listen there
    """
    from aiops.adapters.execution_view import ExecutionView  # noqa: PLC0415
    from aiops.steps.gauges import execution_gauges  # noqa: PLC0415

    view = ExecutionView(settings.state / "executions.sqlite")
    readings: dict[Source, Callable[[], Iterable[Sample]]] = {"executions": lambda: execution_gauges(view, utcnow())}
    return _serving(settings, "ct196", settings.exporter.remediation_port, readings)


def metrics_check(settings: Settings) -> str:
    """For ``aiops doctor``: what is served on this container.

    :raises BusError: a port that is set does not answer
    """
    its = settings.exporter
    ports = {
        "incidents": its.incidents_port,
        "detect": its.detect_port,
        "remediation": its.remediation_port,
        "bridge": its.bridge_port,
    }
    if not any(ports.values()):
        return "not set: no metrics are served"
    from aiops.adapters.metrics_server import answers  # noqa: PLC0415

    parts = (f"{name} on {port}: {answers((its.listen, port))} families" for name, port in ports.items() if port)
    return ", ".join(parts)


def _serving(
    settings: Settings, target: Target, port: int, readings: Mapping[Source, Callable[[], Iterable[Sample]]]
) -> Exporter:
    from aiops.adapters.metrics_page import MetricsPage  # noqa: PLC0415
    from aiops.adapters.metrics_server import MetricsServer  # noqa: PLC0415

    page = MetricsPage(target, readings)
    return Exporter(page, MetricsServer((settings.exporter.listen, port), page.render))
