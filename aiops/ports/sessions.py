"""Sessions: an agent that looks and may only propose. CT190 grants them, CT196 runs them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from aiops.domain.fact import utcnow
from aiops.domain.remediation import Remediation
from aiops.domain.session import Grant, ProposedPlaybook, SessionBudget, SessionEnd, SignedGrant
from aiops.ports.stream import Events
from aiops.ports.trail import AuditLog, Records
from aiops.ports.trust import Permit


class SessionBook(Protocol):
    """The part of CT190's record about sessions: what was granted, and what came of it."""

    def store_grant(self, grant: Grant) -> None:
        """Keep a grant."""

    def under_way(self, incident: str) -> Grant | None:
        """The grant of the incident of which nobody has said how it ended, if any."""

    def granted_since(self, moment: datetime) -> int:
        """How many grants were given since then."""

    def conclude(self, end: SessionEnd) -> bool:
        """Keep how a session ended; False when it is unknown here, or had ended before."""

    def concluded(self, incident: str) -> Sequence[SessionEnd]:
        """How the incident's sessions ended, oldest first."""


@dataclass(frozen=True)
class SessionClaim:
    """The right to run a session, once."""

    session: str
    lease_until: datetime


class SessionLedger(AuditLog, Protocol):
    """The part of CT196's record about sessions. Durable when the call returns."""

    def receive_grant(self, grant: Grant, now: datetime) -> SessionEnd | None:
        """Store a grant at its first arrival; returns how it ended when it has.

        :raises RefusedError: ``nonce`` when the nonce was used for another grant, ``digest`` when the id was, ``expired`` when an
            unstarted one is past its ``not_after``, ``epoch`` when it was given before this ledger began
        """

    def claim_session(self, session: str, lease_seconds: float, now: datetime) -> SessionClaim | None:
        """Compare-and-set from received to claimed; None when it was claimed before, or another session runs."""

    def extend_session(self, claim: SessionClaim, lease_seconds: float, now: datetime) -> bool:
        """Heartbeat; False when the claim is no longer ours."""

    def finish_session(self, end: SessionEnd) -> bool:
        """Record the end of a claimed session; False when it has one."""

    def expired_sessions(self, now: datetime) -> Sequence[Grant]:
        """Claimed sessions whose lease has run out."""

    def running_session(self) -> str:
        """The id of the session that is claimed now; empty when none is."""

    def session_of(self, incident: str, since: datetime) -> tuple[Grant, SessionEnd | None] | None:
        """The incident's newest session that arrived since then, if any."""

    def sessions_since(self, moment: datetime) -> int:
        """How many sessions were claimed since then."""

    def unfiled_sessions(self, limit: int) -> Sequence[tuple[Grant, SessionEnd]]:
        """Sessions that ended and have no record yet, in the order in which they ended."""

    def file_session(self, session: str, file: str, transcript: str, now: datetime) -> bool:
        """Note where its transcript is and its SHA-256; False when that is known already."""


class GrantVerifier(Protocol):
    """Holds the public keys that grants are checked with."""

    def verify_grant(self, signed: SignedGrant) -> Grant:
        """Check the signature over the text, then parse it.

        :raises RefusedError: ``signature`` when it does not hold, ``payload`` when the text is no grant
        """


class Agent(Protocol):
    """Runs one session, confined, and leaves nothing behind."""

    def run(self, grant: Grant, catalogue: Mapping[str, Remediation], beat: Callable[[], bool]) -> SessionEnd:
        """Run it to its end, at most for its budget. Never raises for what the agent does.

        ``beat`` is called every few seconds; when it returns False the session is killed.
        """

    def left(self) -> frozenset[str]:
        """The sessions of which processes or folders are here: the running one, and what others left behind."""

    def end(self, session: str) -> None:
        """End and remove everything that is here of a session."""


class Reviews(Protocol):
    """Where new playbooks wait for a human: branches of a git repository."""

    def offer(self, session: str, proposed: ProposedPlaybook) -> str:
        """Push a new branch that holds the playbook and its manifest; returns its name.

        :raises ManifestError: they are no playbook and manifest, or the catalogue has one of that name
        :raises LedgerBusyError: it cannot be pushed now
        """


@dataclass(frozen=True)
class SessionServices:
    """What a session on CT196 has: no inventory, no executor, no key to a host."""

    ledger: SessionLedger
    verifier: GrantVerifier
    permit: Permit
    agent: Agent
    catalogue: Mapping[str, Remediation]
    events: Events
    budget: SessionBudget = field(default_factory=SessionBudget)
    per_day: int = 10
    reviews: Reviews | None = None
    records: Records | None = None
    timezone: str = "UTC"
    lease_seconds: float = 30.0
    clock: Callable[[], datetime] = utcnow
