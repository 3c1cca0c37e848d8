"""What Prometheus or VictoriaMetrics answers to the operator's own queries."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from aiops.adapters.loki_witness import matrix
from aiops.adapters.shape import Transport, unknown_question
from aiops.domain.guest import Guest
from aiops.domain.testimony import Gap, Sample, Testimony
from aiops.errors import AiopsError, SettingsError


@dataclass(frozen=True)
class Query:
    """One query: every series whose value is ``beyond`` the limit is told, on the host that ``host_label`` names."""

    name: str
    query: str
    limit: float
    beyond: Literal["above", "below"] = "above"
    severity: str = "warning"
    host_label: str = "instance"
    summary: str = ""
    may_be_empty: bool = False


class PrometheusWitness:
    """See ``aiops.ports.Witness``."""

    def __init__(self, transport: Transport, home: str, queries: Sequence[Query]) -> None:
        self._transport, self._queries = transport, tuple(queries)
        self._home = Guest(name=home, address=home, source="metrics")

    def ask(self, question: str, sweep: str) -> Testimony:  # noqa: ARG002 - whoever asks once per sweep is around us
        """See ``aiops.ports.Witness``."""
        if question != "queries":
            raise unknown_question("metrics", question)
        told: list[Sample] = []
        gaps: list[Gap] = []
        for query in self._queries:
            try:
                told += self._beyond(query)
            except AiopsError as error:
                refused = isinstance(error, SettingsError)
                remedy = (
                    f"correct the query {query.name} in [[metrics.queries]]" if refused else "check that it answers"
                )
                gaps.append(Gap(self._home, f"{query.name}: {error}", remedy, wide=True, silent=not refused))
        return Testimony(tuple(told), self._home, tuple(gaps))

    def _beyond(self, query: Query) -> Iterator[Sample]:
        series = matrix("metrics", self._transport.get("/api/v1/query", query=query.query), "vector")
        if not series and not query.may_be_empty:
            raise SettingsError("metrics", "it has no series: nobody exports what it reads")
        for labels, ((_, value),) in ((labels, values) for labels, values in series if len(values) == 1):
            if math.isnan(value) or (value <= query.limit if query.beyond == "above" else value >= query.limit):
                continue
            name = _host(labels.get(query.host_label, ""))
            rest = {
                key: text for key, text in labels.items() if key not in {"__name__", query.host_label, "job"} and text
            }
            machine = Guest(name=name or self._home.name, address=name, source="metrics")
            shown = ",".join(f"{key}={text}" for key, text in sorted(rest.items()))
            yield Sample(
                machine, query.name, shown, value, query.limit, query.beyond, query.severity, query.summary or ""
            )


def _host(instance: str) -> str:
    """``10.0.0.5:9100`` and ``[fe80::1]:9100`` without their port."""
    head, colon, port = instance.rpartition(":")
    return head.strip("[]") if colon and port.isdigit() and (":" not in head or head.startswith("[")) else instance
