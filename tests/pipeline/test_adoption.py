"""Adopting a dirty fleet with the whole system: 300 findings on 60 hosts are one digest, and bulk decisions by command."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aiops import bootstrap
from aiops.domain.fact import utcnow
from aiops.domain.finding import Finding
from aiops.domain.incident import State
from aiops.domain.severity import Severity
from aiops.domain.sweep import Patrol, Sweep
from tests.system import System

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
FLEET = [f"ct{number}" for number in range(200, 260)]
DIRT = {
    "health": ("service.dead", "cron.service", Severity.WARNING),
    "disk": ("disk.space", "/var/tmp", Severity.WARNING),
    "audit-dpkg-rc": ("package.leftover", "exim4-base", Severity.WARNING),
    "certs": ("cert.expiring", "/etc/ssl/site.pem", Severity.WARNING),
    "upgrade-check": ("upgrade.pending", "apt", Severity.WARNING),
}  # fmt: skip
"""By guardian: what each of the sixty hosts has."""
WORST = ("ct207", "disk.space")
SHARD = 20


def findings(hosts: list[str], now: datetime) -> Iterator[Finding]:
    for host in hosts:
        for guardian, (kind, subject, severity) in DIRT.items():
            yield Finding(
                kind=kind,
                detector=guardian,
                host=host,
                subject=subject,
                severity=Severity.CRITICAL if (host, kind) == WORST else severity,
                summary=f"{kind} at {subject}",
                cause=f"{kind}:{host}",
                seen_at=now,
            )


def sweeps(name: str, now: datetime) -> Iterator[Sweep]:
    for number in range(len(FLEET) // SHARD):
        hosts = FLEET[number * SHARD : (number + 1) * SHARD]
        patrol = Patrol(sweep=name, detectors=tuple(DIRT), hosts=tuple(hosts), shard=number, shards=3, requested_at=now)
        yield Sweep(
            patrol=patrol,
            findings=tuple(findings(hosts, now)),
            looked_at={host: tuple(kind for kind, _, _ in DIRT.values()) for host in hosts},
            started_at=now,
            finished_at=now,
        )


class Adopting(System):
    """A system that is told of sweeps, and asked by command."""

    def see(self, name: str, now: datetime) -> None:
        for sweep in sweeps(name, now):
            self.producer().send_task("correlate", args=(sweep.model_dump(mode="json"),), queue="incidents")
        self.wait_for(lambda: self.worked_through(name), 60, f"the sweep {name} is worked through")

    def worked_through(self, name: str) -> bool:
        ledger = bootstrap.incidents(self.settings).ledger
        return len(ledger.sweep(name)) == len(FLEET) // SHARD and len(ledger.live()) > 0

    def told(self) -> list[dict[str, Any]]:
        path = self.local.folder / "notifications.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def states(self) -> dict[State, int]:
        live = bootstrap.incidents(self.settings).ledger.live()
        return {state: sum(one.state is state for one in live) for state in {one.state for one in live}}

    def command(self, *words: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "tasks.cli", *words, "--json"],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=60,
            check=False,
            env=dict(os.environ),
        )
        assert done.returncode in (0, 1), done.stdout + done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def system(start_system: Callable[..., System], tmp_path_factory: pytest.TempPathFactory) -> Adopting:
    inventory = tmp_path_factory.mktemp("inventory") / "hosts.yml"
    hosts = "".join(f"    {name}: {{aiops_role: web}}\n" for name in FLEET)
    inventory.write_text(f"fleet:\n  hosts:\n{hosts}")
    started = start_system(
        only=("incidents", "triage", "remediation", "notify"), extra=f'\n[fleet]\ninventory = "{inventory}"\n'
    )
    started.wait_online("incidents", "triage", "remediation", "notify")
    adopting = Adopting(started.local, started.settings)
    adopting.see("first", utcnow() - timedelta(minutes=10))
    return adopting


def test_three_hundred_findings_are_one_digest_and_nothing_else(system: Adopting) -> None:
    assert system.states() == {State.SUPPRESSED: 300}

    def digest() -> list[dict[str, Any]]:
        system.producer().send_task("sweep_up", queue="incidents")
        return system.told()

    (told,) = system.wait_for(digest, 90, "the digest")
    assert told["type"] == "baseline.digest"
    lines = told["symptom"].splitlines()
    assert "300 troubles on 60 hosts" in lines[0]
    assert lines[1].startswith("CRITICAL")
    assert WORST[0] in lines[1]
    silent = ("verdict.given", "llm.answered", "plan.proposed", "plan.approved", "remediation.started")
    assert [event for kind in silent for event in system.events(type=kind)] == []


def test_the_same_again_says_nothing_more(system: Adopting) -> None:
    before = len(system.told())
    system.see("second", utcnow() - timedelta(minutes=5))
    assert system.states() == {State.SUPPRESSED: 300}
    assert len(system.told()) == before


def test_they_are_accepted_silenced_and_worked_on_in_bulk_by_command(system: Adopting) -> None:
    assert len(system.command("baseline", "list")) == 300
    assert system.command("baseline", "accept", "--kind", "package.leftover") == {"accepted": 60}
    assert system.command("silence", "--kind", "upgrade.*", "--for", "7d", "--why", "at the weekend")["id"]
    assert len(system.command("baseline", "open", "--kind", "disk.space", "--host", "ct207")["opened"]) == 1
    assert len(system.command("baseline", "list", "--kind", "disk.space")) == 59
    system.wait_for(lambda: system.states().get(State.SUPPRESSED) == 299, 30, "one is worked on")
