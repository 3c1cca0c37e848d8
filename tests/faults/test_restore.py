"""A new machine from a backup of the ledgers: open incidents go on, no repair is repeated, approvals are asked anew.

Real workers and real playbooks. Between the backup and the disaster things happen that the backup knows nothing of.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aiops.domain.incident import State
from tests.faults.hosts import Hosts, serving
from tests.faults.site import PATIENCE, ROOT, Site

pytestmark = [pytest.mark.faults, pytest.mark.root, pytest.mark.timeout(900)]


def aiops(site: Site, *words: str, code: int = 0, **environment: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "tasks.cli", *words, "--json"],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        env={**os.environ, "AIOPS_CONFIG": str(site.local.config), **environment},
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else {}


def ends(site: Site, host: str, state: State) -> None:
    incident = site.until(lambda: site.ended(host), PATIENCE, f"{host} ends")
    assert incident.state is state, [entry.text for entry in site.ledger.timeline(incident.id)]


def waits_for_a_human(site: Site, host: str) -> str:
    incident = site.until(
        lambda: (one := site.incident(host)) and one.state is State.AWAITING_APPROVAL and one,
        PATIENCE,
        f"{host} is asked",
    )
    return str(incident.id)


def test_a_new_machine_goes_on_from_a_backup_and_repeats_no_repair(tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    with serving(Hosts(tmp_path / "fleet", 3, timeout=300)) as hosts:
        old = Site(tmp_path / "old", hosts, start_within=600)
        try:
            old.start()
            hosts.hold("ct1", "begin")
            old.break_("ct1")
            old.sweep("ct1")
            old.until(lambda: old.did("ct1", "begin"), PATIENCE, "a repair is in its middle")
            aiops(old, "freeze", "so that the next one is asked")
            old.break_("ct2")
            old.sweep("ct2")
            waits_for_a_human(old, "ct2")
            aiops(old, "thaw")

            manifest = aiops(old, "ledgers", "backup", str(backup))

            hosts.let_go("ct1", "begin")
            ends(old, "ct1", State.RESOLVED)
            aiops(old, "approve", waits_for_a_human(old, "ct2"))
            ends(old, "ct2", State.RESOLVED)
            old.break_("ct3")
            old.sweep("ct3")
            ends(old, "ct3", State.RESOLVED)
        finally:
            old.stop()
        assert {ledger["name"] for ledger in manifest["ledgers"]} == {"incidents", "executions"}
        assert [old.did(host, "begin") for host in ("ct1", "ct2", "ct3")] == [1, 1, 1]

        new = Site(tmp_path / "new", hosts, start_within=600)
        (tmp_path / "new").mkdir()
        shutil.copytree(tmp_path / "old" / "keys", tmp_path / "new" / "keys")
        state = {"AIOPS_STATE": str(tmp_path / "new")}
        begun = aiops(old, "ledgers", "restore", str(backup), **state)
        assert begun == [
            {"name": "incidents", "unknown": 1, "asked": 1},
            {"name": "executions", "unknown": 1, "asked": 0},
        ]
        assert aiops(old, "ledgers", "restore", str(backup), code=3, **state) == {}, "a ledger is never written over"
        try:
            new.faults = [*old.faults]
            new.break_("ct2")
            new.start()
            lost = new.incident("ct1")
            assert lost
            plan = new.ledger.plan_of(lost.id)
            assert plan
            outcome = new.ledger.outcome(plan.id)
            assert outcome
            assert outcome.status == "unknown"
            assert new.executions("SELECT state FROM plans WHERE plan = ?", plan.id) == [("done",)]
            asked = waits_for_a_human(new, "ct2")

            # Nobody has thawed: the detectors close what is gone, and nothing is started.
            new.sweep("ct1", "ct2", "ct3")
            ends(new, "ct1", State.RESOLVED)
            new.producer.send_task("sweep_up", queue="incidents", retry=False)
            aiops(new, "approve", asked, code=3)
            assert [new.did(host, "begin") for host in ("ct1", "ct2", "ct3")] == [1, 1, 1]

            aiops(new, "thaw")
            new.until(lambda: new.client.exists("aiops.permit"), PATIENCE, "the permit is back")
            aiops(new, "approve", asked)
            ends(new, "ct2", State.RESOLVED)
            assert [new.did(host, "begin") for host in ("ct1", "ct2", "ct3")] == [1, 2, 1]
        finally:
            new.stop()
