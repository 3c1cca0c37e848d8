"""The nightly backup: the nodes it runs on, CT196's record of its steps, CT190's record of what was allowed and came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from pydantic import Field

from aiops.domain.backup import BackupResult, KeptApproval, Night, Order, OrderedRun, Scope, StepRecord
from aiops.domain.fact import Fact
from aiops.domain.host import Host


class Progress(Fact):
    """How far a step is on its node. ``lost``: it ended without an exit code. ``output`` is the end of what it printed."""

    state: Literal["absent", "running", "done", "lost"]
    code: int = 0
    output: str = Field(default="", description="at most some thousand characters")


class Nodes(Protocol):
    """Starts commands on nodes as root and looks after them. Every call is short, and harmless when it is repeated.

    A step is known to its node by run and name until the node's next boot. A newer fence takes the run over.

    :raises HostUnreachableError: from any method but ``answers``: no connection, or it broke
    :raises HostTimeoutError: no answer in time
    :raises HostKeyError: the host's key is not the trusted one
    :raises RefusedError: ``fenced`` when the node answers to a newer fence, ``busy`` or ``folder`` when it cannot start now
    """

    def answers(self, host: Host) -> bool:
        """Whether somebody lets us in there now.

        :raises HostKeyError: somebody answers with a key that is not the trusted one
        """

    def start(self, host: Host, run: str, fence: int, step: str, argv: Sequence[str], seconds: float) -> Progress:
        """Begin the step and say how far it is after a moment; it ends after ``seconds`` at the latest.

        A step that was begun before is left alone.
        """

    def state(self, host: Host, run: str, fence: int, step: str) -> Progress:
        """How far it is."""

    def stop(self, host: Host, run: str, fence: int) -> None:
        """Ask everything of this run that is going on there to end."""


@dataclass(frozen=True)
class Filing:
    """A run that ended and has no transcript yet."""

    order: Order
    approved_by: str
    result: BackupResult
    steps: tuple[StepRecord, ...]


class BackupRuns(Protocol):
    """CT196's record. Every write is durable when the call returns; one run at a time.

    :raises LedgerBusyError: from any method, when the database is locked or its disk is full
    """

    def receive_backup(self, order: Order, approved_by: str, scope: Scope, now: datetime) -> bool:
        """Store the order and claim its hosts; False when this run is known already.

        :raises RefusedError: ``expired`` after ``not_after``, ``epoch`` when it was ordered before this ledger began,
            ``running`` while another run is open, ``busy`` while a repair is at work on one of the hosts
        """

    def take_backup(self, owner: str, lease_seconds: float, now: datetime) -> Night | None:
        """The open run for its owner, with the lease extended. Whoever takes it over from an owner whose lease has ended
        gets a higher fence. None: there is none, or somebody else has it.
        """

    def open_backup(self) -> Night | None:
        """The open run, if there is one."""

    def put_step(self, run: str, fence: int, step: StepRecord) -> bool:
        """Record where a step is; False when the fence is no longer the run's."""

    def stop_backup(self, who: str, now: datetime) -> str:
        """Ask the open run to leave out the rest and clean up; returns its id.

        :raises UnknownError: no run is open
        """

    def end_backup(self, fence: int, result: BackupResult) -> bool:
        """Record what came of it and let go of its hosts; False when the fence is no longer the run's."""

    def backup_result(self, run: str) -> BackupResult | None:
        """What came of it, if it has ended."""

    def backup_steps(self, run: str) -> Sequence[StepRecord]:
        """The steps in the order in which they were begun."""

    def past_backups(self, limit: int) -> Sequence[BackupResult]:
        """What ended, newest first."""

    def unsaid_backups(self) -> Sequence[BackupResult]:
        """What ended and was not yet handed to the deciding side."""

    def said_backup(self, run: str) -> None:
        """It was."""

    def unfiled_backups(self, limit: int) -> Sequence[Filing]:
        """What ended and has no transcript yet."""

    def file_backup(self, run: str, file: str, transcript: str, now: datetime) -> None:
        """Note where its transcript is, and its SHA-256."""


class BackupBook(Protocol):
    """CT190's record of what the operator allowed once and for all, what was ordered, and what came of it."""

    def keep_approval(self, kept: KeptApproval) -> None:
        """Keep it in place of the one before."""

    def standing_approval(self) -> KeptApproval | None:
        """The newest one, taken back or not."""

    def revoke_approval(self, who: str, at: datetime) -> bool:
        """Take it back; False when there was none in force."""

    def order_backup(self, ordered: OrderedRun) -> bool:
        """Keep the order; False when there is one of that name: a night has one run."""

    def ordered_backups(self, limit: int) -> Sequence[OrderedRun]:
        """Newest first."""

    def settle_backup(self, result: BackupResult) -> bool:
        """Keep what came of it; False when that is known, or nothing of that name was ordered here."""

    def backups_frozen(self) -> str:
        """Who froze the backups too and why; empty when they may run."""

    def freeze_backups(self, who: str, why: str, at: datetime) -> None:
        """No backup starts until ``thaw_backups``. The first freeze stands."""

    def thaw_backups(self, who: str, at: datetime) -> None:
        """Allow them again."""
