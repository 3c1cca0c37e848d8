"""`aiops backup` as a human and a script see it: allowed, looked at, stopped, revoked; `run` is in test_real_processes.py."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from aiops import bootstrap
from aiops.adapters.execution_ledger import SqliteExecutionLedger
from aiops.domain.backup import BackupResult, Order, Sealed
from aiops.domain.fact import utcnow
from aiops.errors import UnknownError
from aiops.settings import load_settings
from tasks.cli import cli
from tests.backup.town import SCOPE

RUN = "night-2026-11-23"
HOSTS = {name: {"ansible_host": "192.0.2.1", "aiops_role": "node"} for name in ("pve1", "pve2", "pve3")}
CONFIG = """
[fleet]
inventory = "{folder}/hosts.yml"
[backup]
store = "pve3"
nodes = ["pve1", "pve2"]
storage = "pbs-pve3"
restore_test = true
exclude = ["107"]
"""


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bootstrap.generate_keys(tmp_path / "signing", tmp_path / "trusted" / "local.pem")
    (tmp_path / "hosts.yml").write_text(json.dumps({"all": {"hosts": HOSTS}}))
    (tmp_path / "aiops.toml").write_text(CONFIG.format(folder=tmp_path))
    names = {"CONFIG": "aiops.toml", "STATE": "", "KEYS__SIGNING": "signing", "KEYS__TRUSTED": "trusted"}
    for name, place in names.items():
        monkeypatch.setenv(f"AIOPS_{name}", str(tmp_path / place))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteExecutionLedger]:
    """CT196's, with a run that is open."""
    now = utcnow()
    made = SqliteExecutionLedger(tmp_path / "executions.sqlite", clock=lambda: now - timedelta(days=1))
    order = Order(
        run=RUN,
        approval=Sealed(payload="", signature="", key=""),
        scope_digest=SCOPE.digest,
        asked_by="clock",
        at=now,
        not_after=now + timedelta(minutes=30),
    )
    assert made.receive_backup(order, "operator", SCOPE, now)
    yield made
    made.close()


def said(*words: str) -> Result:
    return CliRunner().invoke(cli, ["backup", *words])


def asked(*words: str, code: int = 0) -> Any:
    done = said(*words, "--json")
    assert done.exit_code == code, done.output
    return json.loads(done.output)


def test_it_is_allowed_for_exactly_what_the_settings_say_and_revoked() -> None:
    assert asked("status")["approval"] == "nobody has approved it: `aiops backup approve`"

    text = said("approve", "--days", "30").output
    assert "pve1, pve2 to pbs-pve3 on pve3, without 107" in text
    assert "restore test: yes, as guest 999990, destroyed afterwards" in text
    kept = bootstrap.incidents(load_settings()).ledger.standing_approval()
    assert kept
    assert timedelta(days=29) < kept.approval.until - utcnow() < timedelta(days=31)
    assert f"until {kept.approval.until:%Y}" in asked("status")["approval"]

    assert asked("revoke") == {"revoked": True}
    revoked = bootstrap.incidents(load_settings()).ledger.standing_approval()
    assert revoked
    assert revoked.revoked_by
    assert "revoked" in asked("status")["approval"]


def test_an_open_run_is_shown_with_what_has_ended_and_what_runs(ledger: SqliteExecutionLedger) -> None:
    told = asked("status")
    assert (told["open"]["run"], told["open"]["steps"], told["past"]) == (RUN, [], [])
    text = said("status").output
    assert f"open      {RUN} since" in text
    assert "0 steps ended; now between two steps" in text
    assert "no run has ended yet" in text


def test_a_stop_is_written_down_with_who_and_why_and_shown(ledger: SqliteExecutionLedger) -> None:
    assert asked("stop", "disk is full") == {"stopping": RUN}
    night = ledger.open_backup()
    assert night
    assert night.stop.endswith("stopped it: disk is full")
    assert "; stopping: " in said("status").output


def test_there_is_nothing_to_stop_when_nothing_runs() -> None:
    done = said("stop")
    assert isinstance(done.exception, UnknownError)


@pytest.mark.parametrize(("status", "code"), [("failure", 1), ("success", 0), ("stopped", 0)])
def test_the_last_run_decides_about_the_exit_code(ledger: SqliteExecutionLedger, status: Any, code: int) -> None:
    now = utcnow()
    taken = ledger.take_backup("worker", 30, now)
    assert taken
    result = BackupResult(
        run=RUN, status=status, reason="no space left", finished_at=now, guests={"101": "done", "102": "no space left"}
    )
    assert ledger.end_backup(taken.fence, result)

    (last,) = asked("status", code=code)["past"]
    assert (last["run"], last["status"], last["guests"]["102"]) == (RUN, status, "no space left")
    text = said("status").output
    assert "open      none" in text
    assert "1 of 2" in text


def test_following_a_run_that_has_ended_prints_nothing_and_ends(ledger: SqliteExecutionLedger) -> None:
    now = utcnow()
    taken = ledger.take_backup("worker", 30, now)
    assert taken
    assert ledger.end_backup(taken.fence, BackupResult(run=RUN, status="success", finished_at=now))
    assert said("status", "--follow").output.startswith("approval")


def test_without_a_store_no_backup_is_to_be_approved(tmp_path: Path) -> None:
    (tmp_path / "aiops.toml").write_text("")
    assert asked("status")["approval"] == "not needed: [backup] names no store, so no backup runs"
