"""From the crontab to beat's entries. Guardians that are due in the same moment become one patrol."""

from collections.abc import Mapping, Sequence
from copy import copy
from datetime import datetime, timedelta
from typing import Any

from celery.beat import ScheduleEntry

from aiops.domain.fact import utcnow
from aiops.settings import Settings
from beat_schedule import GUARDIANS, HOUSEKEEPING
from tasks.moments import Due, Moments, When, moments

PATROL = "patrol"
_LATE = timedelta(hours=1)
"""Housekeeping that could not start for so long waits for its next moment; a guardian looks as soon as it can."""


def beat_entries(zone: str) -> dict[str, dict[str, Any]]:
    """Beat's table. An entry that could not be started within its period is dropped: the next tick says it again."""
    entries: dict[str, dict[str, Any]] = {}
    for guardian, when in GUARDIANS.items():
        entries[guardian] = {
            "task": PATROL,
            "args": ([guardian],),
            "kwargs": {"started_by": "beat"},
            "schedule": Due(moments(when, zone)),
            "options": {"expires": _period(when)},
        }
    for task, when in HOUSEKEEPING.items():
        entries[task] = {
            "task": task,
            "schedule": Due(moments(when, zone), late=_LATE),
            "options": {"expires": _period(when)},
        }
    return entries


def together(due: Sequence[ScheduleEntry]) -> list[ScheduleEntry]:
    """The entries to send: all patrols among them as one, so that a host is visited once however many guardians are due.

    The one patrol may wait as long as the most patient of them: a daily line must not be lost to a busy five minutes.
    """
    patrols = [entry for entry in due if entry.task == PATROL]
    others = [entry for entry in due if entry.task != PATROL]
    if not patrols:
        return others
    whole = copy(patrols[0])
    whole.args = ([guardian for entry in patrols for guardian in (entry.args or ((),))[0]],)
    whole.options = {"expires": max((entry.options or {}).get("expires", 0.0) for entry in patrols)}
    return [whole, *others]


def guardians(zone: str) -> Mapping[str, Moments]:
    """When each guardian is due."""
    return {guardian: moments(when, zone) for guardian, when in GUARDIANS.items()}


def next_due(zone: str, now: datetime) -> Mapping[str, datetime]:
    """When each guardian looks next."""
    return {guardian: line.after(now) for guardian, line in guardians(zone).items()}


def housekeeping(zone: str) -> Mapping[str, Moments]:
    """When everything else is due."""
    return {task: moments(when, zone) for task, when in HOUSEKEEPING.items()}


def expected(settings: Settings, now: datetime | None = None) -> dict[str, datetime]:
    """Per guardian the newest moment whose sweep must be finished by now.

    A guardian whose sources are not set up looks at nothing and is not expected. A sweep may take
    ``missed_factor - 1`` periods of its line, and ``missed_minutes`` at most.
    """
    from aiops import steps  # noqa: PLC0415 - beat, which asks nothing of this, does without the steps

    moment, watch = now or utcnow(), settings.watch
    most = timedelta(minutes=watch.missed_minutes)
    since: dict[str, datetime] = {}
    idle = {name for name, detector in steps.detectors().items() if detector.idle(settings.sources)}
    for guardian, line in guardians(settings.timezone).items():
        if guardian in idle:
            continue
        newest = line.upto(moment)
        period = newest - line.upto(newest - timedelta(seconds=1))
        since[guardian] = line.upto(moment - min(period * (watch.missed_factor - 1), most))
    return since


def _period(when: When) -> float:
    """Seconds; an hour for a line with a time of day."""
    return when.total_seconds() if isinstance(when, timedelta) else 3600.0
