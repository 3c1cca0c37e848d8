"""The nightly backup: what the operator allowed once and for all, one night's order, and what is known of its steps."""

import re
from datetime import datetime, timedelta
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aiops.domain.fact import Fact, Moment, digest

NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
GUEST: Final = r"^[1-9][0-9]{2,8}$"
"""Proxmox numbers its guests from 100 to 999999999."""


class Scope(BaseModel):
    """What a run may do, and to which machines. An approval binds to ``digest``: change a value and it has to be given again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    store: str = Field(
        default="",
        pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]*)?$",
        description="host that keeps the backups; empty: none run",
    )
    nodes: tuple[str, ...] = Field(default=(), description="Proxmox nodes whose guests are backed up, side by side")
    storage: str = Field(
        default="", pattern=r"^([A-Za-z][A-Za-z0-9._-]*)?$", description="the storage's name on the nodes"
    )
    datastore: str = Field(
        default="", pattern=r"^([A-Za-z0-9_][A-Za-z0-9._-]*)?$", description="datastore on the store; empty: no GC"
    )
    mac: str = Field(
        default="",
        pattern=r"^([0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5})?$",
        description="the store's, for wakeonlan on the first node; empty: `pvenode wakeonlan` there",
    )
    store_is_node: bool = Field(
        default=True, description="the store is a Proxmox node too: its own tasks keep it awake"
    )
    exclude: tuple[str, ...] = Field(default=(), description="guests that are not backed up, by number")
    keep_last: int = Field(default=1, ge=1, le=1000, description="the operator's retention, per guest")
    keep_daily: int = Field(default=7, ge=0, le=1000, description="the operator's retention, per guest")
    keep_weekly: int = Field(default=4, ge=0, le=1000, description="the operator's retention, per guest")
    wake_minutes: float = Field(default=9, gt=0, le=120, description="until the store must answer; woken three times")
    guest_minutes: float = Field(default=120, gt=0, le=1440, description="hard limit for the backup of one guest")
    collect_minutes: float = Field(default=240, gt=0, le=1440, description="hard limit for the garbage collection")
    quiet_minutes: float = Field(
        default=60, ge=0, le=1440, description="how long what others run there is waited for; then it is left on"
    )
    most_hours: float = Field(default=8, gt=0, le=23, description="after so long the rest is left out and cleaned up")
    restore_test: bool = Field(default=False, description="restore one random container, start it, destroy it")
    restore_storage: str = Field(
        default="local-lvm", pattern=r"^[A-Za-z][A-Za-z0-9._-]*$", description="where the restored container lies"
    )
    scratch: str = Field(
        default="999990", pattern=GUEST, description="number for the restored container; it must be free in the cluster"
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not self.store:
            return self
        if not self.nodes or not self.storage:
            raise ValueError("with a store, name the nodes and the storage too")
        if len(set(self.nodes)) < len(self.nodes):
            raise ValueError("a node is named twice")
        for name in self.nodes:
            if not re.fullmatch(NAME, name):
                raise ValueError(f"{name!r} is no name of a host")
        for guest in self.exclude:
            if not re.fullmatch(GUEST, guest):
                raise ValueError(f"{guest!r} is no number of a guest")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 over everything that can be set here."""
        return digest(Scope(**{name: getattr(self, name) for name in Scope.model_fields}).model_dump(mode="json"))

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every machine that a run touches."""
        return tuple(dict.fromkeys((*self.nodes, self.store)))


class StandingApproval(Fact):
    """A human allowed every nightly run of this scope until he takes it back, and until ``until`` at the latest."""

    id: str
    scope_digest: str
    by: str
    at: Moment
    until: Moment


class Sealed(Fact):
    """Canonical JSON as text, and its Ed25519 signature: nothing is parsed before the signature holds."""

    payload: str
    signature: str
    key: str


class KeptApproval(Fact):
    """The approval as it stands in the ledger: what was signed, and who took it back."""

    approval: StandingApproval
    sealed: Sealed
    revoked_by: str = ""
    revoked_at: Moment | None = None


class Order(Fact):
    """Run tonight. ``run`` is the nonce: a ledger that has seen it starts nothing again. Sealed, it crosses into remediation."""

    run: str = Field(pattern=NAME, max_length=60)
    approval: Sealed
    scope_digest: str
    asked_by: str
    at: Moment
    not_after: Moment


StepState = Literal["begun", "done", "failed", "skipped"]


class StepRecord(Fact):
    """One step of one run. ``text`` is what it said, shortened; ``tries`` counts how often its command was started, ``asked``
    how often what others run there was asked for; ``not_before`` is when that is asked again.
    """

    key: str
    host: str
    state: StepState
    text: str = ""
    tries: int = 0
    asked: int = 0
    not_before: Moment | None = None
    began_at: Moment
    ended_at: Moment | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self.state != "begun"


class Night(Fact):
    """One run as CT196's ledger knows it. ``stop`` says who ends it before its time, and why."""

    run: str
    scope: Scope
    order: Order
    approved_by: str
    fence: int
    started_at: Moment
    steps: tuple[StepRecord, ...] = ()
    stop: str = ""

    @property
    def known(self) -> dict[str, StepRecord]:
        """The steps by their key."""
        return {step.key: step for step in self.steps}

    def over(self, now: datetime) -> bool:
        """Whether its time is over."""
        return now - self.started_at >= timedelta(hours=self.scope.most_hours)


ResultStatus = Literal["running", "success", "failure", "stopped", "refused"]
"""``running`` is what CT196 says first, so that CT190 knows that its order has arrived."""


class BackupResult(Fact):
    """What came of a run. ``guests`` says per guest ``done`` or why not; ``steps`` is how far each step came."""

    run: str
    status: ResultStatus
    reason: str = ""
    started_at: Moment | None = None
    finished_at: Moment
    guests: dict[str, str] = Field(default_factory=dict)
    transcript: str = ""


class OrderedRun(Fact):
    """A run as CT190's ledger knows it; no ``result``: CT196 has not said how it ended."""

    run: str
    sealed: Sealed
    asked_by: str
    at: Moment
    not_after: Moment
    result: BackupResult | None = None
