"""What of the lab needs no host: sources, cache, names, inventory."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from lab import base, cli, published, recipe, sources
from lab.errors import LabError
from lab.faults import registry
from lab.model import Account, Host, Spec

SOURCES = """\
Types: deb
# a remark
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main contrib
Signed-By: /usr/share/keyrings/archive.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/archive.gpg

Types: deb
URIs: http://mirror.example/switched-off
Suites: bookworm
Components: main
Enabled: no
"""


def write_sources(folder: Path) -> Path:
    (folder / "sources.list.d").mkdir()
    (folder / "sources.list.d/debian.sources").write_text(SOURCES)
    (folder / "sources.list.d/other.list").write_text("deb http://third.example/apt cloud-sdk-bookworm main\n")
    return folder


def test_the_machines_debian_sources_are_adapted_to_another_release(tmp_path: Path) -> None:
    signed = "[signed-by=/usr/share/keyrings/archive.gpg]"
    assert sources.adapted("trixie", write_sources(tmp_path)).splitlines() == [
        f"deb {signed} http://mirror.example/debian trixie main",
        f"deb {signed} http://mirror.example/debian trixie-updates main",
        f"deb {signed} http://mirror.example/debian-security trixie-security main",
    ]


def test_one_line_sources_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text(
        "# old\ndeb [arch=amd64] http://mirror.example/debian bookworm main contrib\n"
    )
    assert sources.adapted("bookworm", tmp_path) == "deb http://mirror.example/debian bookworm main\n"


def test_a_machine_without_debian_sources_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="AIOPS_LAB_APT_SOURCES"):
        sources.adapted("bookworm", tmp_path)


def make_base(cache: Path, digest: str, age: timedelta) -> Path:
    folder = cache / f"bookworm-{digest}-20260101T000000"
    (folder / "root").mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"built": (datetime.now(UTC) - age).isoformat()}))
    return folder / "root"


def test_a_young_base_of_the_right_recipe_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIOPS_LAB_CACHE", str(tmp_path))
    root = make_base(tmp_path, recipe.digest(), timedelta(days=13))
    assert base.ready("bookworm") == root
    assert base.ready("trixie") is None


@pytest.mark.parametrize(("other", "days"), [("of-yesterday", 1), (None, 15)])
def test_a_base_of_another_recipe_or_age_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str | None, days: int
) -> None:
    monkeypatch.setenv("AIOPS_LAB_CACHE", str(tmp_path))
    make_base(tmp_path, other or recipe.digest(), timedelta(days=days))
    assert base.ready("bookworm") is None


def test_a_base_without_its_manifest_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIOPS_LAB_CACHE", str(tmp_path))
    (make_base(tmp_path, recipe.digest(), timedelta(0)).parent / "manifest.json").unlink()
    assert base.ready("bookworm") is None


def test_a_folder_with_somebody_elses_inventory_is_neither_claimed_nor_emptied(tmp_path: Path) -> None:
    (tmp_path / "inventory.yml").write_text("mine\n")
    with pytest.raises(LabError, match="of somebody else"):
        published.claim(tmp_path)
    assert published.remove(tmp_path) is False
    assert (tmp_path / "inventory.yml").read_text() == "mine\n"


def test_a_claimed_folder_is_removed_but_for_the_callers_own_files(tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    published.claim(folder)
    (folder / "notes").touch()
    assert published.remove(folder) is True
    assert [path.name for path in folder.iterdir()] == ["notes"]


SPEC = Spec(
    "demo", 3, "bookworm", "/base", "/folder", (Host("ct201", 1), Host("siem", 2, "wazuh")), (Account("a", "k"),)
)


def test_a_spec_survives_its_way_to_the_keeper() -> None:
    assert Spec.load(SPEC.dump()) == SPEC


def test_the_inventory_is_yaml_with_one_address_per_host() -> None:
    hosts = yaml.safe_load(published.inventory(SPEC))["lab"]["hosts"]
    assert {name: (host["ansible_host"], host["aiops_role"]) for name, host in hosts.items()} == {
        "ct201": ("127.77.3.1", "lab"),
        "siem": ("127.77.3.2", "wazuh"),
    }


@pytest.mark.parametrize("argv", [["--name", "A B"], ["--hosts", "0"], ["--hosts", "a,a"], ["--role", "ct299=wazuh"]])
def test_a_name_that_cannot_be_one_is_refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["up", *argv]) == 64
    assert capsys.readouterr().err.startswith("lab: ")


def test_a_private_key_is_not_taken_for_a_public_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "key").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert cli.main(["up", "--account", f"me:{tmp_path / 'key'}"]) == 64
    assert "not a public key" in capsys.readouterr().err


def test_every_fault_has_its_own_file_a_name_and_a_summary(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["faults", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [fault["name"] for fault in listed] == list(registry())
    assert all(fault["summary"] for fault in listed)
    assert len(listed) >= 10
