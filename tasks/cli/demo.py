"""demo: three real hosts, three real faults, watched until the system has healed them."""

import json
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from aiops import bootstrap
from aiops.domain.incident import Incident, State
from aiops.errors import SettingsError
from aiops.ports import IncidentServices
from aiops.settings import load_settings
from tasks.cli.incidents import print_sweep, wait_for_sweep
from tasks.local import Local
from tasks.real_hosts import fleet, lab

FAULTS = (("ct201", "agent-removes-manager"), ("ct202", "dead-service"), ("ct203", "vzdump-orphans"))
"""A package removed by installing another, a dead service, backup leftovers that fill a tmpfs."""

WATCHING = ("health", "disk", "audit-dpkg-rc")
"""The guardians that can see these faults."""

BASELINE = """
[correlation]
baseline = true
"""
"""As for any fleet: the first sweep, of healthy hosts, is what was there before us."""

REFERENCE_SECONDS = 48.0
"""From signal to fix, for the Wazuh incident, in the system that this one replaces."""


@dataclass(frozen=True)
class Broken:
    """A fault that was injected."""

    host: str
    fault: str
    at: datetime


def demo(
    seconds: Annotated[float, typer.Option(help="How long to wait for the repairs.")] = 180,
    tied: Annotated[bool, typer.Option("--tied", hidden=True)] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON too.")] = False,
) -> None:
    """Bring up three real hosts, break them, and watch the system heal them (root)."""
    if os.geteuid() != 0:
        raise SettingsError("demo", "booting hosts needs root; `make run` shows the system on this machine without")
    if tied:
        from tasks.cli.local import tie_to_parent  # noqa: PLC0415 - local imports this module

        tie_to_parent()
    with tempfile.TemporaryDirectory(prefix="aiops-demo-") as folder:
        try:
            healed = _demo(Path(folder), seconds, as_json=as_json)
        except KeyboardInterrupt:
            typer.echo("\nstopped; hosts and workers are gone", err=True)
            raise typer.Exit(130) from None
    if not healed:
        raise typer.Exit(1)


def _demo(folder: Path, seconds: float, *, as_json: bool) -> bool:
    typer.echo("booting three Debian hosts (the first time builds their base, about a minute) ...", err=True)
    with fleet(folder, "demo", hosts=len(FAULTS), roles=["ct201=wazuh"], more=BASELINE) as local:
        services = bootstrap.incidents(load_settings())
        typer.echo("a first sweep of the healthy hosts:")
        _sweep(services)
        broken = [_break(host, fault) for host, fault in FAULTS]
        typer.echo("\nthe next sweep:")
        _sweep(services)
        done = _wait(services, local, seconds)
        return _tell(broken, done, services, as_json=as_json)


def _sweep(services: IncidentServices) -> None:
    from tasks.pipeline import patrol  # noqa: PLC0415 - imports Celery

    started = patrol.delay(list(WATCHING), started_by="demo")
    print_sweep(wait_for_sweep(started.id, services, 60), services)


def _break(host: str, fault: str) -> Broken:
    said = json.loads(lab("break", host, fault, "--name", "demo", "--json"))
    at = datetime.fromisoformat(said["broken_at"])
    typer.echo(f"broke {host}: {fault} at {at:%H:%M:%S.%f} UTC")
    return Broken(host, fault, at)


def _wait(services: IncidentServices, local: Local, seconds: float) -> list[Incident]:
    """Every incident of the broken hosts once none of them moves by itself any more."""
    deadline = time.monotonic() + seconds
    moving = {State.NEW, State.TRIAGED, State.REMEDIATING, State.VERIFYING}
    while True:
        found = list(services.ledger.search())
        hosts = {host for incident in found for host in incident.hosts}
        settled = {host for host, _ in FAULTS} <= hosts and not any(incident.state in moving for incident in found)
        if settled or time.monotonic() >= deadline:
            return sorted(found, key=lambda incident: incident.opened_at)
        local.watch()
        time.sleep(0.1)


def _tell(
    broken: Sequence[Broken], incidents: Sequence[Incident], services: IncidentServices, *, as_json: bool
) -> bool:
    result: list[dict[str, Any]] = []
    for fault in broken:
        mine = [incident for incident in incidents if fault.host in incident.hosts]
        for incident in mine:
            typer.echo(f"\n{incident.id}  {incident.state.value}  {incident.title}")
            typer.echo(f"  {0:+7.1f} s  {'injected':<17} {fault.fault} on {fault.host}")
            for entry in services.ledger.timeline(incident.id):
                state = entry.state.value if entry.state else ""
                typer.echo(f"  {(entry.at - fault.at).total_seconds():+7.1f} s  {state:<17} {entry.text}")
        healthy = json.loads(lab("check", fault.host, fault.fault, "--name", "demo", "--json", check=False))
        closed = bool(mine) and all(incident.state is State.RESOLVED for incident in mine)
        spans = [
            (incident.resolved_at - min(finding.seen_at for finding in incident.findings)).total_seconds()
            for incident in mine
            if incident.resolved_at
        ]
        result.append(
            {
                "host": fault.host,
                "fault": fault.fault,
                "resolved": closed,
                "oracle": healthy,
                "incidents": [incident.id for incident in mine],
                "seen_to_closed": max(spans, default=None),
            }
        )
    seconds = [line["seen_to_closed"] for line in result if line["seen_to_closed"] is not None]
    typer.echo("")
    for line in result:
        took = f"{line['seen_to_closed']:.1f} s from seen to closed" if line["seen_to_closed"] else "not closed"
        typer.echo(
            f"{line['host']}  {line['fault']:<22} {took}; the oracle in the host says {line['oracle'].get('verdict', '?')}"
        )
    healed = all(line["resolved"] and line["oracle"].get("verdict") == "absent" for line in result)
    if seconds:
        typer.echo(
            f"median {statistics.median(seconds):.1f} s from seen to closed; the reference is {REFERENCE_SECONDS:g} s"
        )
    if as_json:
        typer.echo(json.dumps({"healed": healed, "faults": result, "median": statistics.median(seconds or [0])}))
    return healed
