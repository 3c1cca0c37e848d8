"""An archive is whole, or it is said what is not."""

import hashlib
import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from aiops.adapters.config_archive import MANIFEST, open_archive
from aiops.errors import SettingsError

FILES = {"/etc/network/interfaces": b"auto lo\n", "/etc/apt/sources.list": b"deb x\n"}


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = tmp_path_factory.mktemp("key") / "key"
    subprocess.run(["age-keygen", "-o", key], check=True, capture_output=True)
    return key


def packed(files: dict[str, bytes], digests: dict[str, bytes]) -> bytes:
    """A tar as the playbook makes it: ``digests`` are of these contents."""
    manifest = "".join(f"{hashlib.sha256(body).hexdigest()}  {name}\n" for name, body in digests.items()).encode()
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as tar:
        for name, body in {MANIFEST: manifest, **{f".{name}": body for name, body in files.items()}}.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))
    return held.getvalue()


def sealed(folder: Path, identity: Path, tar: bytes) -> Path:
    public = subprocess.run(["age-keygen", "-y", identity], check=True, capture_output=True, text=True).stdout.strip()
    subprocess.run(["age", "-r", public, "-o", folder / "a.age"], input=tar, check=True)
    return folder / "a.age"


def test_a_whole_archive_is_counted(tmp_path: Path, identity: Path) -> None:
    opened = open_archive(sealed(tmp_path, identity, packed(FILES, FILES)), identity)
    assert (opened.files, opened.size, opened.wrong, opened.missing) == (2, 14, (), ())


def test_a_changed_a_missing_and_an_added_file_are_named(tmp_path: Path, identity: Path) -> None:
    held = {"/etc/network/interfaces": b"auto eth0\n", "/etc/cron.d/new": b"x"}
    opened = open_archive(sealed(tmp_path, identity, packed(held, FILES)), identity)
    assert opened.wrong == ("/etc/network/interfaces", "/etc/cron.d/new")
    assert opened.missing == ("/etc/apt/sources.list",)


def test_one_that_was_cut_short_or_changed_is_refused(tmp_path: Path, identity: Path) -> None:
    archive = sealed(tmp_path, identity, packed({"/etc/big": b"x" * 300_000}, {"/etc/big": b"x" * 300_000}))
    whole = archive.read_bytes()
    for damaged in (whole[:-20], whole[:-1] + bytes([whole[-1] ^ 1]), b""):
        archive.write_bytes(damaged)
        with pytest.raises(SettingsError):
            open_archive(archive, identity)


def test_what_is_no_archive_of_configurations_is_refused(tmp_path: Path, identity: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: invalid header"):
        open_archive(sealed(tmp_path, identity, b"no tar at all" * 1000), identity)
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("etc/passwd"))
    with pytest.raises(SettingsError, match="does not begin with MANIFEST"):
        open_archive(sealed(tmp_path, identity, plain.getvalue()), identity)
    with pytest.raises(SettingsError, match="no such file"):
        open_archive(tmp_path / "not-there", identity)


def test_another_key_does_not_open_it(tmp_path: Path, identity: Path) -> None:
    archive = sealed(tmp_path, identity, packed(FILES, FILES))
    other = tmp_path / "other"
    subprocess.run(["age-keygen", "-o", other], check=True, capture_output=True)
    with pytest.raises(SettingsError, match="no identity matched"):
        open_archive(archive, other)
