"""What Loki has received from each host: how much, when last, and how many errors per unit in bins of five minutes; and
whether our own lines arrive and how long lines are kept.
"""

import ipaddress
import re
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import yaml

from aiops.adapters.shape import Shape, Transport, unknown_question
from aiops.domain.guest import Guest
from aiops.domain.shipped import JOB
from aiops.domain.spike import BIN
from aiops.domain.testimony import Gap, OwnLines, Retention, Stream, Testimony, Told
from aiops.errors import AiopsError, SettingsError

_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
_WEEK: Final = 7 * _DAY
_QUERY_RANGE: Final = "/loki/api/v1/query_range"
Series = tuple[Mapping[str, str], Sequence[tuple[float, float]]]


SLACK_DAYS: Final = 2
"""What is older than the retention by less is on its way out: tables are of a day, and deletion waits two hours more
(``compactor.retention_delete_delay``).
"""
_UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": _HOUR, "d": _DAY, "w": _WEEK, "y": 365 * _DAY}


class LokiTransport(Transport, Protocol):
    """JSON for its API, text for its configuration."""

    def text(self, path: str) -> str:
        """:raises SettingsError: it refuses; :raises BusError: it does not answer now."""


class LokiWitness:
    """See ``aiops.ports.Witness``."""

    def __init__(  # noqa: PLR0913 - one per setting
        self,
        transport: LokiTransport,
        home: str,
        *,
        host_label: str = "host",
        unit_label: str = "unit",
        selector: str = "",
        errors: str = "",
        own: bool = False,
        retention_days: float = 30,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """:param selector: streams that count, as LogQL without braces; ``errors``: LogQL that leaves only errors;
        ``own``: our own lines are expected there
        """
        self._transport, self._clock = transport, clock
        self._home = Guest(name=home, address=home, source="loki")
        self._host, self._unit = host_label, unit_label
        every = f'{host_label}=~".+"'
        self._streams = "{" + (f"{every}, {selector}" if selector else every) + "}"
        self._errors, self._own, self._days = errors, own, retention_days

    def ask(self, question: str, sweep: str) -> Testimony:  # noqa: ARG002 - whoever asks once per sweep is around us
        """See ``aiops.ports.Witness``."""
        asked: dict[str, Callable[[], Sequence[Told]]] = {
            "streams": self._heard,
            "errors": self._counted,
            "own": self._arrived,
            "retention": self._kept,
        }
        if question not in asked:
            raise unknown_question("loki", question)
        try:
            return Testimony(tuple(asked[question]()), self._home)
        except AiopsError as error:
            return Testimony((), self._home, (_gap(self._home, error),))

    def _heard(self) -> list[Stream]:
        """When each host of the last week was heard last, and how much it sent before that."""
        now = self._now()
        selected = f"count_over_time({self._streams}"
        week = self._range(f"sum by ({self._host}) ({selected} [1h]))", now - _WEEK, now, _HOUR)
        day = self._range(f"sum by ({self._host}) ({selected} [{BIN}s]))", now - _DAY, now, BIN)
        if not week:
            raise SettingsError("loki", f"no stream has the label {self._host}, or it has received nothing for a week")
        recent = {labels.get(self._host, ""): _full(values) for labels, values in day}
        found = []
        for labels, values in week:
            name, hours = labels.get(self._host, ""), _full(values)
            if hours:
                last = max([at for at, _ in recent.get(name, ())] or [hours[-1][0]])
                span = (hours[-1][0] - hours[0][0]) / _HOUR + 1
                found.append(Stream(_machine(name), last, sum(count for _, count in hours) / span))
        return found

    def _counted(self) -> list[Stream]:
        now = self._now()
        query = (
            f"sum by ({self._host}, {self._unit}) (count_over_time({self._streams}{_spaced(self._errors)} [{BIN}s]))"
        )
        counts: dict[str, dict[str, dict[int, int]]] = defaultdict(lambda: defaultdict(dict))
        for labels, values in self._range(query, now - _WEEK, now, BIN):
            host, unit = labels.get(self._host, ""), labels.get(self._unit, "") or "unknown"
            for at, count in _full(values):
                age = int((now - at) // BIN)
                counts[host][unit][age] = counts[host][unit].get(age, 0) + int(count)
        known = int((now - self._oldest(now)) // BIN)
        return [
            Stream(_machine(host), None, 0, known, {unit: dict(ages) for unit, ages in units.items()})
            for host, units in counts.items()
        ]

    def _arrived(self) -> list[OwnLines]:
        """When our own lines came last; nothing where none are expected."""
        if not self._own:
            return []
        now = self._now()
        for past, step, window in ((_DAY, BIN, f"{BIN}s"), (_WEEK, _HOUR, "1h")):
            rows = self._range(f'sum(count_over_time({{job="{JOB}"}} [{window}]))', now - past, now, step)
            seen = [at for _, values in rows for at, _ in _full(values)]
            if seen:
                return [OwnLines(self._home, max(seen))]
        return [OwnLines(self._home, None)]

    def _kept(self) -> list[Retention]:
        """What its configuration says, and whether it keeps to it."""
        days = retention(self._transport.text("/config"))
        old = self._now() - (self._days + SLACK_DAYS) * _DAY
        rows = self._range(f"sum(count_over_time({self._streams} [1d]))", old - _WEEK, old, _DAY)
        return [Retention(self._home, days, self._days, any(_full(values) for _, values in rows))]

    def _oldest(self, now: float) -> float:
        """Since when anything is kept: without it, a store of an hour reads as a quiet week."""
        query = f"sum(count_over_time({self._streams} [1h]))"
        values = [at for _, row in self._range(query, now - _WEEK, now, _HOUR) for at, count in row if count > 0]
        return min(values, default=now)

    def _now(self) -> float:
        """On the store's grid, so that each bin is whole."""
        return self._clock() // BIN * BIN

    def _range(self, query: str, start: float, end: float, step: int) -> list[Series]:
        parameters: dict[str, str | int | float] = {"query": query, "start": int(start), "end": int(end), "step": step}
        return matrix("loki", self._transport.get(_QUERY_RANGE, **parameters), "matrix")


def retention(text: str) -> float | None:
    """Days for which lines are kept by a configuration as ``/config`` shows it; None for ever.

    Without ``compactor.retention_enabled`` nothing is ever deleted, whatever period is set; a period of 0 means for ever.

    :raises SettingsError: it is no such configuration
    """
    try:
        whole = yaml.safe_load(text)
    except yaml.YAMLError:
        whole = None
    if not isinstance(whole, dict) or not isinstance(whole.get("limits_config"), dict):
        raise SettingsError("loki /config", "this is no configuration of Loki with its limits_config")
    compactor = whole.get("compactor")
    if not (isinstance(compactor, dict) and compactor.get("retention_enabled") is True):
        return None
    said = str(whole["limits_config"].get("retention_period", "0s"))
    parts = re.findall(r"(\d+)(ms|[smhdwy])", said)
    if said != "0" and "".join(number + unit for number, unit in parts) != said:
        raise SettingsError("loki /config", f"retention_period is {said[:40]!r}, which is no span of time")
    return sum(int(number) * _UNITS[unit] for number, unit in parts) / _DAY or None


def matrix(source: str, answer: Any, kind: str) -> list[Series]:
    """The series of an answer in the form that Loki, Prometheus and VictoriaMetrics share.

    :raises SettingsError: it has another form
    """
    shape = Shape(source)
    whole = shape.object(answer)
    if whole.get("status") != "success":
        raise SettingsError(source, f"it says {whole.get('status')!r}: {str(whole.get('error') or '')[:160]}")
    data = shape.object(whole.get("data"))
    if data.get("resultType") != kind:
        raise SettingsError(source, f"it answers with {data.get('resultType')!r} where {kind} was asked for")
    found: list[Series] = []
    for row in shape.rows(data.get("result")):
        labels = {str(key): str(value) for key, value in shape.object(row.get("metric")).items()}
        values = row.get("values") if kind == "matrix" else [row.get("value")]
        found.append((labels, [_point(source, value) for value in values or ()]))
    return found


def _point(source: str, value: Any) -> tuple[float, float]:
    try:
        at, figure = value
        return float(at), float(figure)
    except (TypeError, ValueError) as error:
        raise SettingsError(source, f"{str(value)[:60]!r} is no point of a series") from error


def _full(values: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(at, count) for at, count in values if count > 0]


def _gap(home: Guest, error: AiopsError) -> Gap:
    refused = isinstance(error, SettingsError)
    remedy = "correct the table [loki] of the settings" if refused else f"check that Loki on {home.name} answers"
    return Gap(home, str(error), remedy, wide=True, silent=not refused)


def _machine(name: str) -> Guest:
    """A host label may be a name, a name with its domain, or an address."""
    return Guest(name=name if _is_address(name) else name.partition(".")[0], address=name, source="loki")


def _is_address(name: str) -> bool:
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        return False


def _spaced(text: str) -> str:
    return f" {text}" if text else ""
