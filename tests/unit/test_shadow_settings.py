"""What a shadow takes away: every setting by which something could be said, pushed or changed outside is empty in it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from aiops.settings import Settings, load_settings, written_settings

LOUD = """
shadow = "{shadow}"
[mqtt]
host = "127.0.0.1"
[telegram]
token_file = "/t"
direct = 7
users = [7]
[ntfy]
url = "https://ntfy.example.org/x"
[watch]
ping_url = "https://hc.example.org/x"
[hermes_health]
telegram_token_file = "/t"
ping_url = "https://hc.example.org/y"
[site]
account = "aa"
namespace = "bb"
token_file = "/t"
[docs]
wiki_remote = "ssh://git@git.example.org/wiki.git"
[records]
transcripts_remote = "ssh://git@git.example.org/t.git"
journal_remote = "ssh://git@git.example.org/j.git"
[ship]
url = "http://loki.example.org:3100"
[semaphore]
url = "https://semaphore.example.org"
inventory = 1
[session]
model = "m"
api_base = "http://llm.example.org/v1"
[backup]
store = "pve3"
nodes = ["pve1"]
storage = "pbs"
[mcp]
allow = ["forge.write"]
[mcp.servers.forge]
url = "http://forge.example.org/mcp"
act = ["write"]
[floor]
max_hosts = 2
"""

WAYS_OUT = re.compile(r"(^|\.)(url|\w+_url|\w*_remote|remote|token_file|\w+_token_file|store|namespace|model|allow)$")
"""Names of settings by which something leaves, or is done."""
ONLY_READ = re.compile(
    r"^(redis|proxmox|pbs|netbox|forgejo|loki|metrics|releases|mirrors|llm|web|ingest|usage)\."
    r"|^mcp\.serve|^semaphore\.token_file$"
)
"""Where we only look, or are asked; the models of triage are asked in shadow too, or nothing could be compared. Semaphore's
token has a default, and is nothing without its url.
"""


def leaves(model: BaseModel, path: str = "") -> Iterator[tuple[str, Any]]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from leaves(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def loaded(folder: Path, monkeypatch: pytest.MonkeyPatch, shadow: str) -> Settings:
    (folder / "aiops.toml").write_text(LOUD.format(shadow=shadow))
    monkeypatch.setenv("AIOPS_CONFIG", str(folder / "aiops.toml"))
    return load_settings()


def test_every_way_out_is_closed_in_shadow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ways = {path: value for path, value in leaves(loaded(tmp_path, monkeypatch, "all")) if WAYS_OUT.search(path)}
    assert len(ways) > 20
    assert {path: value for path, value in ways.items() if value and not ONLY_READ.match(path)} == {}


def test_every_way_out_that_the_other_test_looks_at_was_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ways = {path: value for path, value in leaves(loaded(tmp_path, monkeypatch, "off")) if WAYS_OUT.search(path)}
    closed = {path for path, value in ways.items() if not value and not ONLY_READ.match(path)}
    # Second ways, where the first is set; these tables are emptied as a whole.
    assert closed <= {
        *("ntfy.token_file", "ship.token_file", "hermes_health.ntfy_url", "session.playbook_remote"),
        "docs.journal_remote",
    }


def test_the_topics_of_a_shadow_lie_below_its_own_level(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert loaded(tmp_path, monkeypatch, "all").mqtt.prefix == "pixelium/shadow"
    assert loaded(tmp_path, monkeypatch, "untaken").mqtt.prefix == "pixelium"


def test_the_floor_of_a_shadow_is_closed_and_nothing_in_the_file_opens_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIOPS_FLOOR__SHADOW", "false")
    assert loaded(tmp_path, monkeypatch, "all").floor.shadow
    assert loaded(tmp_path, monkeypatch, "all").floor.max_hosts == 2
    assert not loaded(tmp_path, monkeypatch, "untaken").floor.shadow


def test_while_moving_only_the_night_work_publishes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moving = loaded(tmp_path, monkeypatch, "untaken")
    assert not moving.site.on
    assert not moving.docs.on
    assert moving.telegram.token_file
    assert moving.backup.store == "pve3"


def test_the_settings_as_they_are_written_are_there_for_looking_at_the_old_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded(tmp_path, monkeypatch, "all")
    assert written_settings().telegram.token_file == Path("/t")
