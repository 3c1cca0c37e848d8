"""What is measured: one table, by which exporters serve, the page docs/metrics.md is written, and queries are checked.

Names keep to Prometheus's rules (https://prometheus.io/docs/practices/naming/): base units, ``_total`` on what only grows. Every
label has few values by its nature; on top each family has a limit (``most``), since the operator names hosts and providers.
"""

import re
from typing import Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from aiops.domain.event import TYPES
from aiops.domain.severity import Severity

Target = Literal["bridge", "ct190", "ct192", "ct196"]
Source = Literal["events", "sweeps", "ledger", "redis", "executions"]
"""Where a figure is read: the event stream, the sweeps that end here, CT190's ledger, Redis, CT196's ledger."""

TARGETS: Final[dict[Target, tuple[Source, ...]]] = {
    "bridge": ("events",),
    "ct190": ("ledger", "redis"),
    "ct192": ("sweeps",),
    "ct196": ("executions",),
}
"""Each scrape target of ours with its sources. The fifth is Flower, which has metrics of its own."""

OUTSIDE_TYPES: Final = ("event.quarantined", "other")
"""Beside our own types of event: what is no event, and types that only a foreign publisher uses."""

_MINUTE: Final = 60.0
_HOUR: Final = 3600.0
_DAY: Final = 86400.0


class Metric(BaseModel):
    """One family. ``known`` are label values that exist from the start, so that the first event of a kind is an increase.

    ``most`` is how many series one process keeps of it; what would be one more is left out and counted. ``buckets`` are in the
    unit of the name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^aiops_[a-z0-9_]+$")
    kind: Literal["counter", "gauge", "histogram"]
    source: Source
    help: str
    labels: tuple[str, ...] = ()
    known: tuple[tuple[str, ...], ...] = ()
    most: int = 100
    buckets: tuple[float, ...] = ()

    @property
    def target(self) -> Target:
        """Where it is served."""
        return next(target for target, sources in TARGETS.items() if self.source in sources)

    @property
    def series(self) -> tuple[str, ...]:
        """The names that a query may use."""
        return (
            tuple(f"{self.name}{end}" for end in ("_bucket", "_sum", "_count"))
            if self.kind == "histogram"
            else (self.name,)
        )


class Sample(NamedTuple):
    """A counter's growth, a histogram's observation, or a gauge's value; ``labels`` in the order of the metric's."""

    metric: str
    value: float
    labels: tuple[str, ...] = ()


OTHER: Final = "other"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,63}")


def label(value: Any) -> str:
    """A name of ours, or the one word that stands for everything else: a stranger's text never becomes a series."""
    return value if isinstance(value, str) and _NAME.fullmatch(value) else OTHER


_SEVERITIES: Final = tuple((severity.value,) for severity in Severity)
_LONG: Final = (
    *(5.0, 15.0, 30.0, _MINUTE, 2 * _MINUTE, 5 * _MINUTE, 15 * _MINUTE),
    *(_HOUR, 4 * _HOUR, 12 * _HOUR, _DAY, 3 * _DAY, 7 * _DAY),
)
"""From the operator's reference of 48 s between signal and fix to a week that nobody found time."""
_ANSWER: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 45.0, 60.0, 120.0)
"""A provider has 45 s for all its tries by default."""
_SWEEP: Final = (0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)


_EVENTS: Final = (
    Metric(
        name="aiops_events_total",
        kind="counter",
        source="events",
        help="Events mirrored to MQTT by type; event.quarantined is no valid event, other is a type of a foreign publisher.",
        labels=("type",),
        known=tuple((kind,) for kind in (*TYPES, *OUTSIDE_TYPES)),
        most=len(TYPES) + len(OUTSIDE_TYPES),
    ),
    Metric(
        name="aiops_findings_total",
        kind="counter",
        source="events",
        help="New findings: what a guardian saw wrong that no open incident held yet.",
        labels=("guardian", "severity"),
        most=200,
    ),
    Metric(
        name="aiops_incidents_total",
        kind="counter",
        source="events",
        help="Incidents opened, by the severity they had then.",
        labels=("severity",),
        known=_SEVERITIES,
        most=4,
    ),
    Metric(
        name="aiops_incident_duration_seconds",
        kind="histogram",
        source="events",
        help="From an incident's opening to the look that found it gone.",
        buckets=_LONG,
    ),
    Metric(
        name="aiops_llm_turns_total",
        kind="counter",
        source="events",
        help="Turns of LLM providers by outcome; answered is the only good one, resting and budget were not asked at all.",
        labels=("provider", "outcome"),
    ),
    Metric(
        name="aiops_llm_turn_duration_seconds",
        kind="histogram",
        source="events",
        help="How long a provider that was asked took, whether or not it answered.",
        labels=("provider",),
        most=20,
        buckets=_ANSWER,
    ),
    Metric(
        name="aiops_llm_tokens_total",
        kind="counter",
        source="events",
        help="Tokens sent to a provider (in) and received from it (out).",
        labels=("provider", "direction"),
        most=40,
    ),
    Metric(
        name="aiops_llm_cost_euros_total",
        kind="counter",
        source="events",
        help="What answers of a known price have cost.",
        labels=("provider",),
        most=20,
    ),
    Metric(
        name="aiops_llm_unpriced_total",
        kind="counter",
        source="events",
        help="Turns whose price nobody knows; they are in no sum of costs.",
        labels=("provider",),
        most=20,
    ),
    Metric(
        name="aiops_remediations_total",
        kind="counter",
        source="events",
        help="Playbooks that ended on CT196, by how; unknown means that nobody can say how it ended.",
        labels=("playbook", "outcome"),
        most=200,
    ),
    Metric(
        name="aiops_bridge_connected",
        kind="gauge",
        source="events",
        help="1 while the bridge can read the event log and the MQTT broker takes what it mirrors, 0 while one is away.",
        known=((),),
    ),
    Metric(
        name="aiops_bridge_last_event_timestamp_seconds",
        kind="gauge",
        source="events",
        help="When the newest event that was mirrored happened, in Unix time.",
    ),
)

_LEDGER: Final = (
    Metric(
        name="aiops_incidents_open",
        kind="gauge",
        source="ledger",
        help="Incidents that are neither resolved nor suppressed.",
        labels=("severity", "state"),
        known=tuple((severity.value, state) for severity in Severity for state in ("new", "escalated")),
        most=24,
    ),
    Metric(
        name="aiops_findings_open",
        kind="gauge",
        source="ledger",
        help="Findings of open incidents per host, the hosts with most of them.",
        labels=("host",),
    ),
    Metric(
        name="aiops_incident_changed_timestamp_seconds",
        kind="gauge",
        source="ledger",
        help="When an incident changed its state, in Unix time: the 50 that changed last; host: the first, +2 says two more.",
        labels=("incident", "kind", "host", "severity", "state"),
        most=50,
    ),
    Metric(
        name="aiops_guardian_last_look_timestamp_seconds",
        kind="gauge",
        source="ledger",
        help="When the guardian last looked at any host, in Unix time.",
        labels=("guardian",),
        most=50,
    ),
    Metric(
        name="aiops_guardian_period_seconds",
        kind="gauge",
        source="ledger",
        help="How long the crontab lets the guardian rest between two looks, at most.",
        labels=("guardian",),
        most=50,
    ),
    Metric(
        name="aiops_guardian_late_hosts",
        kind="gauge",
        source="ledger",
        help="Hosts at which the guardian has not looked since it was due.",
        labels=("guardian",),
        most=50,
    ),
    Metric(
        name="aiops_guardian_blind_hosts",
        kind="gauge",
        source="ledger",
        help="Hosts at which a probe of the guardian could not look the last time: nothing is known there.",
        labels=("guardian",),
        most=50,
    ),
    Metric(
        name="aiops_approvals_waiting",
        kind="gauge",
        source="ledger",
        help="Incidents whose plan waits for a human's word.",
        known=((),),
    ),
    Metric(
        name="aiops_approval_oldest_age_seconds",
        kind="gauge",
        source="ledger",
        help="How long the oldest of them has been waiting; 0 when none waits.",
        known=((),),
    ),
    Metric(
        name="aiops_frozen",
        kind="gauge",
        source="ledger",
        help="1 while a human has stopped every start.",
        known=((),),
    ),
)

_REDIS: Final = (
    Metric(
        name="aiops_queue_messages",
        kind="gauge",
        source="redis",
        help="Messages that wait in a queue for its worker.",
        labels=("queue",),
        most=20,
    ),
    Metric(
        name="aiops_process_up",
        kind="gauge",
        source="redis",
        help="1 while the process gives signs of life, 0 when it has been silent for longer than watch.silent_seconds.",
        labels=("process",),
        most=50,
    ),
)

_SWEEPS: Final = (
    Metric(
        name="aiops_sweep_duration_seconds",
        kind="histogram",
        source="sweeps",
        help="How long a shard of a sweep took, all its hosts and detectors together.",
        buckets=_SWEEP,
    ),
    Metric(
        name="aiops_looks_total",
        kind="counter",
        source="sweeps",
        help="Looks of a guardian at a host: clear, found (something wrong), blind (could not look), asleep (off, as expected).",
        labels=("guardian", "result"),
        most=200,
    ),
    Metric(
        name="aiops_certificate_end_timestamp_seconds",
        kind="gauge",
        source="sweeps",
        help="When the host's first certificate ends, in Unix time, as last seen.",
        labels=("host",),
        most=200,
    ),
    Metric(
        name="aiops_backup_complete_timestamp_seconds",
        kind="gauge",
        source="sweeps",
        help="When the newest archive of the guest that is worst off was written, per node, in Unix time, as last seen.",
        labels=("host",),
        most=200,
    ),
)

_EXECUTIONS: Final = (
    Metric(
        name="aiops_plans",
        kind="gauge",
        source="executions",
        help="Plans in CT196's ledger: received (not started yet), claimed (running) or done.",
        labels=("state",),
        known=(("received",), ("claimed",), ("done",)),
        most=3,
    ),
    Metric(
        name="aiops_run_oldest_age_seconds",
        kind="gauge",
        source="executions",
        help="How long the oldest running playbook has been running; 0 when none runs.",
        known=((),),
    ),
    Metric(
        name="aiops_held_hosts",
        kind="gauge",
        source="executions",
        help="Hosts on which nothing starts because nobody knows how a run ended there; a human looks and releases them.",
        known=((),),
    ),
    Metric(
        name="aiops_sessions_running",
        kind="gauge",
        source="executions",
        help="Agents that look at an incident right now.",
        known=((),),
    ),
    Metric(
        name="aiops_records_waiting",
        kind="gauge",
        source="executions",
        help="Transcripts and journal entries that have not arrived at their remote.",
        known=((),),
    ),
    Metric(
        name="aiops_nightly_backup_running",
        kind="gauge",
        source="executions",
        help="1 while a nightly backup is going on.",
        known=((),),
    ),
    Metric(
        name="aiops_nightly_backup_last_success_timestamp_seconds",
        kind="gauge",
        source="executions",
        help="When the last nightly backup that succeeded had ended, in Unix time; missing as long as there is none.",
    ),
)

METRICS: Final[dict[str, Metric]] = {
    metric.name: metric for metric in (*_EVENTS, *_LEDGER, *_REDIS, *_SWEEPS, *_EXECUTIONS)
}
"""Everything that we serve, by name."""

ABOUT: Final[dict[str, str]] = {
    "aiops_build_info": "Always 1; the label says which version runs.",
    "aiops_source_up": "1 when what this target reads its figures from could be read at the last scrape.",
    "aiops_series_left_out_total": "Samples that were left out because their metric has as many series as it may have.",
}
"""What every target of ours says about itself, beside the usual ``process_*``."""
