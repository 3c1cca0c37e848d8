"""metrics: figures of Prometheus or VictoriaMetrics that are beyond a limit of the settings.

Looks for
    What the operator's own queries (``[[metrics.queries]]``) return: each series whose value is beyond the query's limit is a
    finding on the host its label names. The store is asked once per query for all hosts.

Thresholds
    Each query brings its own limit, the side on which it is bad, and its severity. Whatever smooths the value (``avg_over_time``)
    belongs into the query.

Looks alike but is benign
    A query without any series is blind, unless it is marked ``may_be_empty``: a metric that nobody exports any more looks like
    health otherwise. Series about machines that are no hosts of ours are told on the store's own host.
"""

from collections.abc import Iterator

from aiops.detectors import Detector, Subject
from aiops.domain.finding import Finding, Kind
from aiops.domain.severity import Severity
from aiops.domain.testimony import Sample, Told
from aiops.probes.metrics import BEYOND

DETECTOR = Detector(
    "metrics",
    "The operator's own queries",
    kinds=[Kind(name="metrics.beyond", sentence="a figure is beyond the limit of the settings", shared=True)],
)


@DETECTOR.check(BEYOND, kinds=["metrics.beyond"])
def beyond(host: Subject, told: tuple[Told, ...]) -> Iterator[Finding]:
    """One finding per query and series."""
    for one in told:
        if isinstance(one, Sample):
            what = one.summary or one.query
            # What is told here of a machine that is no host of ours needs its name, or two of them were one finding.
            whose = "" if one.machine.is_host(host.host) else one.machine.name
            series = ",".join(part for part in (whose, one.series) if part)
            yield host.finding(
                "metrics.beyond",
                f"{one.query}/{series}" if series else one.query,
                Severity(one.severity),
                f"{what}: {one.value:g} is {one.beyond} {one.limit:g}" + (f" ({series})" if series else ""),
                cause=f"metric:{one.query}",
                query=one.query,
                series=series,
                value=one.value,
                limit=one.limit,
            )
