"""What CT196 owns: the execution ledger, and what runs a plan."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from aiops.domain.host import Host
from aiops.domain.outcome import Outcome
from aiops.domain.plan import ApprovedPlan
from aiops.domain.record import Filed, Pushed
from aiops.domain.remediation import Remediation
from aiops.ports.trail import AuditLog

LONGEST_LEASE = timedelta(seconds=600)
"""As long as `repair.lease_seconds` may be set."""


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
        """Claims whose lease has run out without an outcome.

        One that ends later than any lease can was given before the clock was set back: it has run out too. Who still lives
        renews it every few seconds.
        """

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


class Tracer(Protocol):
    """Knows runs that somebody else executes for us, so that they outlive the worker that started them."""

    def trace(
        self, approved: ApprovedPlan, remediation: Remediation, hosts: Sequence[Host], claim: Claim
    ) -> Outcome | None:
        """What has become of a run whose worker is gone, at one look; it starts nothing.

        ``skipped`` with a reason that begins with ``running`` says that it still runs, or cannot be seen just now. None: no
        such run is known here.
        """
