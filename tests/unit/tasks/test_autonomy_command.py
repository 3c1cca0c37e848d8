"""`aiops autonomy` and `aiops policy` as a human and a script see them."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aiops import bootstrap
from aiops.errors import RefusedError
from aiops.settings import load_settings
from tasks.cli import cli
from tests.incident_world import NOON


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bootstrap.generate_keys(tmp_path / "signing", tmp_path / "trusted" / "local.pem")
    for name, value in (("STATE", tmp_path), ("KEYS__SIGNING", tmp_path / "signing"), ("POLICY__FILE", "homelab")):
        monkeypatch.setenv(f"AIOPS_{name}", str(value))


def aiops(*words: str) -> Any:
    done = CliRunner().invoke(cli, [*words, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def test_a_rung_is_raised_shown_and_lowered() -> None:
    assert aiops("autonomy") == {"mode": "rules", "standings": []}
    assert aiops("autonomy", "raise", "restart_service", "workstation", "--why", "proved")["rung"] == "suggest"
    bootstrap.incidents(load_settings()).ledger.prove("inc-1", "restart_service", "workstation", "closure", NOON)

    (one,) = aiops("autonomy")["standings"]
    assert (one["rung"], one["why"], one["proved"]) == ("suggest", "proved", 1)
    text = CliRunner().invoke(cli, ["autonomy"]).output
    assert "restart_service" in text
    assert 'mode = "ladder"' in text
    assert aiops("autonomy", "lower", "restart_service", "workstation")["rung"] == "observe"


def test_a_refusal_is_a_refusal() -> None:
    done = CliRunner().invoke(cli, ["autonomy", "lower", "restart_service", "workstation"])
    assert isinstance(done.exception, RefusedError)


def test_the_policy_in_force_is_shown_with_its_quiet_hours() -> None:
    assert aiops("policy")["default"] == "ask"
    text = CliRunner().invoke(cli, ["policy"]).output
    assert "redeploy_promtail" in text
    assert "nobody is asked during 22:30-07:00 (Europe/Paris)" in text
