"""One run of detectors over hosts: what was asked, what was seen, what could not be seen."""

from typing import Literal

from pydantic import Field

from aiops.domain.fact import Fact, Moment
from aiops.domain.finding import Finding

Purpose = Literal["patrol", "verify"]


class Patrol(Fact):
    """What to look at: one message per shard of hosts, never one per check.

    ``sweep`` is shared by all shards; ``incident`` is set when an incident is verified.
    """

    sweep: str
    detectors: tuple[str, ...] = Field(min_length=1)
    hosts: tuple[str, ...]
    shard: int = 0
    shards: int = 1
    purpose: Purpose = "patrol"
    incident: str = ""
    started_by: str = "beat"
    requested_at: Moment


class Blind(Fact):
    """A probe that could not look. Never an empty list of findings.

    ``shared``: the reason is the same for every host (a source that does not answer), so it is one trouble.
    """

    host: str
    detector: str
    probe: str
    reason: str
    remedy: str = ""
    shared: bool = False


class Sweep(Fact):
    """What came of a patrol.

    ``looked_at`` names, per host, the kinds whose check really ran: absence of a finding means health only there.
    ``figures`` are what was read, per host, healthy or not. ``asleep`` are hosts that are switched off as expected.
    """

    patrol: Patrol
    findings: tuple[Finding, ...] = ()
    looked_at: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    blind: tuple[Blind, ...] = ()
    figures: dict[str, dict[str, str]] = Field(default_factory=dict)
    asleep: tuple[str, ...] = ()
    started_at: Moment
    finished_at: Moment

    @property
    def id(self) -> str:
        """The sweep's id, shared by all its shards."""
        return self.patrol.sweep

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every host it has something to say about: seen, blind or asleep."""
        return tuple(dict.fromkeys((*self.looked_at, *(entry.host for entry in self.blind), *self.asleep)))

    def looked(self, host: str, kind: str) -> bool:
        """Whether the check for ``kind`` really looked at ``host``."""
        return kind in self.looked_at.get(host, ())

    def sees(self, fingerprint: str) -> bool:
        """Whether a finding of that identity was seen."""
        return any(finding.fingerprint == fingerprint for finding in self.findings)


class Look(Fact):
    """A detector's last look at a host. ``blind`` names the probes that could not look, ``reasons`` why."""

    detector: str
    host: str
    at: Moment
    findings: int = 0
    blind: tuple[str, ...] = ()
    reasons: dict[str, str] = Field(default_factory=dict)
    asleep: bool = False
