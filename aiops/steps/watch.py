"""watch: the watchers are watched. A guardian that did not look, a silent process, a bus that is gone: each is an incident.

Runs on ``incidents``: as a line of the crontab, and beside the worker on a timer of its own, so that a dead beat is noticed.
What it sees goes the way of every finding: opened once, resolved when it is gone. It needs a human, never a model.
"""

import logging
import threading
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta

from aiops.domain.event import Event
from aiops.domain.fact import iso, new_id
from aiops.domain.finding import Finding, Kind
from aiops.domain.guest import Guest
from aiops.domain.handover import Handover
from aiops.domain.severity import Severity
from aiops.domain.sweep import Look, Patrol, Sweep
from aiops.domain.watch import WORKERS, busy, canary
from aiops.errors import AiopsError, BusError
from aiops.ports import IncidentServices
from aiops.steps.backup_watch import BACKUP, backup_troubles
from aiops.steps.blindness import WATCH
from aiops.steps.correlate import correlate
from aiops.steps.inventory import compare
from aiops.steps.record import SOURCE

PLACE = "aiops"
"""The host of these findings: the system itself, on whichever containers it runs."""

MISSED = Kind(name="watch.missed", sentence="a guardian did not look at a host when it was due")
WORKER = Kind(name="watch.worker", sentence="a worker gives no sign of life")
DEAF = Kind(name="watch.deaf", sentence="a worker lives and does not take what is in its queue")
BEAT = Kind(name="watch.beat", sentence="beat gives no sign of life, so nothing is looked at by itself")
BRIDGE = Kind(name="watch.bridge", sentence="the bridge gives no sign of life, so nothing is mirrored to MQTT")
BUS = Kind(name="watch.bus", sentence="Redis does not answer, so no step reaches the next one")
INVENTORY = Kind(name="watch.inventory", sentence="a machine is in the inventory or in another source, and not in both")
KINDS = (MISSED, WORKER, DEAF, BEAT, BRIDGE, BUS, INVENTORY, BACKUP)

_CRITICAL = frozenset({"detect", "notify", "beat", "remediation"})
"""Without these nothing is seen, said or repaired. Triage and the bridge are missed less."""
_SHOWN = 8
_AGAIN = timedelta(minutes=15)
"""An unchanged result is told to the incidents again after so long: then they know that it was seen again."""
_US = "incidents"

_log = logging.getLogger(__name__)


class Watcher:
    """Looks again and again, and remembers since when it can tell."""

    def __init__(self, services: IncidentServices) -> None:
        self._services = services
        self._lock = threading.Lock()
        self._since = self._last = services.clock()
        self._bus_lost: datetime | None = None
        self._sang: datetime | None = None
        self._canary = timedelta(seconds=services.watch.canary_seconds)
        self._heard = True
        self._said: tuple[frozenset[str], tuple[str, ...]] = (frozenset(), ())
        self._said_at = self._since
        self._comparable: tuple[str, ...] = ()
        self.troubles: tuple[str, ...] = ()
        """What was wrong in the last round; empty when all was well."""

    def round(self, expected: Mapping[str, datetime]) -> Handover:
        """One look.

        :param expected: per guardian the newest moment whose sweep must be finished by now
        :raises LedgerBusyError: the ledger does not answer
        """
        # The crontab's line and the timer are threads of one process: two rounds must not open one incident twice.
        with self._lock:
            self._wake(self._services.clock())
            findings, looked = self._look(expected)
            bad = [finding for finding in findings if finding.severity.rank >= Severity.WARNING.rank]
            self.troubles = tuple(finding.summary for finding in bad)
            handed = self._correlate(findings, looked)
            self._signal()
            return handed + Handover(canaries=self._canaries())

    def _wake(self, now: datetime) -> None:
        """After a sleep of our own machine nobody can be blamed for the time we slept."""
        rhythm = timedelta(seconds=self._services.watch.every_seconds + self._services.watch.silent_seconds)
        if not timedelta() <= now - self._last <= rhythm:
            self._since = now
        self._last = now

    def _look(self, expected: Mapping[str, datetime]) -> tuple[list[Finding], tuple[str, ...]]:
        """The findings, and the kinds that could be looked for."""
        silent = timedelta(seconds=self._services.watch.silent_seconds)
        try:
            ages = self._ages()
        except BusError as error:
            self._bus_lost = self._bus_lost or self._last
            lost = self._last - self._bus_lost
            if lost < silent:
                return [], ()
            text = f"{error}; nothing moves from one step to the next for {_span(lost)}"
            return [self._finding(BUS, "redis", text, Severity.CRITICAL)], (BUS.name,)
        if self._bus_lost:
            # The signs of life went missing with the bus: everybody has the full time to give a new one.
            self._bus_lost, self._since = None, self._last
        dead = list(self._dead(ages, silent))
        dead += list(self._deaf(ages, {finding.subject for finding in dead}))
        kinds = (BUS.name, WORKER.name, DEAF.name, BEAT.name, BRIDGE.name, BACKUP.name)
        dead += [
            self._finding(BACKUP, subject, text, severity, cause="backup:night")
            for subject, severity, text in backup_troubles(self._services)
        ]
        if any(finding.kind != BACKUP.name and finding.subject in {"beat", "detect"} for finding in dead):
            # No guardian can look without these: one trouble, not one per guardian.
            return dead, kinds
        return [*dead, *self._missed(expected), *self._drift()], (*kinds, MISSED.name, *self._comparable)

    def _ages(self) -> Mapping[str, float]:
        pulse = self._services.pulse
        names = [*self._services.watch.processes, *map(canary, self._workers), *map(busy, self._workers)]
        return pulse.ages(names) if pulse else dict.fromkeys(names, 0.0)

    def _dead(self, ages: Mapping[str, float], silent: timedelta) -> Iterator[Finding]:
        watched = (self._last - self._since).total_seconds()
        for name in self._services.watch.processes:
            age = min(ages.get(name, watched), watched)
            if name == _US or age < silent.total_seconds():
                continue
            kind = {"beat": BEAT, "bridge": BRIDGE}.get(name, WORKER)
            what = name if kind is not WORKER else f"the {name} worker"
            severity = Severity.CRITICAL if name in _CRITICAL else Severity.WARNING
            text = f"{what} has given no sign of life for more than {_span(silent)}"
            yield self._finding(kind, name, text, severity, sentence=kind.sentence)

    @property
    def _workers(self) -> list[str]:
        return [name for name in WORKERS if name in self._services.watch.processes]

    def _deaf(self, ages: Mapping[str, float], dead: Collection[str]) -> Iterator[Finding]:
        """Whoever is dead cannot be deaf. Ourselves too: the watchers run beside the worker, not in it."""
        watch, watched = self._services.watch, (self._last - self._since).total_seconds()
        for name in self._workers:
            at_work = ages.get(busy(name), watched) < watch.silent_seconds
            limit = max(watch.busy_seconds, watch.deaf_seconds) if at_work else watch.deaf_seconds
            if name in dead or min(ages.get(canary(name), watched), watched) < limit:
                continue
            span = _span(timedelta(seconds=limit))
            text = f"the {name} worker lives, but has taken nothing from its queue for more than {span}"
            severity = Severity.CRITICAL if name in _CRITICAL | {_US} else Severity.WARNING
            yield self._finding(DEAF, name, text, severity, sentence=DEAF.sentence)

    def _canaries(self) -> tuple[str, ...]:
        """Whose queue gets one now; none while there is no bus that could carry it."""
        if self._bus_lost or (self._sang and self._last - self._sang < self._canary):
            return ()
        self._sang = self._last
        return tuple(self._workers)

    def _missed(self, expected: Mapping[str, datetime]) -> Iterator[Finding]:
        settled = self._last - self._since >= timedelta(minutes=self._services.watch.missed_minutes)
        known = {host.name for host in self._services.inventory.hosts()}
        looks: dict[str, list[Look]] = {}
        for look in self._services.ledger.looks():
            if look.host in known:
                looks.setdefault(look.detector, []).append(look)
        for guardian, since in expected.items():
            seen = looks.get(guardian, [])
            if since <= self._since and not (settled and seen):
                continue
            late = [look.host for look in seen if look.at < since]
            if seen and not late:
                continue
            last = f"; it last looked at {iso(max(look.at for look in seen))}" if seen else "; it has never looked"
            some = f"{len(late)} of {len(seen)} hosts" if len(late) < len(seen) else "its hosts"
            text = f"guardian {guardian} has not looked at {some} since it was due at {iso(since)}{last}"
            yield self._finding(MISSED, guardian, text, Severity.WARNING, hosts=late[:_SHOWN])

    def _drift(self) -> list[Finding]:
        """Machines that only one side knows; a source that cannot be read is no reason to say that nothing is there."""
        self._comparable = ()
        guests: list[Guest] = []
        for topology in self._services.topologies:
            try:
                guests += topology.guests()
            except AiopsError as error:
                _log.info("the inventory is not compared: %s", error)
                return []
        self._comparable = (INVENTORY.name,)
        strangers, unknown = compare(self._services.inventory.hosts(), guests)
        said = {guest.name: f"{guest.name} ({guest.source}) is not in the inventory" for guest in strangers}
        said |= {name: f"{name} is in the inventory and unknown to every other source" for name in unknown}
        # One cause: however many there are, they are one incident.
        return [self._finding(INVENTORY, name, text, Severity.INFO, cause="inventory") for name, text in said.items()]

    def _finding(
        self,
        kind: Kind,
        subject: str,
        summary: str,
        severity: Severity,
        *,
        cause: str = "",
        **evidence: str | list[str],
    ) -> Finding:
        return Finding(
            kind=kind.name,
            detector=WATCH,
            host=PLACE,
            subject=subject,
            severity=severity,
            summary=summary,
            cause=cause,
            seen_at=self._last,
            evidence=dict(evidence),
        )

    def _correlate(self, findings: list[Finding], looked: tuple[str, ...]) -> Handover:
        """Tell the incidents, when they do not know it yet."""
        said = (frozenset(finding.fingerprint for finding in findings), looked)
        if said == self._said and self._last - self._said_at < _AGAIN:
            return Handover()
        ours = [finding for incident in self._services.ledger.live() for finding in incident.states]
        known = {finding.fingerprint for finding in ours if finding.detector == WATCH}
        if not findings and not known:
            return Handover()
        for finding in findings:
            if finding.fingerprint not in known and finding.kind != INVENTORY.name:
                self._publish(finding)
        patrol = Patrol(
            sweep=new_id("watch", self._last),
            detectors=(WATCH,),
            hosts=(PLACE,),
            started_by=WATCH,
            requested_at=self._last,
        )
        sweep = Sweep(
            patrol=patrol,
            findings=tuple(findings),
            looked_at={PLACE: looked},
            started_at=self._last,
            finished_at=self._last,
        )
        handed = correlate(sweep, self._services)
        self._said, self._said_at = said, self._last
        return handed

    def _publish(self, finding: Finding) -> None:
        about = {MISSED.name: finding.subject, BACKUP.name: "backup"}.get(finding.kind, "workers")
        kinds = {MISSED.name: "guardian.missed", BACKUP.name: "guardian.report", DEAF.name: "worker.deaf"}
        self._services.events.publish(
            Event(
                source=SOURCE,
                cron=f"guardian-{about}",
                severity=finding.severity,
                timestamp=self._last,
                host=PLACE,
                symptom=finding.summary,
                type=kinds.get(finding.kind, "worker.offline"),
                context={"subject": finding.subject, **finding.evidence},
            )
        )

    def _signal(self) -> None:
        for beacon in self._services.beacons:
            try:
                beacon.ill("\n".join(self.troubles)) if self.troubles else beacon.well("all watched processes live")
            except BusError as error:
                if self._heard:
                    _log.warning("the external watcher did not hear us: %s", error)
                self._heard = False
            else:
                self._heard = True


def _span(span: timedelta) -> str:
    seconds = span.total_seconds()
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"  # noqa: PLR2004 - two minutes read better as minutes
