"""What we need from outside, in our own words, and what each trust domain is given of it.

A port is a page of docstrings; its adapters live in ``aiops/adapters`` and pass the same contract tests.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from aiops.domain.audit import AuditLine, Break, Head
from aiops.domain.autonomy import Standing
from aiops.domain.certificate import Served
from aiops.domain.event import Event
from aiops.domain.fact import utcnow
from aiops.domain.finding import Finding
from aiops.domain.guest import Guest
from aiops.domain.held import Held
from aiops.domain.host import Host
from aiops.domain.incident import Entry, Incident, State
from aiops.domain.outcome import Outcome
from aiops.domain.plan import Approval, ApprovedPlan, Plan, SignedPlan
from aiops.domain.policy import Floor, Policy
from aiops.domain.quiet import Quiet
from aiops.domain.record import Filed, Pushed, Record
from aiops.domain.remediation import Remediation
from aiops.domain.rule import Judgement
from aiops.domain.severity import Severity
from aiops.domain.silence import Benign, Muted, Sightings, Silence
from aiops.domain.skill import Lesson, Skill
from aiops.domain.sweep import Look, Sweep
from aiops.domain.verdict import Attempt, Budget, Question, Spent, Verdict
from aiops.domain.watch import Watched

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Printed:
    """What one remote execution printed. ``seconds`` is its wall time."""

    stdout: bytes
    stderr: bytes
    code: int
    seconds: float


class Shell(Protocol):
    """Runs one script on one host, read-only, over a connection that is kept open. Safe to call from many threads."""

    def run(self, host: Host, script: str, seconds: float) -> Printed:
        """Run a POSIX sh script and wait for its end, at most ``seconds``.

        :raises HostUnreachableError: no connection, or it broke
        :raises HostTimeoutError: no end in time
        :raises HostKeyError: the host's key is not the trusted one
        """

    def close(self) -> None:
        """Close every connection."""


@dataclass(frozen=True)
class Page:
    """How a web server answered one request. ``status`` is None when it did not; then ``reason`` says why not."""

    url: str
    status: int | None
    reason: str
    seconds: float


class Web(Protocol):
    """Asks for pages as a user would: certificates are checked, redirections are not followed."""

    def get(self, url: str, seconds: float) -> Page:
        """One GET, at most ``seconds`` in all. A server that does not answer is a page without a status.

        :raises SettingsError: the address is no http or https address
        :raises UnknownError: the name cannot be resolved from here, so nothing is known about the server
        """

    def certificate(self, endpoint: str, seconds: float) -> Served:
        """The certificate a TLS endpoint shows (``name``, ``name:port`` or ``name@address:port``), good or not.

        :raises SettingsError: this is no such endpoint
        """


class Inventory(Protocol):
    """The hosts we know."""

    def hosts(self) -> Sequence[Host]:
        """All of them, in the inventory's order.

        :raises SettingsError: the inventory cannot be read
        """

    def find(self, name: str) -> Host:
        """One of them.

        :raises UnknownError: no such host
        """


class Topology(Protocol):
    """Another source that knows machines and what they run on: Proxmox, a map of the network."""

    def guests(self) -> Sequence[Guest]:
        """Every machine it knows.

        :raises SettingsError: it cannot be read as it is set up
        :raises TransientError: it does not answer now
        """


class Events(Protocol):
    """The record of what happened, for the bridge: a capped log."""

    def publish(self, event: Event) -> None:
        """Append the event. An invalid one goes to quarantine and is counted; nothing is raised for it.

        A bus that does not answer is logged, never raised: a mirror must not stop the work.
        """


@dataclass(frozen=True)
class Mirrored:
    """One entry of the event log: its position, and the event's JSON or the quarantined text."""

    cursor: str
    topic: str
    payload: str
    quarantined: bool = False
    retain: bool = False


class EventLog(Protocol):
    """The reading end of ``Events``: only the bridge has it."""

    def read(self, after: str, count: int, seconds: float) -> Sequence[Mirrored]:
        """Up to ``count`` entries after the cursor; waits at most ``seconds`` for the first one.

        :raises BusError: Redis does not answer
        """

    def cursor(self) -> str:
        """Where the last run stopped; ``0`` at the very beginning."""

    def move(self, cursor: str) -> None:
        """Remember that everything up to the cursor has been acknowledged by the broker."""


class Broker(Protocol):
    """An MQTT broker we publish to."""

    def publish(self, topic: str, payload: str, *, retain: bool = False) -> None:
        """Publish at QoS 1 and return when the broker has acknowledged.

        :raises BusError: not connected, or no acknowledgement in time
        """

    def publish_all(self, entries: Sequence[Mirrored]) -> int:
        """Publish in order at QoS 1 and return how many, counted from the first, the broker has acknowledged.

        What comes after that number may have arrived too and must be published again.

        :raises BusError: not even the first one
        """

    def announce(self, state: str, reason: str = "") -> None:
        """Retain on the bridge's own topic how it is (``online``, ``degraded``). Never raises."""

    def close(self) -> None:
        """Say good-bye, so that the last will is not sent."""


class Archive(Protocol):
    """Whole outputs, found again by their digest: what was condensed away is never lost."""

    def keep(self, text: str) -> str:
        """Store the text and return its digest; the same text again only becomes younger.

        :raises LedgerBusyError: it cannot be written now
        """

    def find(self, digest: str) -> str:
        """The whole text.

        :raises UnknownError: it is not here, or damaged
        """

    def prune(self, before: datetime) -> int:
        """Forget what nobody has kept again since then; returns how many texts."""


class AuditLog(Protocol):
    """What was decided and done, appended and never rewritten; each line is bound to the one before it.

    Both ledgers write a line in the transaction that does what the line tells of.
    """

    def write_down(self, at: datetime, who: str, what: str, **fields: str) -> None:
        """Append a line; ``fields`` are those of ``AuditLine``."""

    def audit(self, limit: int = 200) -> Sequence[AuditLine]:
        """The newest lines, oldest of them first."""

    def audit_head(self) -> Head:
        """The last line's number and hash, to be kept elsewhere."""

    def broken(self, anchors: Sequence[Head] = ()) -> Sequence[Break]:
        """Where the log is not what was written: changed, removed, reordered, cut off. ``anchors`` were kept elsewhere."""


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


class IncidentLedger(QuietLedger, AuditLog, Protocol):
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


@dataclass(frozen=True)
class Receipt:
    """What the execution ledger says to a signed plan that arrives.

    ``state`` is ``received`` (start it), ``claimed`` (it is running or was started) or ``done``. ``new`` is False for a plan
    that was known already; then nothing is started that was started before, and ``outcome`` holds what is recorded.
    """

    state: str
    new: bool
    outcome: Outcome | None = None


@dataclass(frozen=True)
class Claim:
    """The right to touch the plan's hosts, once. ``fence`` grows with every claim and is what the hosts compare."""

    plan: str
    fence: int
    lease_until: datetime
    hosts: tuple[str, ...] = field(default=())


class ExecutionLedger(AuditLog, Protocol):
    """CT196's record: plans received, nonces burnt, claims, outcomes. Durable when the call returns."""

    def receive(self, approved: ApprovedPlan, now: datetime) -> Receipt:
        """Store a plan at its first arrival; the same plan again returns what is recorded.

        An unstarted plan that arrives with a newer approval is kept with that one.

        :raises RefusedError: ``nonce`` when the nonce was used with another digest, ``digest`` when the plan's id was,
            ``expired`` when an unstarted plan is past its ``not_after``, ``epoch`` when it was approved before a restore
        """

    def claim(self, plan: str, lease_seconds: float, now: datetime) -> Claim | None:
        """Compare-and-set from received to claimed; None when it was claimed before or one of its hosts is claimed."""

    def extend(self, claim: Claim, lease_seconds: float, now: datetime) -> bool:
        """Heartbeat; False when the claim is no longer ours."""

    def finish(self, claim: Claim, outcome: Outcome) -> bool:
        """Record the outcome if the claim still holds; False when somebody declared it lost before.

        ``unknown`` keeps the hosts claimed. ``skipped`` gives the claim back: nothing was started, so the plan is as it was
        when it was received.
        """

    def expired(self, now: datetime) -> Sequence[Claim]:
        """Claims whose lease has run out without an outcome."""

    def declare_unknown(self, claim: Claim, outcome: Outcome) -> bool:
        """Compare-and-set an expired claim to outcome ``unknown``."""

    def release(self, plan: str, who: str, now: datetime) -> None:
        """Forget the claim on the hosts of a plan that ended ``unknown``, after a human has looked."""

    def outcome(self, plan: str) -> Outcome | None:
        """What is recorded, if anything."""

    def approved(self, plan: str) -> ApprovedPlan:
        """:raises UnknownError: the plan never arrived here."""

    def starts_since(self, moment: datetime) -> int:
        """How many plans were claimed since then."""

    def begin_epoch(self, now: datetime) -> Sequence[Outcome]:
        """After a restore from backup: every plan without an outcome becomes ``unknown`` and keeps its hosts claimed.

        Plans approved before now are refused from here on, and the next fence is higher than any given before.
        """

    def unfiled(self, limit: int) -> Sequence[tuple[ApprovedPlan, Outcome]]:
        """Plans that ended and have no record yet, in the order in which they ended."""

    def file(self, plan: str, file: str, transcript: str, now: datetime) -> bool:
        """Note where the plan's transcript is and its SHA-256; False when that is known already."""

    def filed(self, limit: int) -> Sequence[Filed]:
        """What was filed, newest first."""

    def note_push(self, pushed: Pushed, now: datetime) -> Pushed:
        """Keep how the last push went; returns how the one before it went."""

    def push_state(self) -> tuple[Pushed, datetime | None]:
        """How the last push went, and since when it is like that."""


class Records(Protocol):
    """The paper trail: transcripts and the ops journal, in git, pushed where a remote is set."""

    def keep(self, record: Record) -> tuple[str, str]:
        """Commit a record; returns the transcript's path in its repository and its SHA-256. The same again changes nothing.

        :raises LedgerBusyError: it cannot be committed now; nothing of it is
        """

    def push(self) -> Pushed:
        """Send everything that has not arrived, in order. A remote that does not answer is a reason, never an error."""

    def anchors(self) -> Sequence[Head]:
        """The heads of the audit log that the commits carry."""


class Executor(Protocol):
    """Runs a plan on its hosts."""

    def run(
        self,
        approved: ApprovedPlan,
        remediation: Remediation,
        hosts: Sequence[Host],
        claim: Claim,
        beat: Callable[[], bool],
    ) -> Outcome:
        """Record check mode and diff, then run, and return what came of it. Never raises for a failed playbook.

        ``beat`` is called every few seconds; when it returns False the run is killed and the outcome is ``unknown``.
        """


class Pulse(Protocol):
    """The signs of life of our own processes."""

    def beat(self, name: str) -> None:
        """The process of that name lives.

        :raises BusError: Redis does not answer
        """

    def ages(self, names: Sequence[str]) -> Mapping[str, float]:
        """Seconds since the last sign of each; who left none within a day is not in it.

        :raises BusError: Redis does not answer
        """


class Beacon(Protocol):
    """What is seen from outside when all else is dead: the signs that only a working system can give."""

    def well(self, text: str) -> None:
        """All is well.

        :raises BusError: nobody took it
        """

    def ill(self, text: str) -> None:
        """Something of ours is dead; ``text`` says what.

        :raises BusError: nobody took it
        """


class Signer(Protocol):
    """Holds the signing key: only ``incidents`` has one."""

    def sign(self, approved: ApprovedPlan) -> SignedPlan:
        """Sign the canonical text of the approved plan."""


class Verifier(Protocol):
    """Holds the public keys: only ``remediation`` needs one."""

    def verify(self, signed: SignedPlan) -> ApprovedPlan:
        """Check the signature over the text, then parse it.

        :raises RefusedError: ``signature`` when it does not hold, ``payload`` when the text is no approved plan
        """


class PermitOffice(Protocol):
    """Issues the permit that a start needs: only ``incidents`` has it."""

    def renew(self) -> None:
        """Issue a fresh permit, valid for less than a second.

        :raises BusError: Redis does not answer
        """

    def revoke(self) -> None:
        """Take the permit away at once."""


class Permit(Protocol):
    """The reading end of the permit."""

    def valid(self) -> bool:
        """Whether a fresh, rightly signed permit lies there now. False when Redis does not answer."""


class Thinker(Protocol):
    """A model that judges. It never writes a command: it picks from the question's choices."""

    def judge(self, question: Question) -> Verdict:
        """The verdict, with every provider's turn on the way to it.

        :raises ThinkerError: no usable answer; the turns are in the error
        """


class ProviderState(Protocol):
    """What all triage processes share about the LLM providers: who rests, and what was spent. Lost, it is only rebuilt.

    Never raises: a store that does not answer must not keep a question from being asked.
    """

    def obstacle(self, provider: str, trial_seconds: float) -> str:
        """Why the provider must not be asked now; empty when it may.

        After a rest one caller alone is let through, for at most ``trial_seconds``, until it has said how it went.
        """

    def failed(self, provider: str, why: str, rests: Sequence[float]) -> float:
        """Count one more failure in a row; returns the seconds of rest that follow from it, 0 for none.

        The n-th failure in a row gives ``rests[n - 1]`` seconds, every further one the last of them.
        """

    def worked(self, provider: str) -> None:
        """It answered: no failures in a row, no rest."""

    def remember(self, question: str, answer: str, seconds: float) -> None:
        """Keep the answer to a question that cost something for so long: a doorbell that rings twice is not paid twice."""

    def recall(self, question: str) -> str:
        """The answer that is kept; empty when there is none. Anybody may have put it there: it is checked like a new one."""

    def spend(self, spent: Spent, at: datetime) -> None:
        """Add to what that day and month have cost."""

    def spent(self, at: datetime) -> tuple[Spent, Spent]:
        """What that day and that month (UTC) have cost so far."""


class Notifier(Protocol):
    """A way to tell the human."""

    def tell(self, event: Event) -> None:
        """Deliver the message.

        :raises TransientError: it could not be delivered now
        """


@dataclass(frozen=True)
class DetectionServices:
    """What CT192 has: eyes."""

    inventory: Inventory
    shell: Shell
    events: Events
    seconds_per_host: float = 60.0
    threads: int = 20
    shard_size: int = 20
    thresholds: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    clock: Clock = utcnow
    web: Web | None = None


@dataclass(frozen=True)
class IncidentServices:
    """What the deciding side of CT190 has: the ledger, the policy and the signing key."""

    inventory: Inventory
    ledger: IncidentLedger
    events: Events
    signer: Signer
    permits: PermitOffice
    policy: Policy
    catalogue: Mapping[str, Remediation]
    rules: Sequence[Judgement] = ()
    skills: Sequence[Skill] = ()
    keep_lessons: timedelta = timedelta(days=180)
    llm: bool = False
    llm_budget: Budget = field(default_factory=Budget)
    group_hosts: int = 3
    blind_after: int = 3
    relapse_window: timedelta = timedelta(hours=24)
    periods: Mapping[str, timedelta] = field(default_factory=dict)
    quiet: Quiet = field(default_factory=Quiet)
    benign: tuple[Benign, ...] = ()
    archive: Archive | None = None
    keep_incidents: timedelta = timedelta(days=730)
    keep_sweeps: timedelta = timedelta(days=14)
    clock: Clock = utcnow
    pulse: Pulse | None = None
    beacons: Sequence[Beacon] = ()
    topologies: Sequence[Topology] = ()
    watch: Watched = field(default_factory=Watched)
    baseline: bool = False


@dataclass(frozen=True)
class TriageServices:
    """What the thinking side of CT190 has: a model, and nothing to decide with."""

    thinker: Thinker
    events: Events
    clock: Clock = utcnow


@dataclass(frozen=True)
class RemediationServices:
    """What CT196 has: hands, its own ledger and its own limits."""

    inventory: Inventory
    executions: ExecutionLedger
    executor: Executor
    verifier: Verifier
    permit: Permit
    floor: Floor
    catalogue: Mapping[str, Remediation]
    events: Events
    records: Records | None = None
    timezone: str = "UTC"
    lease_seconds: float = 30.0
    clock: Clock = utcnow


@dataclass(frozen=True)
class NotifyServices:
    """What tells the human."""

    notifier: Notifier
    events: Events
    clock: Clock = utcnow


@dataclass(frozen=True)
class BridgeServices:
    """What mirrors: the event log's reading end and a broker."""

    log: EventLog
    broker: Broker
