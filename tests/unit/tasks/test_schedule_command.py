"""`aiops schedule`: where a guardian is blind, and why; hosts with one reason in one line."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aiops import bootstrap
from aiops.domain.sweep import Blind, Patrol, Sweep
from aiops.settings import load_settings
from tasks.cli import cli
from tests.incident_world import NOON

HOSTS = ["ct1", "ct2", "ct3"]
DEAD = "loki does not answer: connection refused"


def test_it_says_where_a_guardian_is_blind_and_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIOPS_STATE", str(tmp_path))
    bootstrap.generate_keys(tmp_path / "signing", tmp_path / "trusted" / "local.pem")
    monkeypatch.setenv("AIOPS_KEYS__SIGNING", str(tmp_path / "signing"))
    inventory = tmp_path / "hosts.yml"
    inventory.write_text("all:\n  hosts:\n" + "".join(f"    {host}:\n" for host in HOSTS))
    monkeypatch.setenv("AIOPS_FLEET__INVENTORY", str(inventory))
    blind = [Blind(host=host, detector="health", probe="log-store", reason=DEAD) for host in HOSTS[:2]]
    patrol = Patrol(sweep="one", detectors=("health",), hosts=tuple(HOSTS), requested_at=NOON)
    looked = {"ct3": ("service.dead",)}
    sweep = Sweep(patrol=patrol, looked_at=looked, blind=tuple(blind), started_at=NOON, finished_at=NOON)
    bootstrap.incidents(load_settings()).ledger.record_sweep(sweep)

    told = json.loads(CliRunner().invoke(cli, ["schedule", "--json"]).output)
    (health,) = [line for line in told["guardians"] if line["what"] == "health"]
    assert health["blind"] == {"ct1": {"log-store": DEAD}, "ct2": {"log-store": DEAD}}
    lines = CliRunner().invoke(cli, ["schedule"]).output.splitlines()
    assert [line for line in lines if line.startswith("blind")] == [f"blind   health on ct1, ct2: log-store: {DEAD}"]
