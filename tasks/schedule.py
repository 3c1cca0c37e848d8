"""From the crontab to beat's entries: guardians that are due together become one patrol."""

from datetime import timedelta
from typing import Any

from celery.schedules import BaseSchedule

from beat_schedule import GUARDIANS, HOUSEKEEPING

When = timedelta | BaseSchedule


def patrols() -> list[tuple[tuple[str, ...], When]]:
    """The guardians that share a schedule, and the schedule."""
    together: list[tuple[list[str], When]] = []
    for guardian, when in GUARDIANS.items():
        for names, due in together:
            if due == when:
                names.append(guardian)
                break
        else:
            together.append(([guardian], when))
    return [(tuple(names), when) for names, when in together]


def beat_entries() -> dict[str, dict[str, Any]]:
    """Beat's table. An entry that could not be started within its period is dropped: the next tick says it again."""
    entries: dict[str, dict[str, Any]] = {}
    for names, when in patrols():
        entries["+".join(names)] = {
            "task": "patrol",
            "args": (list(names),),
            "kwargs": {"started_by": "beat"},
            "schedule": when,
            "options": {"expires": _period(when)},
        }
    for task, due in HOUSEKEEPING.items():
        entries[task] = {"task": task, "schedule": due, "options": {"expires": _period(due)}}
    return entries


def _period(when: When) -> float:
    """Seconds; an hour for a line with a time of day."""
    return when.total_seconds() if isinstance(when, timedelta) else 3600.0
