"""What a span of time came to: the figures of the daily and the monthly report. Whoever shows them computes nothing."""

import math
from collections.abc import Iterable
from typing import Final, Literal

from aiops.domain.autonomy import Standing
from aiops.domain.fact import Fact, Moment
from aiops.domain.severity import Severity
from aiops.domain.symbiosis import Symbiosis

Sort = Literal["daily", "monthly", "security"]

REFERENCE_SECONDS: Final = 48.0
"""From signal to fix, as the operator's own account of the removed SIEM manager gives it: what a repair is measured against."""


class Spread(Fact):
    """How long something took, in seconds. Of nothing there is no median and no mean, so they are None and not 0."""

    count: int = 0
    mean: float | None = None
    median: float | None = None
    p95: float | None = None

    @classmethod
    def of(cls, seconds: Iterable[float]) -> "Spread":
        """Median and p95 by nearest rank: each is one that really happened."""
        ordered = sorted(seconds)
        if not ordered:
            return cls()
        mean = round(math.fsum(ordered) / len(ordered), 3)
        return cls(count=len(ordered), mean=mean, median=_rank(ordered, 0.5), p95=_rank(ordered, 0.95))


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
    tokens_in: int = 0
    tokens_out: int = 0


class IncidentCost(Fact):
    """What one incident, or one piece of night work, has cost. ``title`` is empty where it is no incident of the ledger."""

    incident: str
    title: str = ""
    asked: int = 0
    tokens: int = 0
    eur: float = 0.0


class Slice(Fact):
    """A piece of the span: an hour of a day, a day of a month."""

    since: Moment
    seen: int = 0
    resolved: int = 0
    repaired: int = 0


class Punctuality(Fact):
    """How a guardian kept to its line of the crontab. ``missed`` are looks that its rests had room for; the longest rest is
    in seconds. A guardian that was never due in the span has neither.
    """

    guardian: str
    kept: int = 0
    missed: int = 0
    longest_rest: float = 0.0

    @property
    def share(self) -> float | None:
        """Looks kept, of those due, in percent; None when none was due."""
        due = self.kept + self.missed
        return round(100 * self.kept / due, 1) if due else None


class RepairFigures(Fact):
    """What came of one playbook's plans in the span, and who had allowed them."""

    playbook: str
    success: int = 0
    failure: int = 0
    unknown: int = 0
    skipped: int = 0
    by_itself: int = 0
    by_human: int = 0

    @property
    def count(self) -> int:
        """All of them."""
        return self.success + self.failure + self.unknown + self.skipped


class Noted(Fact):
    """One incident of the span."""

    incident: str
    severity: Severity
    state: str
    title: str
    guardian: str
    opened_at: Moment
    hosts: tuple[str, ...] = ()
    relapse: bool = False
    repaired: bool = False


class Report(Fact):
    """The figures of ``since <= t < until``.

    ``seen`` counts incidents that were opened; ``resolved`` those found gone, ``repaired`` those of them that a repair of ours
    ended; ``suppressed`` were known before or benign; ``with_human`` wait for one now, whenever they were opened.
    ``detection`` is an upper bound: from the last look that did not see it to the incident. ``repair`` is from the incident to
    its resolution, of the repaired, and ``within_reference`` how many of them took no longer than ``reference``; ``closing`` of
    all resolved. ``without_model`` are those seen for which no model was asked. ``punctuality`` begins at ``looks_since``: what
    is older was not kept. ``symbiosis`` is None where ``no_symbiosis`` says why.
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
    reference: float = REFERENCE_SECONDS
    within_reference: int = 0
    without_model: int = 0
    slices: tuple[Slice, ...] = ()
    looks_since: Moment | None = None
    punctuality: tuple[Punctuality, ...] = ()
    outcomes: tuple[RepairFigures, ...] = ()
    autonomy: tuple[Standing, ...] = ()
    costs: tuple[IncidentCost, ...] = ()
    symbiosis: Symbiosis | None = None
    no_symbiosis: str = ""


def _rank(ordered: list[float], share: float) -> float:
    return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 3)
