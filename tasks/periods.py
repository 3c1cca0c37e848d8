"""How long a guardian rests between two sweeps: what comes back within three of these is a relapse."""

from datetime import timedelta
from typing import Any, Final

from celery.schedules import crontab

from beat_schedule import GUARDIANS

_DAYS_OF_A_WEEK: Final = 7
_EVERY_DAY: Final = 31
"""A crontab that names every day of the month names this many."""


def periods() -> dict[str, timedelta]:
    """For every guardian of the crontab, the longest rest its line allows."""
    return {guardian: period(when) for guardian, when in GUARDIANS.items()}


def period(when: timedelta | crontab) -> timedelta:
    """An interval as it is; of a crontab a month, a week or a day, by which days it names."""
    if isinstance(when, timedelta):
        return when
    line: Any = when  # its type information does not name the fields
    if len(line.day_of_month) < _EVERY_DAY:
        return timedelta(days=31)
    return timedelta(days=1 if len(line.day_of_week) == _DAYS_OF_A_WEEK else 7)
