"""Notices to test with."""

from datetime import UTC, datetime, timedelta
from typing import Any

from aiops.domain.event import Event
from aiops.domain.notice import Bundle, Notice
from aiops.domain.severity import Severity

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


def event(
    severity: Severity = Severity.WARNING, symptom: str = "38 agents are gone", number: int = 0, **more: Any
) -> Event:
    return Event(
        source="hermes",
        cron="guardian-health",
        severity=severity,
        timestamp=NOW + timedelta(seconds=number),
        host=f"ct{200 + number}",
        symptom=symptom,
        type="incident.escalated",
        incident=f"inc-20261123-{number:06d}",
        **more,
    )


def bundle(*events: Event) -> Bundle:
    return Bundle(notices=tuple(Notice.of(one, NOW) for one in events))
