"""The paper trail as the real worker keeps it: written up, committed and pushed with nobody asking."""

import os
import signal
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from aiops import bootstrap
from aiops.domain.fact import utcnow
from aiops.domain.outcome import Outcome
from tests.plans import approved
from tests.system import System

pytestmark = pytest.mark.slow


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=False).stdout


def test_the_worker_files_and_pushes_what_has_ended_even_when_it_was_killed_before(
    start_system: Callable[..., System], tmp_path: Path
) -> None:
    for name in ("transcripts", "journal"):
        git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(tmp_path / f"{name}.git"))
    remotes = (
        f'\n[records]\ntranscripts_remote = "{tmp_path}/transcripts.git"\njournal_remote = "{tmp_path}/journal.git"\n'
    )
    system = start_system(extra=remotes, only=("remediation",))
    system.wait_online("remediation")
    (child,) = system.local.children
    assert child.process
    os.killpg(child.process.pid, signal.SIGKILL)
    child.process.wait(10)

    ledger, now = bootstrap.executions(system.settings), utcnow()
    whole = approved(id="plan-1", at=now, created_at=now, expires_at=now + timedelta(hours=1))
    ledger.receive(whole, now)
    claim = ledger.claim("plan-1", 30, now)
    assert claim
    ended = Outcome(
        plan="plan-1",
        incident=whole.plan.incident,
        status="success",
        started_at=now,
        finished_at=now,
        transcript="# Restart\npassword=hunter2hunter2\n",
    )
    assert ledger.finish(claim, ended)
    child.start()

    (event,) = system.wait_for(lambda: system.events(type="records.pushed"), 60, "the records have arrived")
    assert event["context"]["sent"] == 2
    (filed,) = ledger.filed(9)
    there = git(tmp_path / "transcripts.git", "show", f"main:{filed.file}")
    assert "# Restart" in there
    assert "hunter2" not in there
    assert "plan-1" in git(tmp_path / "journal.git", "log", "-p", "main")
    assert ledger.broken(bootstrap.records(system.settings).anchors()) == []
