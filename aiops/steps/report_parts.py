"""The parts of a report that are lists: over time, by guardian, by playbook, by incident. ``reports`` puts them together."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from aiops.domain.incident import Incident
from aiops.domain.report import IncidentCost, Punctuality, RepairFigures, Slice
from aiops.domain.verdict import Attempt
from aiops.errors import UnknownError
from aiops.ports import IncidentLedger

LOOK_BACK: Final = timedelta(days=2)
"""How far before an incident a look that did not see it is searched for: the rarest daily guardian looks once a day."""
LATE: Final = timedelta(minutes=30)
"""A look may be so late, and no later than a quarter of its period: the grace of the watchers (``watch.missed_minutes``)."""
_HOURLY: Final = timedelta(days=2)
_DEAREST: Final = 20


def slices(
    since: datetime,
    until: datetime,
    zone: str,
    seen: Sequence[Incident],
    resolved: Sequence[Incident],
    repaired: set[str],
) -> Iterator[Slice]:
    """Hours of a span of up to two days, else days of the operator's clock."""
    for begin, end in _edges(since, until, ZoneInfo(zone)):
        closed = [one for one in resolved if one.resolved_at and begin <= one.resolved_at < end]
        yield Slice(
            since=begin,
            seen=sum(begin <= one.opened_at < end for one in seen),
            resolved=len(closed),
            repaired=sum(one.id in repaired for one in closed),
        )


def punctuality(
    since: datetime, until: datetime, periods: Mapping[str, timedelta], ledger: IncidentLedger
) -> tuple[datetime, list[Punctuality]]:
    """Since when looks are known, and how each guardian kept to its rests.

    Counted by rests, not by moments of the crontab: a look that is late is kept, one that another had to stand for is missed.
    """
    ends: dict[str, list[datetime]] = defaultdict(list)
    for name, ended in ledger.finished(since - LOOK_BACK, until):
        ends[name].append(ended)
    first = min((moments[0] for moments in ends.values()), default=until)
    begin = max(since, first)
    return begin, [_kept(name, ends[name], begin, until, period) for name, period in sorted(periods.items())]


def _kept(name: str, ends: Sequence[datetime], begin: datetime, until: datetime, period: timedelta) -> Punctuality:
    before = [end for end in ends if end < begin]
    inside = [end for end in ends if end >= begin]
    # What it missed before the span is another report's.
    edge = max(before[-1], begin - period) if before else begin
    late = min(period / 4, LATE)
    rests = [after - end for end, after in zip([edge, *inside], [*inside, until], strict=True)]
    missed = sum(max(0, round(rest / period) - 1) for rest in rests[1:-1])
    if inside:
        missed += max(0, (rests[0] - late) // period - bool(before))
        missed += max(0, (rests[-1] - late) // period)
    else:
        missed += max(0, (rests[0] - late) // period)
    longest = max(rests).total_seconds() if inside else 0.0
    return Punctuality(guardian=name, kept=len(inside), missed=missed, longest_rest=round(longest, 1))


def outcomes(since: datetime, until: datetime, ledger: IncidentLedger) -> Iterator[RepairFigures]:
    """By playbook."""
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for plan, outcome in ledger.ended(since, until):
        approval = ledger.approval(plan.id)
        counted[plan.remediation][outcome.status] += 1
        if approval:
            counted[plan.remediation]["by_itself" if approval.mode == "auto" else "by_human"] += 1
    for playbook, figures in sorted(counted.items()):
        yield RepairFigures(playbook=playbook, **figures)


def costs(asked: Sequence[tuple[str, Attempt]], ledger: IncidentLedger) -> Iterator[IncidentCost]:
    """By incident, the dearest first."""
    together: dict[str, list[Attempt]] = defaultdict(list)
    for incident, attempt in asked:
        together[incident].append(attempt)
    made = [
        IncidentCost(
            incident=incident,
            asked=len(attempts),
            tokens=sum(one.tokens_in + one.tokens_out for one in attempts),
            eur=round(sum(one.cost or 0.0 for one in attempts), 6),
        )
        for incident, attempts in together.items()
    ]
    for one in sorted(made, key=lambda one: (-one.eur, -one.tokens, one.incident))[:_DEAREST]:
        yield one.model_copy(update={"title": _title(one.incident, ledger)})


def _title(incident: str, ledger: IncidentLedger) -> str:
    try:
        return ledger.get(incident).title
    except UnknownError:
        return ""  # a piece of night work is booked under its own name


def _edges(since: datetime, until: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    begin = since
    while begin < until:
        if until - since <= _HOURLY:
            end = begin + timedelta(hours=1)
        else:
            end = datetime.combine(begin.astimezone(zone).date() + timedelta(days=1), time(), zone)
        end = min(end, until)
        yield begin, end
        begin = end
