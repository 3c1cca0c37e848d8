"""Real hosts of the lab with our two accounts on them, and the whole system beside them: for the demo and the tests."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from aiops import bootstrap
from aiops.errors import SettingsError
from tasks.local import Local, running

POLICY = """
[policy]
default = "ask"

[[policy.rules]]
playbooks = ["restore_removed_package", "restart_service", "clean_vzdump_orphans", "clean_disk"]
roles = ["lab", "wazuh"]
decision = "auto"

[floor]
starts_per_hour = 100
"""


@contextmanager
def fleet(
    folder: Path,
    name: str,
    *,
    hosts: int,
    roles: Sequence[str] = (),
    release: str = "bookworm",
    policy: str = POLICY,
    repair: str = "",
    more: str = "",
) -> Iterator[Local]:
    """Boot the hosts, start the system, and end both; a killed process leaves neither behind.

    :param policy: TOML for ``[policy]`` and ``[floor]``; ``repair`` is added to ``[repair]``, ``more`` to the whole
        file. Unless ``more`` has a ``[correlation]``, nothing is baseline: a host may be broken before its first sweep
    :raises SettingsError: the lab cannot be started; it said why
    """
    with (
        booted(folder, name, hosts=hosts, roles=roles, release=release) as settings,
        beside(folder / "system", settings, policy=policy, repair=repair, more=more) as local,
    ):
        yield local


@contextmanager
def booted(
    folder: Path, name: str, *, hosts: int, roles: Sequence[str] = (), release: str = "bookworm"
) -> Iterator[str]:
    """Hosts alone, with our two accounts; what the settings say of them, its last table being ``[repair]``.

    :raises SettingsError: the lab cannot be started; it said why
    """
    folder.mkdir(parents=True, exist_ok=True)
    probe, repairer = _key(folder / "probe_key"), _key(folder / "repair_key")
    (folder / "probe.sudoers").write_text(bootstrap.sudoers("aiops-probe"), encoding="utf-8")
    # Ansible's modules are Python programs that run as root: a shorter list would be no limit. The fence and the policy are.
    (folder / "repair.sudoers").write_text("aiops-repair ALL=(root) NOPASSWD: ALL\n", encoding="utf-8")
    place = folder / "lab"
    accounts = [
        f"--account=aiops-probe:{probe}.pub:{folder / 'probe.sudoers'}",
        f"--account=aiops-repair:{repairer}.pub:{folder / 'repair.sudoers'}",
    ]
    where = ["--hosts", str(hosts), "--name", name, "--dir", str(place), "--release", release]
    lab("up", *where, "--die-with", str(os.getpid()), *accounts, *[f"--role={role}" for role in roles])
    try:
        yield f"""
[fleet]
inventory = "{place}/inventory.yml"

[ssh]
user = "aiops-probe"
key_file = "{probe}"
known_hosts = "{place}/known_hosts"
host_seconds = 20

[repair]
user = "aiops-repair"
key_file = "{repairer}"
known_hosts = "{place}/known_hosts"
"""
    finally:
        lab("down", "--name", name)


@contextmanager
def beside(folder: Path, settings: str, *, policy: str = POLICY, repair: str = "", more: str = "") -> Iterator[Local]:
    """The whole system beside hosts that are up, with ``settings`` as ``booted`` gave them; the rest as for ``fleet``."""
    whole = f"{settings}{repair}\n{policy}\n{more}"
    if "[correlation]" not in more:
        whole += "\n[correlation]\nbaseline = false\n"
    before = os.environ.get("AIOPS_CONFIG")
    try:
        with running(Local(folder, extra=whole)) as local:
            os.environ["AIOPS_CONFIG"] = str(local.config)
            yield local
    finally:
        if before is None:
            os.environ.pop("AIOPS_CONFIG", None)
        else:
            os.environ["AIOPS_CONFIG"] = before


def lab(*words: str, check: bool = True) -> str:
    """Run the lab's command, as a process of its own: what it starts must not share our signals.

    :raises SettingsError: it failed; it said why on standard error
    """
    done = subprocess.run([sys.executable, "-m", "lab", *words], stdout=subprocess.PIPE, text=True, check=False)
    if check and done.returncode:
        raise SettingsError("lab", f"`lab {words[0]}` failed with code {done.returncode}; it said why above")
    return done.stdout


def _key(path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path)], check=True)
    return path
