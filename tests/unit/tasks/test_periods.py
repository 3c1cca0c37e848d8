"""How long a guardian rests between two sweeps."""

from datetime import timedelta

import pytest
from celery.schedules import crontab

from beat_schedule import GUARDIANS
from tasks.periods import period, periods


@pytest.mark.parametrize(
    ("when", "days"),
    [
        (timedelta(days=3), 3),
        (crontab(hour=4, minute=10), 1),
        (crontab(hour=4, minute=10, day_of_week="sun"), 7),
        (crontab(hour=4, minute=10, day_of_month="1"), 31),
    ],
)
def test_a_line_of_the_crontab_has_the_longest_rest_it_allows(when: timedelta | crontab, days: int) -> None:
    assert period(when) == timedelta(days=days)


def test_every_guardian_has_one() -> None:
    assert set(periods()) == set(GUARDIANS)
