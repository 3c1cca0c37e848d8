"""What is sent to the log store: one line with few labels. What tells incidents and hosts apart is inside the line."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from aiops.domain.event import TYPES, Event
from aiops.domain.fact import Fact, canonical

JOB: Final = "aiops"
CONTAINERS: Final = frozenset(
    {"openfang", "hermes", "claude", "bridge", "beat"}
    | {"detect", "incidents", "triage", "remediation", "notify", "night", "listen", "ingest", "brief", "flower"}
)
"""Who speaks as ``container``; everybody else is ``other``, so that a stranger cannot make streams."""
LEVELS: Final = frozenset({"debug", "info", "warning", "error", "critical"})
QUARANTINED: Final = "event.quarantined"
FUTURE: Final = timedelta(minutes=5)
"""Half of what Loki grants by default (``creation_grace_period`` 10 m): what is further ahead would be refused."""


class Line(Fact):
    """``labels`` as canonical JSON name the stream; ``at`` in nanoseconds since 1970."""

    labels: str
    at: int
    text: str


class Pushed(Fact):
    """What became of a batch: taken; ``refused`` for good, with the store's reason; else it is sent again after ``rest`` seconds,
    None where the store did not say how long.
    """

    taken: bool = False
    refused: bool = False
    reason: str = ""
    rest: float | None = None


def labels(container: str, level: str, event: str) -> str:
    """The stream's labels. At most 16 containers, 6 levels and the types of ``TYPES`` and two more: bounded by construction."""
    return canonical(
        {
            "job": JOB,
            "container": container if container in CONTAINERS else "other",
            "level": level if level in LEVELS else "other",
            "event": event if event in TYPES or event in {QUARANTINED, "log"} else "other",
        }
    )


def line_of(payload: str, now: datetime, *, quarantined: bool = False) -> Line:
    """An entry of the event log as a line. What is no event is kept as text, at the moment it is read."""
    event = None if quarantined else _event(payload)
    if event is None:
        return Line(labels=labels("other", "warning", QUARANTINED), at=nanoseconds(now), text=payload)
    said = labels(event.source, event.severity.value, event.type)
    return Line(labels=said, at=nanoseconds(min(event.timestamp, now + FUTURE)), text=payload)


def log_line(record: Mapping[str, Any], now: datetime) -> Line:
    """A line of our own log files: JSON as ``tasks/logs.py`` writes it."""
    try:
        at = min(datetime.fromisoformat(str(record.get("timestamp"))), now + FUTURE)
    except (ValueError, TypeError):
        at = now
    text = json.dumps(record, ensure_ascii=False, default=str)
    return Line(
        labels=labels(str(record.get("process")), str(record.get("level")), "log"), at=nanoseconds(at), text=text
    )


def nanoseconds(moment: datetime) -> int:
    """Since 1970."""
    return int(moment.timestamp() * 1_000_000) * 1000


def _event(payload: str) -> Event | None:
    try:
        return Event.model_validate_json(payload)
    except ValueError:
        return None
