"""report: what a span of time came to, from the ledger alone. ``aiops.domain.report`` are the figures, this computes them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, time, timedelta
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from aiops.domain.incident import Incident, State
from aiops.domain.report import REFERENCE_SECONDS, GuardianFigures, Noted, Report, Sort, Spending, Spread
from aiops.domain.severity import Severity
from aiops.domain.verdict import Attempt
from aiops.errors import SettingsError
from aiops.ports import IncidentLedger
from aiops.steps.report_parts import LOOK_BACK, costs, outcomes, punctuality, slices

SECURITY: Final = frozenset({"security", "soc", "certs", "logs"})
"""The guardians of the security digest."""
_WAITING: Final = (State.ESCALATED, State.AWAITING_APPROVAL)
_LINES: Final = 12
"""Incidents named in a text; the rest is counted."""


def last_day(now: datetime) -> tuple[datetime, datetime]:
    """The 24 hours up to now."""
    return now - timedelta(days=1), now


def month(name: str, now: datetime, zone: str) -> tuple[datetime, datetime]:
    """A calendar month on the operator's clock; the last whole one when ``name`` (``YYYY-MM``) is empty.

    :raises SettingsError: it is no month
    """
    here = ZoneInfo(zone)
    first = datetime.combine(now.astimezone(here).date().replace(day=1), time(), here)
    if not name:
        return _first_of(first - timedelta(days=1), here), first
    try:
        begin = datetime.strptime(name, "%Y-%m").replace(tzinfo=here)
    except ValueError:
        raise SettingsError("month", f"{name!r} is no month: YYYY-MM") from None
    return begin, _first_of(begin + timedelta(days=32), here)


def figures(
    sort: Sort,
    since: datetime,
    until: datetime,
    ledger: IncidentLedger,
    *,
    zone: str = "UTC",
    periods: Mapping[str, timedelta] = MappingProxyType({}),
) -> Report:
    """The report of a span. ``zone`` is the clock its days are cut by; ``periods`` are the rests of the guardians whose
    punctuality is wanted, as the crontab gives them.

    :raises LedgerBusyError: the ledger cannot be read now
    """
    touched = [one for one in ledger.touched(since, until) if sort != "security" or _guardians(one) & SECURITY]
    opened = [one for one in touched if since <= one.opened_at < until]
    seen = [one for one in opened if one.state is not State.SUPPRESSED]
    resolved = [one for one in touched if one.resolved_at and since <= one.resolved_at < until]
    repairs = {one.id: [outcome.status for _, outcome in ledger.repairs(one.id)] for one in touched}
    repaired = [one for one in resolved if "success" in repairs[one.id]]
    waiting = [one for one in ledger.live() if one.state in _WAITING]
    asked = [(name, attempt) for name, attempt in ledger.booked(since) if attempt.asked and attempt.at < until]
    looks_since, kept = punctuality(since, until, periods, ledger)
    repair = [_age(one) for one in repaired]
    return Report(
        sort=sort,
        since=since,
        until=until,
        seen=len(seen),
        critical=sum(one.severity is Severity.CRITICAL for one in seen),
        resolved=len(resolved),
        repaired=len(repaired),
        failed=sum(status in {"failure", "unknown"} for said in repairs.values() for status in said[-1:]),
        relapsed=sum(bool(one.relapse_of) for one in seen),
        suppressed=len(opened) - len(seen),
        with_human=sum(sort != "security" or bool(_guardians(one) & SECURITY) for one in waiting),
        detection=Spread.of(_delays(seen, ledger)),
        repair=Spread.of(repair),
        within_reference=sum(one <= REFERENCE_SECONDS for one in repair),
        closing=Spread.of(_age(one) for one in resolved),
        spending=_spending([attempt for _, attempt in asked]),
        without_model=len({one.id for one in seen} - {name for name, _ in asked}),
        slices=tuple(slices(since, until, zone, seen, resolved, {one.id for one in repaired})),
        looks_since=looks_since,
        punctuality=tuple(one for one in kept if sort != "security" or one.guardian in SECURITY),
        outcomes=tuple(outcomes(since, until, ledger)),
        autonomy=tuple(ledger.standings()),
        costs=tuple(costs(asked, ledger)),
        guardians=tuple(_by_guardian(seen, repaired)),
        incidents=tuple(
            Noted(
                incident=one.id,
                severity=one.severity,
                state=one.state.value,
                title=one.title,
                guardian=_lead(one),
                opened_at=one.opened_at,
                hosts=one.hosts,
                relapse=bool(one.relapse_of),
                repaired=one in repaired,
            )
            for one in sorted(seen, key=lambda one: (-one.severity.rank, one.opened_at))
        ),
    )


def lines(report: Report) -> list[str]:
    """The report as text: the figures, then the worst incidents."""
    span = f"{report.since:%Y-%m-%d %H:%M} to {report.until:%Y-%m-%d %H:%M} UTC"
    said = [
        f"{report.sort} report, {span}",
        f"seen {report.seen} ({report.critical} critical), relapsed {report.relapsed}, suppressed {report.suppressed}",
        f"repaired {report.repaired}, resolved {report.resolved}, repairs that failed {report.failed}",
        f"waiting for you now {report.with_human}",
        f"detected within {_spread(report.detection)}",
        f"repaired after {_spread(report.repair)}{_against(report)}",
        f"LLM: {report.spending.asked} asked, {report.spending.answered} answered, {report.spending.eur:.4f} EUR"
        + (f", {report.spending.unpriced} of unknown price" if report.spending.unpriced else ""),
    ]
    said += [
        f"late: {one.guardian} kept {one.kept} of {one.kept + one.missed} looks, {seconds(one.longest_rest)} without one"
        for one in report.punctuality
        if one.missed
    ]
    said += [
        f"  {one.guardian}: seen {one.seen}, repaired {one.repaired}, relapsed {one.relapsed}"
        for one in report.guardians
    ]
    said += [
        f"{one.severity.value.upper()} {_how(one)} {one.title} ({one.incident})" for one in report.incidents[:_LINES]
    ]
    if len(report.incidents) > _LINES:
        said.append(f"and {len(report.incidents) - _LINES} more: aiops incidents --since 1d")
    return said


def seconds(span: float) -> str:
    """A length of time as people say it."""
    for limit, unit, name in ((86400, 86400, "d"), (3600, 3600, "h"), (60, 60, "min")):
        if span >= 2 * limit:
            return f"{span / unit:.1f} {name}"
    return f"{span:.1f} s"


def _first_of(day: datetime, here: ZoneInfo) -> datetime:
    return datetime.combine(day.date().replace(day=1), time(), here)


def _lead(incident: Incident) -> str:
    return incident.findings[0].detector


def _guardians(incident: Incident) -> frozenset[str]:
    return frozenset(finding.detector for finding in incident.findings)


def _age(incident: Incident) -> float:
    return ((incident.resolved_at or incident.opened_at) - incident.opened_at).total_seconds()


def _delays(incidents: Sequence[Incident], ledger: IncidentLedger) -> Iterator[float]:
    """From the last look that did not see the first finding to the incident. Without such a look nothing is known."""
    for one in incidents:
        first = one.findings[0]
        before = ledger.looked_before(first.host, first.kind, first.seen_at, one.opened_at - LOOK_BACK)
        if before:
            yield max(0.0, (one.opened_at - before).total_seconds())


def _spending(asked: Sequence[Attempt]) -> Spending:
    return Spending(
        asked=len(asked),
        answered=sum(attempt.outcome == "answered" for attempt in asked),
        eur=round(sum(attempt.cost or 0.0 for attempt in asked), 6),
        unpriced=sum(attempt.cost is None for attempt in asked),
        tokens_in=sum(attempt.tokens_in for attempt in asked),
        tokens_out=sum(attempt.tokens_out for attempt in asked),
    )


def _by_guardian(seen: Sequence[Incident], repaired: Sequence[Incident]) -> Iterator[GuardianFigures]:
    counted = Counter(map(_lead, seen))
    mended = Counter(map(_lead, repaired))
    again = Counter(_lead(one) for one in seen if one.relapse_of)
    for name in sorted(counted | mended):
        yield GuardianFigures(guardian=name, seen=counted[name], repaired=mended[name], relapsed=again[name])


def _spread(spread: Spread) -> str:
    if spread.median is None or spread.p95 is None:
        return "(nothing to count)"
    return f"{seconds(spread.median)} (median), {seconds(spread.p95)} (p95), of {spread.count}"


def _against(report: Report) -> str:
    if not report.repair.count:
        return ""
    return f"; {report.within_reference} within the {report.reference:g} s of reference"


def _how(one: Noted) -> str:
    return "relapsed" if one.relapse else "repaired" if one.repaired else one.state.replace("_", " ")


def looking(periods: Mapping[str, timedelta], ledger: IncidentLedger) -> Mapping[str, timedelta]:
    """The rests of those guardians that have ever looked: one whose sources are not set up is none that is late."""
    known = ledger.last_sweeps()
    return {name: period for name, period in periods.items() if name in known}
