"""Taking a host in, against a real sshd: whose key it is, who vouches for it, and a look that changes nothing."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from aiops.adapters.enrolment import SshEnrolment
from aiops.domain.enrolled import Account
from aiops.errors import HostKeyError, HostUnreachableError, RefusedError
from aiops.remediations import SHIPPED
from tests.contracts.sshd import Sshd, make_key

SCRIPT = SHIPPED.parent / "enroll.sh"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Sshd]:
    server = Sshd(tmp_path)
    server.start()
    yield server
    server.stop()


def enrolment(server: Sshd, known: Path) -> SshEnrolment:
    return SshEnrolment(known, SCRIPT, login=server.user, identity=server.key)


def account(server: Sshd) -> Account:
    words = server.key.with_suffix(".pub").read_text().split()
    return Account(
        name="aiops-nobody-has",
        public_keys=(" ".join(words[:2]),),
        sudoers="aiops-nobody-has ALL=(root) NOPASSWD: /usr/bin/true\n",
    )


@pytest.mark.root
def test_the_fingerprint_is_the_one_that_the_hosts_console_shows(server: Sshd, tmp_path: Path) -> None:
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", f"{server.host_key}.pub"], capture_output=True, text=True, check=True
    ).stdout
    assert enrolment(server, tmp_path / "new").offered(server.host).fingerprint == shown.split()[1]


@pytest.mark.root
def test_a_key_is_kept_once_and_another_one_is_refused(server: Sshd, tmp_path: Path) -> None:
    known = enrolment(server, tmp_path / "new")
    offered = known.offered(server.host)
    assert known.trusted(server.host) == []
    known.trust(server.host, offered)
    known.trust(server.host, offered)
    assert known.trusted(server.host) == [offered.fingerprint]
    assert len((tmp_path / "new").read_text().splitlines()) == 1

    kind, blob = make_key(tmp_path / "other").with_suffix(".pub").read_text().split()[:2]
    with pytest.raises(RefusedError, match="was known by"):
        known.trust(server.host, type(offered)(kind=kind, blob=blob))


@pytest.mark.root
def test_nothing_is_sent_to_a_host_whose_key_is_not_trusted(server: Sshd, tmp_path: Path) -> None:
    kind, blob = make_key(tmp_path / "other").with_suffix(".pub").read_text().split()[:2]
    (tmp_path / "new").write_text(f"[127.0.0.1]:{server.port} {kind} {blob}\n")
    with pytest.raises(HostKeyError):
        enrolment(server, tmp_path / "new").arrange(server.host, [account(server)], change=False)


@pytest.mark.root
def test_a_look_says_what_is_missing_and_makes_nothing(server: Sshd) -> None:
    found = enrolment(server, server.known_hosts).arrange(server.host, [account(server)], change=False)
    stands = {item.what: item.standing for item in found}
    assert stands["account aiops-nobody-has"] == "missing"
    assert stands["sudo list of aiops-nobody-has"] == "missing"
    assert stands["program python3"] == "present"
    assert not Path("/etc/sudoers.d/aiops-nobody-has").exists()


def test_where_nobody_answers_it_says_so(tmp_path: Path) -> None:
    server = Sshd(tmp_path)
    with pytest.raises(HostUnreachableError):
        enrolment(server, tmp_path / "new").offered(server.host)


@pytest.mark.parametrize(
    "key", ["ssh-ed25519 AAAA;reboot", "command=x ssh-ed25519 AAAA", "ssh-ed25519", "ssh-ed25519 AA AA"]
)
def test_what_is_no_public_key_never_reaches_a_script(key: str) -> None:
    with pytest.raises(ValueError, match="public_keys"):
        Account(name="aiops-probe", public_keys=(key,), sudoers="")
