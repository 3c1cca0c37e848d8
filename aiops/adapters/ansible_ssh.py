"""How we reach a host for a repair: one multiplexed connection, a pinned host key, our key and nobody else's."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiops.domain.host import Host
from aiops.errors import SettingsError

CONNECT_SECONDS = 10
PERSIST_SECONDS = 60
"""How long an idle connection stays; check mode, run and the fence share one."""

FENCE_FOLDER = "/run/aiops-fence"
"""On the hosts: gone after a reboot, and with it every command of an older run."""
PYTHON = "/usr/bin/python3"
"""Debian's own: it has python3-apt, and looking for one costs a round trip."""

_ADDRESS = re.compile(r"[A-Za-z0-9:][A-Za-z0-9.:_%-]*")


@dataclass(frozen=True)
class Login:
    """Who we are on a host. ``fence`` is the folder there that holds the host's fence; it belongs to root."""

    user: str
    key: Path
    known_hosts: Path
    fence: str = FENCE_FOLDER

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z_][a-z0-9_-]*", self.user) or not re.fullmatch(r"/[A-Za-z0-9/._-]+", self.fence):
            raise SettingsError("remediation login", f"{self.user!r} or {self.fence!r} cannot be used")


def ssh_options(login: Login, sockets: Path) -> list[str]:
    """What every ssh of a run is given; the multiplexing socket of each host lies in ``sockets``."""
    options: Mapping[str, str | int] = {
        "IdentityFile": str(login.key),
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "BatchMode": "yes",
        "PreferredAuthentications": "publickey",
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": str(login.known_hosts),
        "GlobalKnownHostsFile": "/dev/null",
        "UpdateHostKeys": "no",
        "KexAlgorithms": "curve25519-sha256",
        "ForwardAgent": "no",
        "ConnectTimeout": CONNECT_SECONDS,
        "ServerAliveInterval": 5,
        "ServerAliveCountMax": 3,
        "ControlMaster": "auto",
        "ControlPersist": PERSIST_SECONDS,
        "ControlPath": f"{sockets}/%C",
    }
    return ["-F", "/dev/null", *(part for name, value in options.items() for part in ("-o", f"{name}={value}"))]


def as_root(login: Login, host: Host, *, local_root: bool) -> list[str]:
    """The words before a command that must run as root: none when the login is root already, for LXC has no sudo."""
    already = local_root if host.local else login.user == "root"
    return [] if already else ["sudo", "-H", "-n", "-u", "root"]


def inventory(hosts: Sequence[Host], login: Login, fence: int, *, local_root: bool) -> dict[str, Any]:
    """An inventory of exactly these hosts, in which every command as root goes through the host's fence.

    :raises SettingsError: an address that ssh could take for an option
    """
    return {"all": {"hosts": {host.name: _variables(host, login, fence, local_root=local_root) for host in hosts}}}


def _variables(host: Host, login: Login, fence: int, *, local_root: bool) -> dict[str, Any]:
    become, *flags = [*as_root(login, host, local_root=local_root), "/bin/sh"]
    common = {
        "ansible_python_interpreter": PYTHON,
        "ansible_become_method": "sudo",
        "ansible_become_user": "root",
        "ansible_become_exe": become,
        "ansible_become_flags": " ".join([*flags, f"{login.fence}/fence.sh", "run", str(fence)]),
    }
    if host.local:
        return common | {"ansible_connection": "local"}
    return common | {
        "ansible_connection": "ssh",
        "ansible_host": address(host),
        "ansible_port": host.port,
        "ansible_user": login.user,
    }


def address(host: Host) -> str:
    """Where to connect.

    :raises SettingsError: it is no address; ssh would take some texts for an option
    """
    if not _ADDRESS.fullmatch(host.target):
        raise SettingsError(f"inventory, {host.name}", f"{host.target!r} is no address")
    return host.target
