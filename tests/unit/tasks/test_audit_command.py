"""`aiops audit` and `aiops records` as a human and a script see them."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aiops import bootstrap
from aiops.domain.record import Pushed
from aiops.settings import load_settings
from tasks.cli import cli
from tests.plans import NOON, approved, outcome


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings of one machine with both ledgers, and a run that ended."""
    monkeypatch.setenv("AIOPS_STATE", str(tmp_path))
    bootstrap.generate_keys(tmp_path / "signing", tmp_path / "trusted" / "local.pem")
    monkeypatch.setenv("AIOPS_KEYS__SIGNING", str(tmp_path / "signing"))
    settings = load_settings()
    bootstrap.incidents(settings).ledger.freeze("marie", "moving", NOON)
    executions = bootstrap.executions(settings)
    executions.write_down(NOON, "CT196", "plan refused", incident="inc-1", text="no [bold]markup[/bold]")
    return tmp_path


def aiops(*words: str, code: int = 0) -> Any:
    done = CliRunner().invoke(cli, [*words, "--json"])
    assert done.exit_code == code, done.output
    return json.loads(done.output)


def test_both_sides_are_listed_and_verified(state: Path) -> None:
    assert [(line["side"], line["what"]) for line in aiops("audit")] == [
        ("decided", "frozen"),
        ("done", "plan refused"),
    ]
    assert [line["side"] for line in aiops("audit", "--incident", "inc-1")] == ["done"]
    heads = aiops("audit", "verify")["heads"]
    assert aiops("audit", "verify", "--head", heads["done"], "--head", heads["decided"])["breaks"] == []
    assert "no [bold]markup[/bold]" in CliRunner().invoke(cli, ["audit"]).output


def test_a_changed_line_is_named_and_the_exit_code_is_1(state: Path) -> None:
    head = aiops("audit", "verify")["heads"]["done"]
    with sqlite3.connect(state / "executions.sqlite") as database:
        database.execute("DROP TRIGGER audit_is_not_changed")
        database.execute("UPDATE audit SET line = replace(line, 'refused', 'allowed')")
    database.close()

    said = aiops("audit", "verify", code=1)
    assert [(one["side"], one["n"]) for one in said["breaks"]] == [("done", 1)]
    assert set(said["heads"]) == {"decided"}
    assert "BROKEN at line 1" in CliRunner().invoke(cli, ["audit", "verify", "--head", head]).output


def test_records_that_wait_are_shown_with_the_reason_and_the_exit_code_is_1(state: Path) -> None:
    assert aiops("records") == {"filed": [], "unfiled": 0, "push": Pushed().model_dump(), "since": None}
    executions = bootstrap.executions(load_settings())
    whole = approved(id="p1", at=NOON.replace(year=2099))
    executions.receive(whole, NOON)
    claim = executions.claim("p1", 30, NOON)
    assert claim
    executions.finish(claim, outcome("success", "p1"))
    assert aiops("records")["unfiled"] == 1
    executions.file("p1", "2026/p1.md", "ab" * 32, NOON)
    executions.note_push(Pushed(waiting=2, reason="the forge is away"), NOON)

    said = aiops("records", code=1)
    assert [one["file"] for one in said["filed"]] == ["2026/p1.md"]
    assert said["push"]["waiting"] == 2
    assert "the forge is away" in CliRunner().invoke(cli, ["records"]).output
