"""`aiops playbooks`: by what each playbook is taken back, and why one is not."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tasks.cli import cli


def test_it_says_by_what_each_is_taken_back_and_why_one_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIOPS_STATE", str(tmp_path))
    done = CliRunner().invoke(cli, ["playbooks"])
    assert done.exit_code == 0, done.output
    rows = {row.split()[0]: row for row in done.output.splitlines() if row.strip()}
    assert "undo_renew_certificate" in rows["renew_certificate"]
    assert "undo_upgrade_litellm" in rows["upgrade_litellm"]
    why = "restore_removed_package has no way back: the way back would drive the package out again, which is the fault itself"
    assert why in done.output
