"""When a line of the crontab is due: moments that do not skip and do not double when the clocks change.

Celery's own ``crontab`` leaves out the repeated hour in autumn (celery #10107) and its ``schedule`` drifts with every run.
These two answer from the calendar alone: beat, ``aiops schedule`` and the watchers ask the same object.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from celery.schedules import BaseSchedule, crontab, schedstate

from aiops.domain.fact import utcnow

When = timedelta | crontab
"""How a line is written in ``beat_schedule.py``."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_A_DAY = timedelta(days=1)
_LONGEST = 4 * 366
"""Days: the rarest date, the 29th of February, comes within four years."""
_ALL_HOURS = 24


class Moments(Protocol):
    """The moments at which a line is due."""

    def after(self, moment: datetime) -> datetime:
        """The first one later than the moment."""

    def upto(self, moment: datetime) -> datetime:
        """The last one that is not later than the moment."""


class Due(BaseSchedule):
    """A schedule for beat, made of moments.

    A line that was missed is caught up once. ``late`` bounds that: what should have started longer ago waits for its next
    moment (a backup of midnight must not begin at noon).
    """

    def __init__(
        self, moments: Moments, *, late: timedelta | None = None, nowfun: Callable[[], datetime] | None = None
    ) -> None:
        super().__init__(nowfun=nowfun or utcnow)
        self.moments, self.late = moments, late

    def is_due(self, last_run_at: datetime) -> Any:
        """Whether a moment has come since the last run, and the seconds until the next one."""
        now = self.now()
        newest = self.moments.upto(now)
        due = newest > last_run_at and (self.late is None or now - newest <= self.late)
        return schedstate(due, (self.moments.after(now) - now).total_seconds())

    def remaining_estimate(self, last_run_at: datetime) -> timedelta:
        """Until the first moment after the last run; negative when it has passed."""
        return self.moments.after(last_run_at) - self.now()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Due) and (self.moments, self.late) == (other.moments, other.late)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self.moments)


class Every:
    """A plain interval on a grid that begins at midnight UTC: guardians with one interval meet, whenever beat was started."""

    def __init__(self, period: timedelta) -> None:
        """:raises ValueError: the period is not positive."""
        if period <= timedelta():
            raise ValueError(period)
        self.period = period

    def after(self, moment: datetime) -> datetime:
        """See ``Moments``."""
        return self.upto(moment) + self.period

    def upto(self, moment: datetime) -> datetime:
        """See ``Moments``."""
        return _EPOCH + (moment - _EPOCH) // self.period * self.period

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Every) and self.period == other.period

    def __hash__(self) -> int:
        return hash(self.period)

    def __repr__(self) -> str:
        minutes, seconds = divmod(int(self.period.total_seconds()), 60)
        return f"every {minutes} min" if minutes and not seconds else f"every {self.period.total_seconds():g} s"


class AtLocalTime:
    """A ``celery.schedules.crontab`` in the operator's time zone.

    A line with hours is due once a day for each of them: at its first coming where the hour is repeated, and as long after the
    change as it would have been before it where the hour is left out (02:30 comes at 03:30). A line for every hour follows
    real time: it is due in both of the repeated hours and not in the one that does not exist.
    """

    def __init__(self, line: Any, zone: str) -> None:
        """:raises ZoneInfoNotFoundError: there is no such zone."""
        self._line, self._zone = line, ZoneInfo(zone)
        self._times = sorted(time(hour, minute) for hour in line.hour for minute in line.minute)
        self._hourly = len(line.hour) == _ALL_HOURS

    def after(self, moment: datetime) -> datetime:
        """See ``Moments``."""
        return next(found for found in self._from(moment, 1) if found > moment)

    def upto(self, moment: datetime) -> datetime:
        """See ``Moments``."""
        return next(found for found in self._from(moment, -1) if found <= moment)

    def _from(self, moment: datetime, step: int) -> Iterator[datetime]:
        """Moments in the order of ``step``, beginning a day on the other side: a zone's change may move one over midnight."""
        day = moment.astimezone(self._zone).date() - step * _A_DAY
        for _ in range(_LONGEST):
            if self._on(day):
                yield from sorted(self._of(day), reverse=step < 0)
            day += step * _A_DAY

    def _on(self, day: date) -> bool:
        line = self._line
        return (
            day.month in line.month_of_year
            and day.day in line.day_of_month
            and day.isoweekday() % 7 in line.day_of_week
        )

    def _of(self, day: date) -> set[datetime]:
        return {found for at in self._times for found in self._instants(datetime.combine(day, at, self._zone))}

    def _instants(self, local: datetime) -> Iterator[datetime]:
        first = local.astimezone(UTC)
        exists = first.astimezone(self._zone).time() == local.time()
        if exists or not self._hourly:
            yield first
        if exists and self._hourly:
            yield local.replace(fold=1).astimezone(UTC)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AtLocalTime) and (self._line, self._zone) == (other._line, other._zone)

    def __hash__(self) -> int:
        return hash((tuple(self._times), self._zone.key))

    def __repr__(self) -> str:
        line = self._line
        at = ", ".join(f"{moment:%H:%M}" for moment in self._times) if len(self._times) <= 4 else "often"  # noqa: PLR2004 - a line's worth
        days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
        named = [name for number, name in enumerate(days, start=1) if number % 7 in line.day_of_week]
        weekly = f" on {', '.join(named)}" if len(named) < len(days) else ""
        whole = len(line.day_of_month) == 31 and len(line.month_of_year) == 12  # noqa: PLR2004 - every day of every month
        return f"at {at} {self._zone.key}{weekly}{'' if whole else ' on some days of the month'}"


def moments(when: When, zone: str) -> Moments:
    """The moments of a line of ``beat_schedule.py``."""
    return Every(when) if isinstance(when, timedelta) else AtLocalTime(when, zone)
