"""What one target serves, in Prometheus's text format. One process owns it: there are no forked children to add up."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client import disable_created_metrics as _disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from aiops.domain.metric import ABOUT, METRICS, TARGETS, Metric, Sample, Source, Target
from aiops.errors import AiopsError

log = logging.getLogger(__name__)

KEPT_SECONDS: Final = 2.0
"""A reading is used again for so long: however many scrape, the ledger is read at most so often."""

Reading = Callable[[], Iterable[Sample]]
"""Reads every figure of one source anew.

:raises AiopsError: it cannot be read now
"""

_disable_created_metrics()  # type: ignore[no-untyped-call] # the library has types, and this has none


class MetricsPage:
    """Port ``Meter``. Safe to use from many threads.

    What a source says is forgotten when it cannot be read: a gauge that is missing shows as missing, an old one would lie.
    """

    def __init__(
        self,
        target: Target,
        readings: Mapping[Source, Reading] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lock = threading.Lock()
        self._registry = CollectorRegistry()
        self._failing: set[Source] = set()
        self._readings, self._clock, self._read_at = dict(readings or {}), clock, float("-inf")
        ProcessCollector(registry=self._registry)
        about = Gauge("aiops_build_info", ABOUT["aiops_build_info"], ["version"], registry=self._registry)
        about.labels(_version()).set(1)
        self._up = Gauge("aiops_source_up", ABOUT["aiops_source_up"], ["source"], registry=self._registry)
        self._left_out = Counter(
            "aiops_series_left_out", ABOUT["aiops_series_left_out_total"], ["metric"], registry=self._registry
        )
        ours = [metric for metric in METRICS.values() if metric.target == target]
        self._series: dict[str, set[tuple[str, ...]]] = {metric.name: set() for metric in ours}
        self._counted = {metric.name: _counted(metric, self._registry) for metric in ours if metric.kind != "gauge"}
        self._gauges = _Gauges({metric.name: {} for metric in ours if metric.kind == "gauge"})
        self._registry.register(self._gauges)
        for source in TARGETS[target]:
            if source not in self._readings:
                self._up.labels(source).set(1)
        for metric in ours:
            if metric.source not in self._readings:
                for labels in metric.known:
                    self._put(Sample(metric.name, 0, labels))

    def count(self, samples: Iterable[Sample]) -> None:
        with self._lock:
            for sample in samples:
                self._put(sample)

    def render(self) -> bytes:
        """The page, of now or of a moment ago."""
        with self._lock:
            now = self._clock()
            if now - self._read_at >= KEPT_SECONDS:
                self._read()
                self._read_at = self._clock()
            return generate_latest(self._registry)

    def _read(self) -> None:
        for source, reading in self._readings.items():
            for name in self._gauges.values:
                if METRICS[name].source == source:
                    self._gauges.values[name].clear()
                    self._series[name].clear()
            try:
                samples = list(reading())
            except AiopsError as error:
                if source not in self._failing:
                    log.warning("the figures of %s are missing: %s", source, error)
                self._failing.add(source)
                self._up.labels(source).set(0)
                continue
            self._failing.discard(source)
            self._up.labels(source).set(1)
            for sample in samples:
                self._put(sample)

    def _put(self, sample: Sample) -> None:
        series = self._series.get(sample.metric)
        if series is None:
            return
        if sample.labels not in series:
            if len(series) >= METRICS[sample.metric].most:
                self._left_out.labels(sample.metric).inc()
                return
            series.add(sample.labels)
        if sample.metric in self._gauges.values:
            self._gauges.values[sample.metric][sample.labels] = float(sample.value)
            return
        family = self._counted[sample.metric]
        one = family.labels(*sample.labels) if sample.labels else family
        if isinstance(one, Counter):
            one.inc(max(0.0, sample.value))
        else:
            one.observe(sample.value)


class _Gauges(Collector):
    """Gauges that are only there when somebody has said their value: the library's own begin with 0, which would be a figure."""

    def __init__(self, values: dict[str, dict[tuple[str, ...], float]]) -> None:
        self.values = values

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for name, series in self.values.items():
            family = GaugeMetricFamily(name, METRICS[name].help, labels=METRICS[name].labels)
            for labels, value in series.items():
                family.add_metric(labels, value)
            if series:
                yield family


def _counted(metric: Metric, registry: CollectorRegistry) -> Counter | Histogram:
    if metric.kind == "histogram":
        return Histogram(metric.name, metric.help, metric.labels, buckets=metric.buckets, registry=registry)
    return Counter(metric.name, metric.help, metric.labels, registry=registry)


def _version() -> str:
    try:
        return version("aiops")
    except PackageNotFoundError:
        return "unknown"
