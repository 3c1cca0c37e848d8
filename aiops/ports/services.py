"""What each trust domain is given: a step cannot reach what its container does not have."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aiops.domain.backup import Scope
from aiops.domain.fact import utcnow
from aiops.domain.notice import Voice
from aiops.domain.pace import Pace
from aiops.domain.policy import Floor, Policy
from aiops.domain.quiet import Quiet
from aiops.domain.remediation import Given, Remediation
from aiops.domain.rule import Judgement
from aiops.domain.session import SessionLimits
from aiops.domain.shadow import Shadow
from aiops.domain.silence import Benign
from aiops.domain.skill import Skill
from aiops.domain.verdict import Budget
from aiops.domain.watch import Watched
from aiops.ports.backup import BackupRuns, Nodes
from aiops.ports.executions import ExecutionLedger, Executor, Tracer
from aiops.ports.hosts import Inventory, Shell, Topology, Web, Witness
from aiops.ports.incidents import IncidentLedger
from aiops.ports.memory import Memory
from aiops.ports.metering import Meter
from aiops.ports.signs import Beacon, Pulse
from aiops.ports.stream import Broker, EventLog, Events, LogSource, LogStore, Spool
from aiops.ports.talk import Ears, Inbox, Talker
from aiops.ports.thinking import Thinker
from aiops.ports.tools import Tools
from aiops.ports.trail import Archive, Records
from aiops.ports.trust import Hearing, Mouthpiece, Permit, PermitOffice, Signer, Verifier
from aiops.ports.voice import Channel, Mailbox
from aiops.words import Words, load

Clock = Callable[[], datetime]


def _nothing_due(_: datetime) -> Mapping[str, datetime]:
    return {}


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
    witnesses: Mapping[str, Witness] = field(default_factory=dict)


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
    given: Given = field(default_factory=dict)
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
    backup: Scope = field(default_factory=Scope)
    backup_permits: PermitOffice | None = None
    timezone: str = "UTC"
    sessions: SessionLimits | None = None
    voice: Voice = field(default_factory=Voice)
    users: frozenset[int] = frozenset()
    hearing: Hearing | None = None
    words: Words = field(default_factory=lambda: load("en"))
    due: Callable[[datetime], Mapping[str, datetime]] = _nothing_due
    memory: Memory | None = None
    shadow: Shadow = "off"


@dataclass(frozen=True)
class TriageServices:
    """What the thinking side of CT190 has: a model, servers of others to ask, and nothing to decide with."""

    thinker: Thinker
    events: Events
    clock: Clock = utcnow
    tools: Tools | None = None


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
    tracer: Tracer | None = None
    timezone: str = "UTC"
    lease_seconds: float = 30.0
    clock: Clock = utcnow


@dataclass(frozen=True)
class BackupServices:
    """What CT196 has for the nightly backup: the same hands, on its nodes alone."""

    inventory: Inventory
    runs: BackupRuns
    nodes: Nodes
    verifier: Verifier
    permit: Permit
    scope: Scope
    events: Events
    records: Records | None = None
    choose: Callable[[Sequence[str]], str] = secrets.choice
    timezone: str = "UTC"
    lease_seconds: float = 30.0
    clock: Clock = utcnow


@dataclass(frozen=True)
class NotifyServices:
    """What tells the human: ``channels`` in the order in which they are tried.

    ``talker`` is the one of them that shows cards, where somebody may press their buttons.
    """

    mailbox: Mailbox
    channels: Sequence[Channel]
    events: Events
    voice: Voice = field(default_factory=Voice)
    timezone: str = "UTC"
    clock: Clock = utcnow
    talker: Talker | None = None
    words: Words = field(default_factory=lambda: load("en"))
    pace: Pace = field(default_factory=Pace)


@dataclass(frozen=True)
class ListenServices:
    """What hears the human, in the voice's trust domain: ``users`` are the only ones it listens to, in ``chats`` and in
    their own.
    """

    inbox: Inbox
    ears: Ears
    mouthpiece: Mouthpiece
    users: frozenset[int]
    chats: frozenset[int]
    events: Events
    words: Words
    clock: Clock = utcnow


@dataclass(frozen=True)
class BridgeServices:
    """What mirrors: the event log's reading end and a broker; ``meter`` counts what was mirrored."""

    log: EventLog
    broker: Broker
    meter: Meter | None = None


@dataclass(frozen=True)
class ShipServices:
    """What sends to the log store: the event log's reading end, a spool, the store, our own log files where they lie here."""

    log: EventLog
    spool: Spool
    store: LogStore
    events: Events
    files: LogSource | None = None
    clock: Clock = utcnow
