"""How a human and his agent work together, from the agent's own usage database. Sums only: no project, no path, no text."""

from pydantic import Field

from aiops.domain.fact import Fact, Moment

HOURS = 24
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Symbiosis(Fact):
    """All sessions of the database, from the first to the last.

    ``hours`` is from the first to the last line of each session; the means are per session. ``focus`` is the share of the hours,
    in percent, spent in projects that the settings list as the homelab; None when none is listed or no hour is known.
    ``heat`` counts turns per weekday (Monday first) and hour of the operator's clock.
    """

    since: Moment | None = None
    until: Moment | None = None
    sessions: int = Field(default=0, ge=0)
    hours: float = Field(default=0.0, ge=0)
    turns: int = Field(default=0, ge=0)
    cache_hit: float | None = None
    focus: float | None = None
    heat: tuple[tuple[int, ...], ...] = ((0,) * HOURS,) * len(DAYS)

    @property
    def mean_hours(self) -> float | None:
        """Per session."""
        return round(self.hours / self.sessions, 2) if self.sessions else None

    @property
    def mean_turns(self) -> float | None:
        """Per session."""
        return round(self.turns / self.sessions, 1) if self.sessions else None

    @property
    def hottest(self) -> int:
        """The turns of the busiest hour."""
        return max(max(row) for row in self.heat)
