"""`aiops show` of an incident whose evidence is a whole output: the short form, and the way to the whole."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aiops import bootstrap
from aiops.domain.fact import new_id
from aiops.domain.incident import Entry, Incident, State
from aiops.domain.severity import Severity
from aiops.settings import load_settings
from tasks.cli import cli
from tests.incident_world import NOON, a_finding

OUTPUT = (Path(__file__).parents[1] / "condense/outputs/pytest-v.txt").read_text(encoding="utf-8")


def test_a_long_output_is_shown_shortened_and_raw_prints_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIOPS_STATE", str(tmp_path))
    bootstrap.generate_keys(tmp_path / "signing", tmp_path / "trusted" / "local.pem")
    monkeypatch.setenv("AIOPS_KEYS__SIGNING", str(tmp_path / "signing"))
    found = a_finding(evidence={"command": "pytest -v", "output": OUTPUT, "unit": "cron.service"})
    name = new_id("inc", NOON)
    incident = Incident(
        id=name,
        state=State.ESCALATED,
        severity=Severity.WARNING,
        title="tests fail",
        findings=(found,),
        opened_at=NOON,
        changed_at=NOON,
        last_seen_at=NOON,
    )
    ledger = bootstrap.incidents(load_settings()).ledger
    ledger.open(incident, Entry(at=NOON, step="correlate", text="seen", state=State.NEW))

    shown = CliRunner().invoke(cli, ["show", name]).output

    assert "unit=cron.service" in shown
    assert "FAILED test_sample.py::test_counts_to_three" in shown
    assert "2 failed, 40 passed" in shown
    assert len(shown.splitlines()) < len(OUTPUT.splitlines()) / 2
    digest = re.search(r"aiops raw (\w{16})", shown)
    assert digest
    assert CliRunner().invoke(cli, ["raw", digest[1]]).output.splitlines() == OUTPUT.splitlines()
