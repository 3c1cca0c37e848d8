"""The archive of the configurations, made on a real host and opened where the key is."""

import base64
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from aiops.adapters.config_archive import open_archive
from tests.remediation.fleet import Fleet

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(500)]

SHARE = "/mnt/share2"


@pytest.fixture
def share(fleet: Fleet) -> Iterator[str]:
    fleet.run("mkdir", "-p", SHARE)
    fleet.run("mount", "-t", "tmpfs", "tmpfs", SHARE)
    yield SHARE
    fleet.run("umount", SHARE)


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    subprocess.run(["age-keygen", "-o", tmp_path / "key"], check=True, capture_output=True)
    return tmp_path / "key"


def public(identity: Path) -> str:
    return subprocess.run(["age-keygen", "-y", identity], check=True, capture_output=True, text=True).stdout.strip()


def test_an_archive_is_made_opens_with_the_key_and_holds_no_secret(
    fleet: Fleet, share: str, identity: Path, tmp_path: Path
) -> None:
    fleet.inside.write("/etc/apt/apt.conf.d/90ours", 'Acquire::Retries "3";\n')
    fleet.inside.write("/etc/apt/door.key", "a secret\n")
    asked = {"share": share, "recipients": [public(identity)], "sources": ["/etc/apt", "/etc/ssh", "/etc/not-there"]}
    announced = fleet.looked("archive_configuration", **asked)
    assert "are secrets and stay" in announced.changes
    assert fleet.run("find", share, "-type", "f") == ""

    fleet.mended("archive_configuration", **asked)

    (there,) = fleet.run("find", share, "-type", "f").split()
    here = tmp_path / "archive.age"
    here.write_bytes(base64.b64decode(fleet.run("base64", "-w", "0", there)))
    opened = open_archive(here, identity)
    assert (opened.wrong, opened.missing) == ((), ())
    listed = fleet.run("find", "/etc/apt", "/etc/ssh", "-type", "f").split()
    secret = [path for path in listed if path.endswith((".key", "_key"))]
    assert len(secret) >= 2
    assert opened.files == len(listed) - len(secret)
    assert fleet.run("find", "/run", "-maxdepth", "1", "-name", "aiops-config-*") == ""


def test_a_share_that_is_not_mounted_gets_nothing(fleet: Fleet, identity: Path) -> None:
    fleet.run("mkdir", "-p", SHARE)
    outcome = fleet.repair("archive_configuration", share=SHARE, recipients=[public(identity)], sources=["/etc/apt"])
    assert outcome.status == "failure"
    assert "nothing was changed" in outcome.reason
    assert fleet.run("find", SHARE, "-type", "f") == ""
