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
    assert incident.state is state, "\n".join(entry.text for entry in site.ledger.timeline(incident.id))


def waits_for_a_human(site: Site, host: str) -> str:
    incident = site.until(
        lambda: (one := site.incident(host)) and one.state is State.AWAITING_APPROVAL and one,
        PATIENCE,
        f"{host} is asked",
    )
    return str(incident.id)


def begun(site: Site) -> list[int]:
    """How often a repair has touched each host."""
    return [site.did(host, "begin") for host in ("ct1", "ct2", "ct3")]


def before(old: Site, hosts: Hosts, backup: Path) -> None:
    """The backup is taken in the middle of one repair, while another waits for a human; then life goes on."""
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

    assert {ledger["name"] for ledger in manifest["ledgers"]} == {"incidents", "executions"}
    hosts.let_go("ct1", "begin")
    ends(old, "ct1", State.RESOLVED)
    old.until(lambda: old.client.exists("aiops.permit"), PATIENCE, "the permit is back")
    aiops(old, "approve", waits_for_a_human(old, "ct2"))
    ends(old, "ct2", State.RESOLVED)
    old.break_("ct3")
    old.sweep("ct3")
    ends(old, "ct3", State.RESOLVED)
    assert begun(old) == [1, 1, 1]


def after(new: Site) -> None:
    """Nobody has thawed yet: the detectors close what is gone, and nothing is started; then a human decides."""
    lost = new.incident("ct1")
    assert lost
    plan = new.ledger.plan_of(lost.id)
    assert plan
    outcome = new.ledger.outcome(plan.id)
    assert outcome
    assert outcome.status == "unknown"
    assert new.executions("SELECT state FROM plans WHERE plan = ?", plan.id) == [("done",)]
    asked = waits_for_a_human(new, "ct2")

    new.sweep("ct1", "ct2", "ct3")
    new.until(lambda: (one := new.incident("ct1")) and one.state is State.RESOLVED, PATIENCE, "ct1 is seen to be well")
    new.producer.send_task("sweep_up", queue="incidents", retry=False)
    aiops(new, "approve", asked, code=3)
    assert begun(new) == [1, 1, 1]

    aiops(new, "thaw")
    new.until(lambda: new.client.exists("aiops.permit"), PATIENCE, "the permit is back")
    aiops(new, "approve", asked)
    ends(new, "ct2", State.RESOLVED)
    assert begun(new) == [1, 2, 1]


def test_a_new_machine_goes_on_from_a_backup_and_repeats_no_repair(tmp_path: Path) -> None:
    backup, place = tmp_path / "backup", {"AIOPS_STATE": str(tmp_path / "new")}
    with serving(Hosts(tmp_path / "fleet", 3, timeout=300)) as hosts:
        old, new = Site(tmp_path / "old", hosts, start_within=600), Site(tmp_path / "new", hosts, start_within=600)
        try:
            old.start()
            before(old, hosts, backup)
        finally:
            old.stop()
        # The keys are not in the backup: they come from where secrets are kept.
        shutil.copytree(tmp_path / "old" / "keys", tmp_path / "new" / "keys")
        assert aiops(old, "ledgers", "restore", str(backup), **place) == [
            {"name": "incidents", "unknown": 1, "asked": 1},
            {"name": "executions", "unknown": 1, "asked": 0},
        ]
        assert aiops(old, "ledgers", "restore", str(backup), code=3, **place) == {}, "a ledger is never written over"
        try:
            # The same leftover as before, which is what the plan of the backup is about.
            hosts.break_("ct2", old.faults.index("ct2") + 1)
            new.start()
            after(new)
        finally:
            new.stop()
