"""CT190 for tests: the real ledger in a temporary folder, a real signing key, events in memory, a clock that is set."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiops.adapters.incident_ledger import SqliteIncidentLedger
from aiops.adapters.memory_events import MemoryEvents
from aiops.adapters.signing import KeySigner, KeyVerifier, generate_keys
from aiops.domain.finding import Finding
from aiops.domain.host import Host
from aiops.domain.incident import Incident
from aiops.domain.outcome import Outcome
from aiops.domain.policy import Policy, Rule
from aiops.domain.remediation import Fix, Param, Remediation
from aiops.domain.severity import Severity
from aiops.domain.sweep import Blind, Patrol, Sweep
from aiops.errors import UnknownError
from aiops.ports import IncidentServices

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)

RESTART = Remediation(
    id="restart_service",
    title="Restart one service",
    description="Restarts one dead service.",
    risk="low",
    approval="auto",
    max_hosts=1,
    timeout=60,
    verify=("health",),
    rollback="none: a human looks",
    digest="d" * 64,
    fixes=(Fix(kind="service.dead", params={"unit": "subject"}),),
    params={"unit": Param(description="the unit", required=True, pattern=r"[a-z0-9@.-]+\.service")},
)


class Hosts:
    """Port ``Inventory`` over a dictionary."""

    def __init__(self, *hosts: Host) -> None:
        self.known = {host.name: host for host in hosts}

    def hosts(self) -> Sequence[Host]:
        return list(self.known.values())

    def find(self, name: str) -> Host:
        if name not in self.known:
            raise UnknownError("host", name)
        return self.known[name]


class Office:
    """Port ``PermitOffice`` that counts."""

    def __init__(self) -> None:
        self.renewed = self.revoked = 0

    def renew(self) -> None:
        self.renewed += 1

    def revoke(self) -> None:
        self.revoked += 1


def a_finding(**more: Any) -> Finding:
    subject = more.get("subject", "cron.service")
    given: dict[str, Any] = {
        "kind": "service.dead",
        "detector": "health",
        "host": "ct201",
        "subject": subject,
        "severity": Severity.CRITICAL,
        "summary": f"{subject} is dead",
        "seen_at": NOON,
    }
    return Finding(**{**given, **more})


class World:
    """Everything the deciding side works with, and shortcuts to feed it."""

    def __init__(self, folder: Path, *, decision: str = "auto", **changes: Any) -> None:
        self.now = NOON
        (folder / "trusted").mkdir(parents=True)
        generate_keys(folder / "signing", folder / "trusted" / "key.pem")
        self.verifier = KeyVerifier(folder / "trusted")
        generate_keys(folder / "ears", folder / "heard.pem")
        self.mouthpiece = KeySigner(folder / "ears")
        self.events = MemoryEvents()
        self.office = Office()
        rules = (Rule(kinds=("service.dead",), decision=decision),)  # type: ignore[arg-type]
        given: dict[str, Any] = {
            "inventory": Hosts(*[Host(name=f"ct{n}", role="web") for n in range(200, 240)]),
            "ledger": SqliteIncidentLedger(folder / "incidents.sqlite"),
            "events": self.events,
            "signer": KeySigner(folder / "signing"),
            "permits": self.office,
            "policy": Policy(rules=rules),
            "catalogue": {"restart_service": RESTART},
            "clock": lambda: self.now,
            "hearing": KeyVerifier(folder / "heard.pem"),
        }
        self.services = IncidentServices(**{**given, **changes})

    @property
    def ledger(self) -> Any:
        return self.services.ledger

    def later(self, *, voice: bool = True, **span: float) -> None:
        """Time goes by; the voice takes what it was handed meanwhile, unless it is dead."""
        self.now += timedelta(**span)
        for notice in self.ledger.untaken(self.now + timedelta(days=1), 1000) if voice else ():
            self.ledger.notice_taken(notice.id)

    def finding(self, host: str = "ct201", **more: Any) -> Finding:
        return a_finding(host=host, seen_at=self.now, **more)

    def sweep(
        self,
        *findings: Finding,
        hosts: Sequence[str] = ("ct201",),
        kinds: Sequence[str] = ("service.dead",),
        blind: Sequence[Blind] = (),
        name: str = "",
        shard: int = 0,
        shards: int = 1,
        incident: str = "",
    ) -> Sweep:
        dark = {entry.host for entry in blind}
        patrol = Patrol(
            sweep=name or f"sweep-{self.now.timestamp()}",
            detectors=("health",),
            hosts=tuple(hosts),
            shard=shard,
            shards=shards,
            requested_at=self.now,
            incident=incident,
            purpose="verify" if incident else "patrol",
        )
        return Sweep(
            patrol=patrol,
            findings=findings,
            blind=tuple(blind),
            started_at=self.now,
            finished_at=self.now,
            looked_at={host: tuple(kinds) for host in hosts if host not in dark},
        )

    def only(self) -> Incident:
        (incident,) = self.ledger.search()
        return incident  # type: ignore[no-any-return]

    def outcome(self, status: str, reason: str = "") -> Outcome:
        incident = self.only()
        plan = self.ledger.plan_of(incident.id)
        return Outcome.model_validate(
            {"plan": plan.id, "incident": incident.id, "status": status, "reason": reason, "finished_at": self.now}
        )
