"""Sixty hosts on loopback: an account with /bin/sh, own keys, strict host keys.

As root each host is an sshd in a process namespace of its own, so that a host sees its own processes only; without root there is
one sshd per fifteen addresses.
"""

import getpass
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.wait import until_open

PORT = 22022
ACCOUNT = "aiops-bench"
_PER_SERVER = 1 if os.geteuid() == 0 else 15
_APART = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--") if os.geteuid() == 0 else ()


@dataclass(frozen=True)
class Fleet:
    """Where the hosts are and how to log in."""

    folder: Path
    user: str
    addresses: list[str]

    @property
    def key(self) -> Path:
        """The private key."""
        return self.folder / "key"

    @property
    def known_hosts(self) -> Path:
        """The hosts' keys."""
        return self.folder / "known_hosts"

    @property
    def inventory(self) -> Path:
        """An Ansible inventory of all hosts."""
        return self.folder / "inventory.yml"


@contextmanager
def fleet(folder: Path, count: int) -> Iterator[Fleet]:
    """Start the hosts and end them; as root under an account of their own, which is deleted afterwards."""
    for name in ("key", "host_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    addresses = [f"127.66.0.{number}" for number in range(1, count + 1)]
    public = " ".join((folder / "host_key.pub").read_text().split()[:2])
    (folder / "known_hosts").write_text("".join(f"[{address}]:{PORT} {public}\n" for address in addresses))
    folder.chmod(0o755)
    (folder / "key.pub").chmod(0o644)
    with _account() as user:
        made = Fleet(folder, user, addresses)
        made.inventory.write_text(_inventory(made))
        servers = [_server(folder, number, part) for number, part in enumerate(_parts(addresses))]
        try:
            for address in addresses[::_PER_SERVER]:
                until_open(address, PORT)
            yield made
        finally:
            for server in servers:
                server.kill()  # and with it all of its namespace
            for server in servers:
                server.wait()


def _parts(addresses: list[str]) -> list[list[str]]:
    return [addresses[start : start + _PER_SERVER] for start in range(0, len(addresses), _PER_SERVER)]


@contextmanager
def _account() -> Iterator[str]:
    if os.geteuid() != 0:
        yield getpass.getuser()
        return
    # root's own shell may read a slow profile at every command, which would be measured instead of us.
    _forget()  # what a killed run may have left
    subprocess.run(["useradd", "--create-home", "--shell", "/bin/sh", ACCOUNT], check=True)
    subprocess.run(["usermod", "--password", "*", ACCOUNT], check=True)
    try:
        yield ACCOUNT
    finally:
        _forget()


def _forget() -> None:
    subprocess.run(["userdel", "--force", "--remove", ACCOUNT], check=False, capture_output=True)


def _server(folder: Path, number: int, addresses: list[str]) -> "subprocess.Popen[bytes]":
    Path("/run/sshd").mkdir(exist_ok=True)
    listen = "".join(f"ListenAddress {address}:{PORT}\n" for address in addresses)
    config = folder / f"sshd_config.{number}"
    config.write_text(
        f"{listen}HostKey {folder}/host_key\nAuthorizedKeysFile {folder}/key.pub\nPidFile none\nUsePAM no\nStrictModes no\n"
        "PasswordAuthentication no\nMaxStartups 500\nMaxSessions 100\nLogLevel ERROR\nSubsystem sftp internal-sftp\n"
    )
    return subprocess.Popen([*_APART, "/usr/sbin/sshd", "-D", "-e", "-f", str(config)], stderr=subprocess.DEVNULL)


def _inventory(made: Fleet) -> str:
    lines = ["bench:", "  hosts:"]
    for number, address in enumerate(made.addresses, start=1):
        lines += [
            f"    h{number:03d}:",
            f"      ansible_host: {address}",
            f"      ansible_port: {PORT}",
            "      aiops_role: bench",
        ]
    return "\n".join(lines) + "\n"
