"""The nightly backup as real processes over real sshd: ordered, killed in the middle, resumed, stopped, put back."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aiops import bootstrap, steps
from aiops.domain.backup import BackupResult
from tests.backup.nodes import Machines
from tests.system import System

pytestmark = [pytest.mark.faults, pytest.mark.root, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    made = Machines(tmp_path_factory.mktemp("machines"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def system(start_system: Callable[..., System], machines: Machines) -> System:
    made = start_system(extra=machines.settings, only=("incidents", "remediation"))
    made.wait_online("incidents", "remediation")
    steps.approve_backups("operator", 30, bootstrap.incidents(made.settings))
    return made


def aiops(*words: str) -> Any:
    """What `aiops backup` answers to a script."""
    command = [sys.executable, "-m", "tasks.cli", "backup", *words, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT, check=True)
    return json.loads(done.stdout)


def order(system: System) -> str:
    """One by hand, now."""
    run = str(aiops("run")["run"])
    system.wait_for(lambda: (aiops("status")["open"] or {}).get("run") == run, 120, f"{run} is open")
    return run


def kill_the_worker(system: System) -> None:
    (child,) = [child for child in system.local.children if child.name == "remediation"]
    assert child.process
    os.killpg(child.process.pid, signal.SIGKILL)
    child.process.wait(10)
    child.start()


def settled(system: System, run: str) -> BackupResult:
    """What the deciding side knows at the end."""

    def look() -> BackupResult | None:
        (ordered,) = bootstrap.incidents(system.settings).ledger.ordered_backups(1)
        return ordered.result if ordered.run == run and ordered.result and ordered.result.status != "running" else None

    found: BackupResult = system.wait_for(look, 360, f"{run} has ended")
    return found


def put_back(machines: Machines) -> None:
    assert machines.enabled == set()
    assert not machines.store_is_up
    assert not list(machines.town.glob("snapshot-*"))


def test_a_worker_killed_in_the_middle_resumes_and_no_guest_is_backed_up_twice(
    system: System, machines: Machines
) -> None:
    machines.hold("101")
    machines.hold("201")
    run = order(system)
    system.wait_for((machines.town / "snapshot-101").exists, 120, "vzdump 101 runs")
    system.wait_for((machines.town / "snapshot-201").exists, 120, "vzdump 201 runs beside it")
    kill_the_worker(system)
    machines.let_go("101")
    system.wait_for(lambda: machines.ran("vzdump 102"), 120, "the next worker goes on")
    kill_the_worker(system)
    machines.let_go("201")
    result = settled(system, run)

    assert (result.status, result.reason) == ("success", "")
    assert result.guests == {"101": "done", "102": "done", "201": "done"}
    for guest in result.guests:
        assert machines.ran(f"vzdump {guest} finished") == 1
        assert machines.ran(f"vzdump {guest} --storage pbs") == 1
        assert machines.ran(f"prune-backups pbs --vmid {guest}") == 1
    assert machines.ran("garbage-collection start main") == 1
    put_back(machines)
    said = [event for event in system.events(incident=run) if event["type"] == "backup.step"]
    assert {"dump-101", "off-pve1-1", "shutdown"} <= {event["symptom"].split()[0] for event in said}
    filed = bootstrap.records(system.settings)
    assert system.wait_for(lambda: not bootstrap.backup_runs(system.settings).unfiled_backups(9), 120, "it is filed")
    assert filed


def test_a_humans_stop_ends_vzdump_in_good_order_and_puts_everything_back(system: System, machines: Machines) -> None:
    machines.hold("101")
    run = order(system)
    system.wait_for((machines.town / "snapshot-101").exists, 120, "vzdump 101 runs")
    before = machines.ran("vzdump 102")
    assert aiops("stop", "the disk is full") == {"stopping": run}
    result = settled(system, run)
    machines.let_go("101")

    assert result.status == "stopped"
    assert "stopped it: the disk is full" in result.reason
    assert "interrupted by signal" in result.guests["101"]
    assert machines.ran("vzdump 102") == before
    put_back(machines)


def test_a_guest_that_fails_and_a_worker_that_dies_in_the_cleanup_leave_nothing_switched_on(
    system: System, machines: Machines
) -> None:
    before = machines.ran("proxmox-backup-manager task list")
    (machines.town / "broken-101").touch()
    (machines.town / "tasks-datastore").write_text('[{"worker_type": "reader"}]')
    run = order(system)
    system.wait_for(
        lambda: machines.ran("proxmox-backup-manager task list") > before, 360, "the cleanup waits for a restore"
    )
    assert machines.store_is_up
    kill_the_worker(system)
    (machines.town / "tasks-datastore").write_text("[]")
    result = settled(system, run)
    (machines.town / "broken-101").unlink()

    assert result.status == "failure"
    assert "no space left on device" in result.guests["101"]
    assert result.guests["102"] == "done"
    put_back(machines)
