"""The incident ledger, which CT190 owns."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Protocol

from aiops.domain.autonomy import Standing
from aiops.domain.event import Event
from aiops.domain.finding import Finding
from aiops.domain.held import Held
from aiops.domain.incident import Entry, Incident, State
from aiops.domain.outcome import Outcome
from aiops.domain.plan import Approval, Plan
from aiops.domain.severity import Severity
from aiops.domain.shadow import Shadowed, Takeover
from aiops.domain.silence import Muted, Sightings, Silence
from aiops.domain.skill import Lesson
from aiops.domain.sweep import Look, Sweep
from aiops.domain.verdict import Attempt, Spent, Verdict
from aiops.ports.backup import BackupBook
from aiops.ports.sessions import SessionBook
from aiops.ports.talk import TalkLedger
from aiops.ports.trail import AuditLog


class QuietLedger(Protocol):
    """The part of CT190's record about what is counted, muted, silenced and acknowledged.

    :raises LedgerBusyError: from any method, when the database is locked or its disk is full
    """

    def together(self) -> AbstractContextManager[object]:
        """One transaction around everything this thread writes inside: durable when it ends, nothing of it when it fails."""

    def counts(self, incident: str) -> Mapping[str, Sightings]:
        """How often and when each finding of the incident was seen, by fingerprint."""

    def opened_since(self, moment: datetime) -> int:
        """How many incidents were opened since then."""

    def resolved_times(self, fingerprint: str, since: datetime) -> int:
        """How many incidents that held the finding were resolved since then."""

    def gone_since(self, incident: str) -> datetime | None:
        """When the last of its findings was found gone; None when none was."""

    def repaired_since(self, moment: datetime) -> Sequence[Incident]:
        """Incidents that were repaired and left ``verifying`` since then."""

    def mute(self, by: str, reason: str, findings: Sequence[Finding], at: datetime) -> Sequence[str]:
        """Record findings that open nothing, counted; returns the fingerprints that are new for ``by``."""

    def muted(self, *, by: str = "", fingerprint: str = "") -> Sequence[Muted]:
        """What was muted by it, newest first; empty filters match everything."""

    def silence(self, silence: Silence) -> None:
        """Keep a silence."""

    def silences(self, at: datetime) -> Sequence[Silence]:
        """The silences in force at that moment, those that end first before the others."""

    def end_silence(self, silence: str) -> bool:
        """End it before its time; False when there is none of that name."""

    def acknowledge(self, incident: str, who: str, why: str, at: datetime) -> bool:
        """Note that a human has it in hand, until it is resolved; False when somebody has it already.

        :raises RefusedError: it is resolved, or unknown
        """

    def acknowledged(self, incident: str) -> str:
        """Who has it in hand and why; empty when nobody, or when it is resolved."""

    def storm(self) -> datetime | None:
        """Since when there is a storm, if there is one."""

    def begin_storm(self, at: datetime) -> bool:
        """False when there is one already."""

    def end_storm(self) -> bool:
        """False when there was none."""


class NoticeLedger(Protocol):
    """The part of CT190's record about messages to the human that the voice has not taken yet."""

    def keep_notice(self, notice: Event, at: datetime) -> None:
        """Keep a message; one whose id is known already changes nothing."""

    def notice_taken(self, notice: str) -> bool:
        """The voice has it: forget it. False when it was forgotten before."""

    def untaken(self, before: datetime, limit: int) -> Sequence[Event]:
        """What was kept before that moment and not taken, the oldest first."""


class ShadowBook(Protocol):
    """The part of CT190's record about moving in: who speaks and acts already, and what the rest would have said and done."""

    def take_over(self, takeover: Takeover) -> bool:
        """From now on the guardian speaks and acts. False when it did before."""

    def give_back(self, guardian: str, who: str, why: str, at: datetime) -> bool:
        """From now on it only looks. False when it did before."""

    def takeovers(self) -> Sequence[Takeover]:
        """What was taken over and not given back, by name."""

    def keep_shadowed(self, one: Shadowed) -> None:
        """Keep what would have been said or done; ``prune`` forgets it with the sweeps."""

    def shadowed(self, since: datetime, limit: int) -> Sequence[Shadowed]:
        """The latest of them since then, the oldest first."""


class ReportBook(Protocol):
    """The part of CT190's record that reports are computed from. Only read."""

    def touched(self, since: datetime, until: datetime) -> Sequence[Incident]:
        """Incidents that were opened or resolved in ``since <= t < until``, oldest first."""

    def repairs(self, incident: str) -> Sequence[tuple[Plan, Outcome]]:
        """The incident's plans that may change a host and have an outcome, oldest first."""

    def ended(self, since: datetime, until: datetime) -> Sequence[tuple[Plan, Outcome]]:
        """Plans that may change a host and whose outcome came in ``since <= t < until``, oldest first."""

    def looked_before(self, host: str, kind: str, before: datetime, since: datetime) -> datetime | None:
        """When somebody last looked for that kind on that host, between the two moments; None when nobody did."""

    def finished(self, since: datetime, until: datetime) -> Sequence[tuple[str, datetime]]:
        """Every guardian's patrols that ended in ``since <= t < until`` with their end, oldest first."""


class IncidentLedger(
    QuietLedger, NoticeLedger, TalkLedger, ShadowBook, ReportBook, BackupBook, SessionBook, AuditLog, Protocol
):
    """CT190's record. Every write is durable when the call returns, or when the ``together`` around it ends.

    :raises LedgerBusyError: from any method, when the database is locked or its disk is full
    """

    def open(self, incident: Incident, entry: Entry, seen: Sequence[Finding] = ()) -> None:
        """Store a new incident with the first line of its timeline. ``seen`` counts: the same finding may stand in it often."""

    def get(self, incident: str) -> Incident:
        """:raises UnknownError: no such incident."""

    def live(self) -> Sequence[Incident]:
        """All incidents that are not resolved, oldest first; suppressed ones too, since they end by being found gone."""

    def by_fingerprint(self, fingerprint: str) -> Incident | None:
        """The incident that holds the finding and is not resolved, if any."""

    def last_resolved(self, fingerprint: str, since: datetime) -> Incident | None:
        """The newest incident resolved since then that held the finding and had been repaired by us, if any."""

    def search(
        self,
        *,
        host: str = "",
        since: datetime | None = None,
        text: str = "",
        state: State | None = None,
        limit: int = 200,
    ) -> Sequence[Incident]:
        """Newest first; an empty filter matches everything."""

    def recent(self, limit: int) -> Sequence[Incident]:
        """The incidents that changed last, whatever their state; the newest change first."""

    def see(self, incident: str, findings: Sequence[Finding], at: datetime) -> Incident:
        """Add findings that are new to the incident, refresh and count the ones it has, and note when it was last seen."""

    def move(self, incident: str, expected: Sequence[State], to: State, entry: Entry) -> bool:
        """Compare-and-set: move the incident if it stands in one of ``expected``; False when it does not.

        :raises RefusedError: the state machine knows no such move
        """

    def note(self, incident: str, entry: Entry) -> None:
        """Add a line to the timeline."""

    def timeline(self, incident: str) -> Sequence[Entry]:
        """All lines, oldest first."""

    def store_verdict(self, verdict: Verdict) -> bool:
        """Keep the first verdict of an incident; False when it had one (a doubled message)."""

    def verdict(self, incident: str) -> Verdict | None:
        """The verdict, if there is one."""

    def replace_verdict(self, verdict: Verdict) -> bool:
        """Put a verdict in the place of one that no model had answered; False when the one that stands was answered."""

    def book(self, incident: str, attempts: Sequence[Attempt]) -> None:
        """Keep what models were asked for the incident, and what it cost. Booking the same attempt again changes nothing."""

    def booked(self, since: datetime, incident: str = "") -> Sequence[tuple[str, Attempt]]:
        """Every attempt since then with its incident, oldest first; of one incident when it is named."""

    def spent(self, since: datetime) -> Spent:
        """What models have cost since then."""

    def ask_again(self, incident: str, at: datetime, every: timedelta) -> bool:
        """Claim the next asking of an open question; False when the last one is younger than ``every``."""

    def store_plan(self, plan: Plan) -> None:
        """Keep a plan. Storing the same plan again changes nothing."""

    def plan(self, plan: str) -> Plan:
        """:raises UnknownError: no such plan."""

    def plan_of(self, incident: str) -> Plan | None:
        """The incident's newest plan."""

    def succeeded(self, incident: str) -> Plan | None:
        """The incident's newest plan that ended in success."""

    def approve(self, plan: str, approval: Approval) -> bool:
        """Bind an approval to the plan's digest, once. False when the plan is already approved.

        :raises RefusedError: the digest is another one, or the plan has expired
        """

    def approval(self, plan: str) -> Approval | None:
        """The plan's approval, if any."""

    def store_outcome(self, outcome: Outcome) -> bool:
        """Keep a plan's outcome; False when it had a final one. An ``unknown`` may be replaced by a final one."""

    def outcome(self, plan: str) -> Outcome | None:
        """The plan's outcome, if any."""

    def unsettled(self) -> Sequence[Plan]:
        """Approved plans without an outcome, oldest first: the sweeper rings for them again."""

    def starts_since(self, moment: datetime) -> int:
        """How many plans were approved since then."""

    def record_sweep(self, sweep: Sweep) -> int:
        """Keep what was looked at and what was blind; returns how many shards of that sweep have arrived so far."""

    def take_sweep(self, sweep: str) -> Sequence[Sweep]:
        """The shards that have arrived and were not taken before: each is handed out once."""

    def sweep(self, sweep: str) -> Sequence[Sweep]:
        """All shards that have arrived of one sweep, taken or not."""

    def first_time(self, fingerprint: str, at: datetime) -> bool:
        """Whether this occurrence is seen for the first time; remembers it for as long as it is seen again and again."""

    def mark(self, incident: str, *, gone: Sequence[str], back: Sequence[str], at: datetime) -> Sequence[Finding]:
        """Note which fingerprints a detector found gone and which are back; returns the states that are not gone."""

    def last_sweeps(self) -> Mapping[str, datetime]:
        """When each detector last finished a sweep."""

    def looks(self) -> Sequence[Look]:
        """Each detector's last look at each host."""

    def first_looks(self, sweep: str) -> frozenset[tuple[str, str]]:
        """The hosts and finding kinds that were looked for in that sweep and never before."""

    def keep_baseline(self, incident: str, severity: Severity, at: datetime) -> None:
        """Remember that the incident was there before we were, and how bad it was."""

    def baseline(self, *, accepted: bool = False) -> Mapping[str, Severity]:
        """The suppressed incidents that were there before we were, with how bad they were then.

        Those that nobody has decided on, and the accepted ones too when asked for.
        """

    def untold_baseline(self, quiet_since: datetime) -> Sequence[str]:
        """Baseline incidents that no digest has named; none as long as one of them is younger than ``quiet_since``."""

    def told_baseline(self, incidents: Sequence[str], at: datetime) -> None:
        """A digest has named them."""

    def decide_baseline(self, incident: str) -> bool:
        """A human, or the fault itself, has decided on it; False when that was so already."""

    def blind_streak(self, host: str, detector: str, probe: str) -> int:
        """For how many sweeps in a row the probe has been blind on the host; 0 when it could look the last time."""

    def standings(self) -> Sequence[Standing]:
        """Every playbook and role that was raised, or that anything speaks for or against."""

    def standing(self, playbook: str, role: str) -> Standing:
        """One of them; what nobody has raised observes."""

    def set_standing(self, standing: Standing, at: datetime) -> None:
        """Put it on its rung, from now on; what was proposed is settled."""

    def propose(self, playbook: str, role: str, at: datetime) -> bool:
        """Note that the next rung was proposed; False when it was before."""

    def prove(self, incident: str, playbook: str, role: str, what: str, at: datetime) -> bool:
        """Note a ``closure`` or a ``relapse`` of the incident; False when that is known already."""

    def hold(self, incident: str, until: datetime) -> None:
        """Its question waits until then."""

    def held(self) -> Sequence[Held]:
        """Every question that waits, the one that ends first before the others."""

    def looking(self, incident: str, look: str, at: datetime) -> None:
        """A sweep of that name looks again before it is asked."""

    def unhold(self, incident: str) -> None:
        """It waits no more."""

    def frozen(self) -> str:
        """Who froze it and why; empty when not frozen."""

    def freeze(self, who: str, why: str, at: datetime) -> None:
        """Stop every start until ``thaw``. The first freeze stands."""

    def thaw(self, who: str, at: datetime) -> None:
        """Allow starts again."""

    def lesson(self, name: str) -> Lesson | None:
        """What is recorded about a skill, if anything."""

    def lessons(self) -> Sequence[Lesson]:
        """Everything that was learned, by name."""

    def store_lesson(self, lesson: Lesson) -> None:
        """Keep the lesson in place of what was recorded under its name."""

    def sweeps_since(self, since: datetime) -> Sequence[Sweep]:
        """All shards that finished since then, oldest first."""

    def prune(self, before: datetime, sweeps_before: datetime) -> int:
        """Delete incidents resolved before the one moment, and sweeps, occurrences, muted findings and silences that are
        older than the other; returns how many incidents.
        """
