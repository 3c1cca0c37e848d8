"""A day of a small fleet on the real ledger: what a report is made of."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from aiops import steps
from aiops.domain.finding import Finding
from aiops.domain.outcome import Outcome
from aiops.domain.report import Report
from aiops.domain.severity import Severity
from aiops.domain.sweep import Patrol, Sweep
from aiops.domain.verdict import Attempt, Verdict
from tests.incident_world import NOON, World

HOSTILE: Final = '</title><script>window.pwned=1</script><img src=x onerror="window.pwned=1">\' & {{ 7 * 7 }}'
PERIODS: Final = {"health": timedelta(minutes=15), "disk": timedelta(minutes=15), "soc": timedelta(minutes=15)}
TICK: Final = timedelta(minutes=15)


@dataclass(frozen=True)
class Fault:
    """What is wrong from one tick on: for so many ticks, or until it is repaired after so many seconds."""

    tick: int
    host: str
    kind: str
    detector: str
    subject: str
    severity: Severity
    text: str
    repaired: float = 0
    ticks: int = 3
    tokens: int = 0


FAULTS: Final = (
    Fault(3, "ct201", "service.dead", "health", "nginx.service", Severity.CRITICAL, "nginx.service is dead", 41),
    Fault(9, "ct214", "service.dead", "health", "cron.service", Severity.WARNING, "cron.service has failed", 36),
    Fault(14, "ct207", "disk.full", "disk", "/var", Severity.WARNING, "/var is 93 % full", 0, 6, 2150),
    Fault(22, "ct222", "service.dead", "health", "redis.service", Severity.CRITICAL, "redis.service is dead", 44),
    Fault(23, "ct201", "service.dead", "health", "nginx.service", Severity.CRITICAL, "nginx.service is dead", 0, 8),
    Fault(40, "ct231", "auth.guessed", "soc", "203.0.113.9", Severity.WARNING, "211 guessed passwords", 0, 4, 3420),
    Fault(41, "ct218", "service.dead", "health", "postfix.service", Severity.WARNING, "postfix.service has failed", 52),
    Fault(58, "ct209", "service.dead", "health", "wazuh-manager.service", Severity.CRITICAL, "the manager is gone", 47),
    Fault(71, "ct203", "service.dead", "health", "smbd.service", Severity.WARNING, "smbd.service has failed", 39),
    Fault(80, "ct226", "disk.inodes", "disk", "/srv", Severity.WARNING, "/srv has 2 % of its inodes left", 0, 5, 1890),
    Fault(90, "ct205", "service.dead", "health", "docker.service", Severity.CRITICAL, "docker.service is dead", 43),
)


def the_day(folder: Path, *, hostile: bool = False) -> tuple[World, Report]:
    """The world at the end of the day, and its report. ``hostile``: one title tries to break out of the page."""
    world = World(folder)
    end = NOON
    world.now = end - timedelta(days=1)
    faults = list(FAULTS)
    if hostile:
        faults.append(Fault(50, "ct208", "service.dead", "health", "x.service", Severity.CRITICAL, HOSTILE, 0, 60))
    gone: set[Fault] = set()
    for tick in range(int(timedelta(days=1) / TICK)):
        began = world.now
        # disk misses one look: that is seen in its punctuality
        names = ("health", "soc") if tick == 60 else ("health", "disk", "soc")
        here = [one for one in faults if one.tick <= tick < one.tick + (99 if one.repaired else one.ticks)]
        here = [one for one in here if one not in gone]
        for verdict in steps.correlate(_sweep(world, names, here, tick), world.services).verdicts:
            _judged(world, verdict, here, gone)
        world.later(seconds=(TICK - (world.now - began)).total_seconds())
    assert world.now == end
    span = steps.last_day(world.now)
    return world, steps.report_figures("daily", *span, world.ledger, zone="Europe/Paris", periods=PERIODS)


def _judged(world: World, verdict: Verdict, here: list[Fault], gone: set[Fault]) -> None:
    incident = world.ledger.get(verdict.incident)
    (fault,) = [one for one in here if one.subject == incident.findings[0].subject]
    if fault.tokens:
        attempt = Attempt(
            id=incident.id,
            at=world.now,
            provider="local",
            model="small",
            outcome="answered",
            tokens_in=fault.tokens,
            tokens_out=fault.tokens // 9,
            cost=round(fault.tokens * 2e-7, 6),
        )
        world.ledger.book(incident.id, [attempt])
    if not fault.repaired:
        return
    wanted = Verdict(
        incident=incident.id, action="remediate", playbook="restart_service", reason="known", source="rule:restart"
    )
    steps.authorise(wanted, world.services)
    plan = world.ledger.plan_of(incident.id)
    assert plan
    world.later(seconds=fault.repaired)
    outcome = Outcome(plan=plan.id, incident=incident.id, status="success", finished_at=world.now)
    steps.settle(outcome, world.services)
    gone.add(fault)
    steps.close(world.sweep(hosts=incident.hosts, incident=incident.id, name=f"verify-{incident.id}"), world.services)


def _sweep(world: World, names: tuple[str, ...], here: list[Fault], tick: int) -> Sweep:
    hosts = tuple(f"ct{number}" for number in range(200, 240))
    kinds = tuple(sorted({one.kind for one in FAULTS}))
    return Sweep(
        patrol=Patrol(sweep=f"tick-{tick}", detectors=names, hosts=hosts, requested_at=world.now),
        findings=tuple(_findings(world, here)),
        started_at=world.now,
        finished_at=world.now,
        looked_at=dict.fromkeys(hosts, kinds),
    )


def _findings(world: World, here: list[Fault]) -> Iterator[Finding]:
    for one in here:
        yield world.finding(
            one.host,
            kind=one.kind,
            detector=one.detector,
            subject=one.subject,
            severity=one.severity,
            summary=one.text,
        )
