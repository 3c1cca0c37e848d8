"""``known_hosts`` as ssh-keygen and OpenSSH write it: plain, with a port, hashed, revoked, changed."""

import subprocess
from pathlib import Path

import pytest

from aiops.adapters.known_hosts import KnownHosts, written
from tests.contracts.sshd import make_key


@pytest.fixture
def keys(tmp_path: Path) -> list[str]:
    """Public keys as they stand in a file: type and base64."""
    found = []
    for name in ("one", "two"):
        make_key(tmp_path / name)
        found.append(" ".join((tmp_path / f"{name}.pub").read_text().split()[:2]))
    return found


def _bodies(known: KnownHosts, name: str) -> list[str]:
    return [f"{kind} {key.get_base64()}" for kind, key in known.of(name).items()]


def test_an_address_has_its_own_keys_and_no_other(tmp_path: Path, keys: list[str]) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"# a comment\n\nweb01,10.0.0.1 {keys[0]} a comment\n[web01]:2222\t{keys[1]}\n")
    known = KnownHosts(file)
    assert _bodies(known, "web01") == _bodies(known, "10.0.0.1") == [keys[0]]
    assert _bodies(known, written("web01", 2222)) == [keys[1]]
    assert _bodies(known, "web0") == _bodies(known, written("10.0.0.1", 2222)) == []


def test_hashed_names_are_found(tmp_path: Path, keys: list[str]) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"web01 {keys[0]}\n[web02]:2222 {keys[1]}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", file], check=True, capture_output=True)
    assert "web01" not in file.read_text()
    known = KnownHosts(file)
    assert _bodies(known, "web01") == [keys[0]]
    assert _bodies(known, "[web02]:2222") == [keys[1]]
    assert _bodies(known, "web02") == []


def test_the_first_of_a_type_counts_and_a_revoked_key_never(tmp_path: Path, keys: list[str]) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"web01 {keys[0]}\nweb01 {keys[1]}\n")
    known = KnownHosts(file)
    assert _bodies(known, "web01") == [keys[0]]
    file.write_text(f"web01 {keys[0]}\nweb01 {keys[1]}\n@revoked * {keys[0]}\n")
    assert _bodies(known, "web01") == [keys[1]]


def test_a_broken_line_costs_no_other_line(tmp_path: Path, keys: list[str]) -> None:
    file = tmp_path / "known_hosts"
    file.write_bytes(b"web01 ssh-ed25519 !!!\nweb01\nweb01 ssh-unheard-of QUJD\nweb01 ssh-rsa QUJD\n\xff\xfe x y\n")
    known = KnownHosts(file)
    assert _bodies(known, "web01") == []
    with file.open("a") as more:
        more.write(f"web01 {keys[0]}\n")
    assert _bodies(known, "web01") == [keys[0]]


def test_no_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        KnownHosts(tmp_path / "known_hosts").of("web01")
