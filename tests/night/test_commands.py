"""The night work by hand: what a human sees, with the exit codes that scripts read."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aiops import bootstrap
from aiops.errors import AiopsError
from tasks.cli import cli
from tests.night.usage import usage_db


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    keys = tmp_path / "keys"
    keys.mkdir()
    (tmp_path / "hosts.yml").write_text("all: {hosts: {ct201: {ansible_host: 10.0.0.201, aiops_role: web}}}\n")
    bootstrap.generate_keys(keys / "signing", keys / "trusted" / "k.pem")
    file = tmp_path / "aiops.toml"
    file.write_text(
        f"""
state = "{tmp_path}/state"
[fleet]
inventory = "{tmp_path}/hosts.yml"
homelable = "{tmp_path}/map.json"
[keys]
signing = "{keys}/signing"
trusted = "{keys}/trusted"
[usage]
database = "{tmp_path}/usage.db"
[feeds]
urls = ["http://127.0.0.1:1/feed"]
""",
        encoding="utf-8",
    )
    monkeypatch.setenv("AIOPS_CONFIG", str(file))
    return file


def aiops(*words: str) -> tuple[int, str, str]:
    """The exit code, what was said, and the sentence of an error of ours."""
    done = CliRunner().invoke(cli, words)
    if done.exception and not isinstance(done.exception, SystemExit | AiopsError):
        raise done.exception
    return done.exit_code, done.stdout, str(done.exception or "")


def test_the_report_is_written_as_one_page_with_the_figures_of_its_json(config: Path, tmp_path: Path) -> None:
    usage_db(tmp_path / "usage.db", ("2026-11-20T10:00:00.000Z", "2026-11-20T12:00:00.000Z", 100, 50, 800, 100))
    page = tmp_path / "report.html"
    assert aiops("report", "--html", str(page))[:2] == (0, f"written: {page}\n")
    code, said, _ = aiops("report", "--json", "--html", str(page))
    assert (code, json.loads(said)["symbiosis"]["hours"]) == (0, 2.0)
    text = page.read_text(encoding="utf-8")
    assert "<dt>hours</dt><dd>2</dd>" in text
    assert "Europe/Paris" in text
    assert [one["guardian"] for one in json.loads(said)["punctuality"] if one["guardian"] == "log-store"] == []
    (tmp_path / "usage.db").unlink()
    assert aiops("report", "--html", str(page))[0] == 0
    assert "Not measured: usage.database: there is no file" in page.read_text(encoding="utf-8")


@pytest.mark.usefixtures("config")
def test_every_command_of_the_night_says_what_it_would_do() -> None:
    code, said, _ = aiops("report", "--json")
    assert (code, json.loads(said)["sort"]) == (0, "daily")
    code, said, _ = aiops("site-metrics", "--dry-run", "--json")
    assert (code, json.loads(said)["stats"]["stats"]["ansible_hosts"]) == (1, 1)
    code, said, _ = aiops("doc-sync", "--dry-run")
    assert (code, said.startswith("not compared: ")) == (1, True)
    code, said, _ = aiops("feeds", "--dry-run", "--json")
    assert (code, "not an address of the public internet" in json.loads(said)["blind"][0]) == (0, True)


def test_the_agents_use_is_shown_or_it_is_said_why_not(config: Path) -> None:
    assert "there is no file" in aiops("usage", "show")[2]
    usage_db(config.parent / "usage.db", ("2026-11-20T10:00:00Z", "2026-11-20T12:00:00Z", 100, 50, 800, 100))
    code, said, _ = aiops("usage", "show")
    assert (code, said.strip()) == (0, "1 sessions, 2 h, 1050 tokens, 80 % from the cache")
    assert "set url and key_file" in aiops("usage", "push")[2]
