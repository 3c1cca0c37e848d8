"""What a span of time came to: the figures of the daily and the monthly report. Whoever shows them computes nothing."""

import math
from collections.abc import Iterable
from typing import Literal

from aiops.domain.fact import Fact, Moment
from aiops.domain.severity import Severity

Sort = Literal["daily", "monthly", "security"]


class Spread(Fact):
    """How long something took, in seconds. Of nothing there is no median, so both are None and not 0."""

    count: int = 0
    median: float | None = None
    p95: float | None = None

    @classmethod
    def of(cls, seconds: Iterable[float]) -> "Spread":
        """Nearest rank: each figure is one that really happened."""
        ordered = sorted(seconds)
        if not ordered:
            return cls()
        return cls(count=len(ordered), median=_rank(ordered, 0.5), p95=_rank(ordered, 0.95))


class GuardianFigures(Fact):
    """One guardian's part of it."""

    guardian: str
    seen: int = 0
    repaired: int = 0
    relapsed: int = 0


class Spending(Fact):
    """What models were asked and what it cost, in euros. ``unpriced`` answers are in no sum."""

    asked: int = 0
    answered: int = 0
    eur: float = 0.0
    unpriced: int = 0


class Noted(Fact):
    """One incident of the span."""

    incident: str
    severity: Severity
    state: str
    title: str
    guardian: str
    hosts: tuple[str, ...] = ()
    relapse: bool = False
    repaired: bool = False


class Report(Fact):
    """The figures of ``since <= t < until``.

    ``seen`` counts incidents that were opened; ``resolved`` those found gone, ``repaired`` those of them that a repair of ours
    ended; ``suppressed`` were known before or benign; ``with_human`` wait for one now, whenever they were opened.
    ``detection`` is an upper bound: from the last look that did not see it to the incident. ``repair`` is from the incident to
    its resolution, of the repaired; ``closing`` of all resolved.
    """

    sort: Sort
    since: Moment
    until: Moment
    seen: int = 0
    critical: int = 0
    resolved: int = 0
    repaired: int = 0
    failed: int = 0
    relapsed: int = 0
    suppressed: int = 0
    with_human: int = 0
    detection: Spread = Spread()
    repair: Spread = Spread()
    closing: Spread = Spread()
    spending: Spending = Spending()
    guardians: tuple[GuardianFigures, ...] = ()
    incidents: tuple[Noted, ...] = ()


def _rank(ordered: list[float], share: float) -> float:
    return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 3)
