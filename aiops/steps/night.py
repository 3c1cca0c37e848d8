"""The night work's way to the human: each report is one message, kept as every other, and one event."""

from aiops.condense.scrub import scrub
from aiops.domain.event import Event
from aiops.domain.handover import Handover
from aiops.domain.night import NightReport
from aiops.domain.notice import REPORT
from aiops.domain.report import Sort
from aiops.ports import IncidentServices
from aiops.steps.outbox import whole
from aiops.steps.reports import figures, last_day, lines, looking, month
from aiops.steps.shadow import shade_of
from aiops.steps.tell import tell


def tell_night(report: NightReport, services: IncidentServices) -> Handover:
    """Tell it, once however often it arrives, and book what models cost on the way to it."""
    event = Event(
        id=report.id,
        source="hermes",
        cron=f"guardian-{report.name}",
        severity=report.severity,
        timestamp=report.at,
        host="hermes",
        symptom=scrub(report.lines[0]),
        type=REPORT,
        context={"name": report.name, "lines": [scrub(line) for line in report.lines[1:]]},
    )
    with whole(services) as inside:
        if report.attempts:
            inside.ledger.book(f"night:{report.name}", report.attempts)
        event = event.model_copy(update={"shadow": inside.shadow == "untaken" and bool(shade_of(event, inside))})
        inside.events.publish(event)
        return Handover(notices=tell(event, inside))


def daily_report(services: IncidentServices) -> Handover:
    """The last 24 hours."""
    return _report("daily", services)


def monthly_report(services: IncidentServices) -> Handover:
    """The last whole month on the operator's clock."""
    return _report("monthly", services)


def security_digest(services: IncidentServices) -> Handover:
    """The last 24 hours of the guardians that look for intruders; silent when they saw nothing."""
    return _report("security", services)


def _report(sort: Sort, services: IncidentServices) -> Handover:
    now = services.clock()
    span = month("", now, services.timezone) if sort == "monthly" else last_day(now)
    periods = looking(services.periods, services.ledger)
    report = figures(sort, *span, services.ledger, zone=services.timezone, periods=periods)
    if sort == "security" and not (report.seen or report.resolved):
        return Handover()
    name = "security-digest" if sort == "security" else f"{sort}-report"
    return tell_night(NightReport(name=name, at=now, lines=tuple(lines(report))), services)
