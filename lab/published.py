"""What a lab leaves in its folder for people and programs, and how the folder is found and emptied again."""

import contextlib
import json
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from lab import cgroups
from lab.errors import LabError
from lab.model import PORTS, Spec

_FOLDER = "trusted.aiops-lab.folder"  # on the lab's control group: `down` finds the folder without its files
_MARK = ".aiops-lab"  # without it the folder is not ours, and nothing in it is touched
FILES = ("inventory.yml", "known_hosts", "lab.json", "ca.pem", "keeper.log")


def default_folder(name: str) -> Path:
    """Where a lab's files are when nobody says otherwise."""
    state = os.environ.get("XDG_STATE_HOME")
    return Path(state) / "aiops" / "lab" / name if state else Path("/var/lib/aiops-lab") / name


def claim(folder: Path) -> None:
    """Make the folder, or make it the lab's. Raises LabError when it holds files of these names that are not ours."""
    folder.mkdir(parents=True, exist_ok=True)
    foreign = [name for name in (*FILES, "hosts") if (folder / name).exists()]
    if foreign and not (folder / _MARK).exists():
        raise LabError(f"{folder} holds {', '.join(foreign)} of somebody else: choose another --dir")
    (folder / _MARK).touch()
    (folder / "hosts").mkdir(exist_ok=True)


def label(group: cgroups.LabGroup, folder: Path) -> None:
    """Note on the lab's control group where its folder is."""
    os.setxattr(group.path, _FOLDER, os.fsencode(folder))


def folder_of(group: cgroups.LabGroup) -> Path:
    """Where the lab's folder is, found without any file in it."""
    try:
        return Path(os.fsdecode(os.getxattr(group.path, _FOLDER)))
    except OSError:  # killed between making the group and labelling it
        return default_folder(group.name)


def state_of(group: cgroups.LabGroup) -> dict[str, object] | None:
    """What the lab's `lab.json` says; None when it was never finished or is gone."""
    try:
        with (folder_of(group) / "lab.json").open(encoding="utf-8") as file:
            state: dict[str, object] = json.load(file)
    except (OSError, ValueError):
        return None
    return state


def write(spec: Spec, answer: dict[str, object]) -> dict[str, object]:
    """Write all files of a lab that is up and return what `lab.json` says; `answer` is the keeper's."""
    folder = Path(spec.folder)
    keys = answer["host_keys"]
    if not isinstance(keys, dict):
        raise LabError("the keeper named no host keys")
    _replace(folder / "inventory.yml", inventory(spec))
    _replace(
        folder / "known_hosts", "".join(f"{spec.address(host)},{host.name} {keys[host.name]}\n" for host in spec.hosts)
    )
    _replace(folder / "ca.pem", str(answer["authority"]))
    state: dict[str, object] = {
        "name": spec.name,
        "release": spec.release,
        "folder": spec.folder,
        "keeper": answer["pid"],
        "started": datetime.now(UTC).isoformat(),
        "boot_seconds": answer["boot_seconds"],
        "inventory": str(folder / "inventory.yml"),
        "known_hosts": str(folder / "known_hosts"),
        "ca": str(folder / "ca.pem"),
        "hosts": {
            host.name: {
                "address": spec.address(host),
                "inner_address": host.inner_address,
                "role": host.role,
                "ports": list(PORTS),
                "host_key": keys[host.name],
            }
            for host in spec.hosts
        },
        "accounts": [account.user for account in spec.accounts],
        "spec": json.loads(spec.dump()),
    }
    _replace(folder / "lab.json", json.dumps(state, indent=1) + "\n")
    return state


def inventory(spec: Spec) -> str:
    """The Ansible inventory of the lab; every value in it is a plain word, so it needs no YAML library."""
    lines = ["lab:", "  hosts:"]
    for host in spec.hosts:
        lines += [
            f"    {host.name}:",
            f"      ansible_host: {spec.address(host)}",
            "      ansible_port: 22",
            f"      aiops_role: {host.role}",
        ]
    return "\n".join(lines) + "\n"


def _replace(path: Path, text: str) -> None:
    """Replace a file at once: a reader sees the old text or the new one."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix="._lab-", delete=False, encoding="utf-8") as file:
        file.write(text)
    Path(file.name).chmod(0o644)
    Path(file.name).rename(path)


def remove(folder: Path) -> bool:
    """Remove the lab's files, and the folder when nothing else is in it; whether there were any."""
    there = (folder / _MARK).is_file()
    if there:
        for file in [*FILES, *(path.name for path in folder.glob("console-*.log"))]:
            (folder / file).unlink(missing_ok=True)
        for half_written in folder.glob("._lab-*"):
            half_written.unlink()
        with contextlib.suppress(FileNotFoundError):
            (folder / "hosts").rmdir()
        (folder / _MARK).unlink()
        with contextlib.suppress(OSError):  # the caller keeps files of its own there
            folder.rmdir()
    return there
