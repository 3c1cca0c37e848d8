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


def periods() -> dict[str, timedelta]:
    """How long each guardian rests between two sweeps, at most."""
    return {guardian: _rest(when) for guardian, when in GUARDIANS.items()}


def _rest(when: When) -> timedelta:
    if isinstance(when, timedelta):
        return when
    if len(getattr(when, "day_of_month", ())) < 28 or len(getattr(when, "month_of_year", ())) < 12:  # noqa: PLR2004 - not every day, not every month
        return timedelta(days=31)
    days = len(getattr(when, "day_of_week", ())) or 7
    return timedelta(days=1 if days == 7 else 7)  # noqa: PLR2004 - every day of the week


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
