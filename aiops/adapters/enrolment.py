"""Takes a host into the fleet by OpenSSH's own programs: agent, configuration and jump hosts work as the human knows them."""

import base64
import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from aiops.domain.enrolled import Account, HostKey, Item
from aiops.domain.host import Host
from aiops.errors import HostKeyError, HostUnreachableError, RefusedError, SettingsError

_KIND: Final = "ed25519"
_SECONDS: Final = 60
_REFUSED_SUDOERS: Final = 65
"""The script's own exit code."""
_PROGRAMS: Final = ("sudo", "python3", "perl")
"""Without sudo half the probes are blind; Ansible is Python; without perl a sweep takes the shell (ADR 14)."""


class SshEnrolment:
    """Port ``Enrolment``."""

    def __init__(self, known_hosts: Path, script: Path, *, login: str = "root", identity: Path | None = None) -> None:
        """``login``: who logs in once; root, or somebody who may become root by ``sudo -n``."""
        self._known_hosts, self._script, self._login, self._identity = known_hosts, script, login, identity

    def offered(self, host: Host) -> HostKey:
        argv = ["ssh-keyscan", "-T", "10", "-t", _KIND, "-p", str(host.port), "--", host.target]
        done = _run(host, argv)
        words = [line.split() for line in done.stdout.splitlines() if line and not line.startswith("#")]
        try:
            return HostKey(kind=words[0][1], blob=words[0][2])
        except (IndexError, ValidationError):
            raise HostUnreachableError(host.name, "no Ed25519 key is offered at its address") from None

    def trusted(self, host: Host) -> Sequence[str]:
        found = []
        for name, key in self._lines():
            if name == _name(host):
                found.append(key.fingerprint)
        return found

    def trust(self, host: Host, key: HostKey) -> None:
        known = self.trusted(host)
        if key.fingerprint in known:
            return
        if known:
            text = (
                f"{host.name} was known by {', '.join(known)} and now offers {key.fingerprint}; "
                f"take the old line out of {self._known_hosts} only if you know why"
            )
            raise RefusedError("changed", text)
        self._known_hosts.parent.mkdir(parents=True, exist_ok=True)
        with self._known_hosts.open("a", encoding="ascii") as file:
            file.write(f"{_name(host)} {key.kind} {key.blob}\n")
            file.flush()
            os.fsync(file.fileno())

    def arrange(self, host: Host, accounts: Sequence[Account], *, change: bool) -> Sequence[Item]:
        calls = [f"change={'yes' if change else 'no'}"]
        for account in accounts:
            lists = base64.b64encode(account.sudoers.encode()).decode("ascii")
            calls.append(f"account {account.name} {lists} {' '.join(account.public_keys)}")
        calls += [f"program {name}" for name in _PROGRAMS]
        try:
            script = self._script.read_text(encoding="utf-8")
        except OSError as error:
            raise SettingsError(str(self._script), f"cannot be read: {error.strerror}") from None
        rows = (line.split("\t") for line in self.run(host, script + "\n".join(calls) + "\n").splitlines())
        return [Item.model_validate({"what": what, "standing": standing}) for what, standing in rows]

    def run(self, host: Host, script: str) -> str:
        """What a script says there, as root.

        :raises HostKeyError: the host does not have the key that is trusted
        :raises HostUnreachableError: the human cannot log in there, or may not become root
        :raises RefusedError: ``sudoers`` when the host's visudo does not take a list
        """
        shell = ["/bin/sh", "-s"] if self._login == "root" else ["sudo", "-n", "/bin/sh", "-s"]
        done = _run(host, [*self._ssh(host), *shell], script)
        if done.returncode == _REFUSED_SUDOERS:
            raise RefusedError("sudoers", f"{host.name}: {done.stderr.strip()}")
        if "Host key verification failed" in done.stderr:
            raise HostKeyError(host.name, "it does not have the key that is trusted", "Look who answers at its address")
        if done.returncode:
            said = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
            raise HostUnreachableError(host.name, f"as {self._login}: {said[0]}")
        return done.stdout

    def _ssh(self, host: Host) -> list[str]:
        options = {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": str(self._known_hosts),
            "GlobalKnownHostsFile": "/dev/null",
            "HostKeyAlgorithms": f"ssh-{_KIND}",
            "ConnectTimeout": "10",
        }
        words = ["ssh", "-T", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]
        if self._identity:
            words += ["-i", str(self._identity), "-o", "IdentitiesOnly=yes"]
        return [*words, "-p", str(host.port), "-l", self._login, "--", host.target]

    def _lines(self) -> Sequence[tuple[str, HostKey]]:
        found: list[tuple[str, HostKey]] = []
        try:
            text = self._known_hosts.read_text(encoding="utf-8")
        except FileNotFoundError:
            return found
        for words in (line.split() for line in text.splitlines() if line and not line.startswith(("#", "@", "|"))):
            with suppress(IndexError, ValidationError):
                key = HostKey(kind=words[1], blob=words[2])
                found += [(name, key) for name in words[0].split(",")]
        return found


def _name(host: Host) -> str:
    """As OpenSSH writes it: the port stands there unless it is the usual one."""
    return host.target if host.port == 22 else f"[{host.target}]:{host.port}"  # noqa: PLR2004 - OpenSSH's own


def _run(host: Host, argv: Sequence[str], stdin: str = "") -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            argv, input=stdin, capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False
        )
    except FileNotFoundError:
        raise SettingsError(argv[0], "is not installed: apt install openssh-client") from None
    except subprocess.TimeoutExpired:
        raise HostUnreachableError(host.name, f"no answer within {_SECONDS} s") from None
