"""A storm for tests and for the bench: seeded causes over a fleet, the same findings again and again within a minute."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from aiops.domain.finding import Finding
from aiops.domain.severity import Severity
from aiops.domain.sweep import Patrol, Sweep

HOSTS = tuple(f"ct{number}" for number in range(100, 160))
SHARD = 20


def fingerprints(now: datetime, *, count: int = 500, causes: int = 40) -> list[Finding]:
    """Different findings. Half of the causes are shared by many hosts, half belong to one host each."""
    made: list[Finding] = []
    for number in range(count):
        cause = number % causes
        shared = cause < causes // 2
        host = HOSTS[(number // causes * 7 + cause) % len(HOSTS)] if shared else HOSTS[cause]
        made.append(
            Finding(
                kind="service.dead" if shared else "disk.space",
                detector="health",
                host=host,
                subject=f"subject-{number}",
                severity=Severity.WARNING,
                summary=f"subject-{number} is not well",
                cause=f"cause:{cause}",
                shared=shared,
                seen_at=now,
            )
        )
    return made


def sweeps(now: datetime, *, times: int = 12, seconds: int = 5, count: int = 500, causes: int = 40) -> Iterator[Sweep]:
    """The shards of ``times`` sweeps, each of which sees everything."""
    for turn in range(times):
        at = now + timedelta(seconds=turn * seconds)
        found = fingerprints(at, count=count, causes=causes)
        shards = [HOSTS[start : start + SHARD] for start in range(0, len(HOSTS), SHARD)]
        for number, hosts in enumerate(shards):
            patrol = Patrol(
                sweep=f"storm-{turn}",
                detectors=("health",),
                hosts=hosts,
                shard=number,
                shards=len(shards),
                requested_at=at,
            )
            yield Sweep(
                patrol=patrol,
                findings=tuple(finding for finding in found if finding.host in hosts),
                looked_at=dict.fromkeys(hosts, ("service.dead", "disk.space")),
                started_at=at,
                finished_at=at,
            )
