"""What Loki has received from each host: how much, when last, and how many errors per unit in bins of five minutes."""

import ipaddress
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from aiops.adapters.shape import Shape, Transport, unknown_question
from aiops.domain.guest import Guest
from aiops.domain.spike import BIN
from aiops.domain.testimony import Gap, Stream, Testimony
from aiops.errors import AiopsError, SettingsError

_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
_WEEK: Final = 7 * _DAY
_QUERY_RANGE: Final = "/loki/api/v1/query_range"
Series = tuple[Mapping[str, str], Sequence[tuple[float, float]]]


class LokiWitness:
    """See ``aiops.ports.Witness``."""

    def __init__(
        self,
        transport: Transport,
        home: str,
        *,
        host_label: str = "host",
        unit_label: str = "unit",
        selector: str = "",
        errors: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        """:param selector: streams that count, as LogQL without braces; ``errors``: LogQL that leaves only errors"""
        self._transport, self._clock = transport, clock
        self._home = Guest(name=home, address=home, source="loki")
        self._host, self._unit = host_label, unit_label
        every = f'{host_label}=~".+"'
        self._streams = "{" + (f"{every}, {selector}" if selector else every) + "}"
        self._errors = errors

    def ask(self, question: str, sweep: str) -> Testimony:  # noqa: ARG002 - whoever asks once per sweep is around us
        """See ``aiops.ports.Witness``."""
        asked = {"streams": self._heard, "errors": self._counted}
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
