"""Where an inventory's text comes from: a file, a folder, or Ansible itself for what only Ansible can read."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from aiops.errors import SettingsError

_SECONDS = 60
_PLUGIN = re.compile(r"^plugin\s*:", re.MULTILINE)
_VAULTED = "$ANSIBLE_VAULT"
Stamp = tuple[tuple[str, int, int, int], ...]


def needs_ansible(path: Path, text: str) -> bool:
    """Whether it is a folder, a script or a plugin's configuration: Ansible alone knows what that means."""
    return path.is_dir() or text.startswith("#!") or bool(_PLUGIN.search(text))


def by_ansible(path: Path) -> str:
    """The inventory as Ansible reads it, in YAML.

    :raises SettingsError: Ansible is not installed here, or it cannot read it either
    """
    # Beside our own interpreter first: in a virtual environment it may not be on the PATH.
    beside = str(Path(sys.executable).parent)
    program = shutil.which("ansible-inventory", path=os.pathsep.join((beside, os.environ.get("PATH", os.defpath))))
    if program is None:
        raise SettingsError(
            str(path),
            "only Ansible can read this kind of inventory, and ansible-inventory is not installed here; elsewhere: "
            "ansible-inventory -i INVENTORY --list --yaml > inventory.yml",
        )
    try:
        done = subprocess.run(
            [program, "-i", str(path), "--list", "--yaml"],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
            # A source that cannot be read is a failure, never an inventory with fewer hosts.
            env={**os.environ, "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "True", "ANSIBLE_NOCOLOR": "1"},
        )
    except subprocess.TimeoutExpired as error:
        raise SettingsError(str(path), f"ansible-inventory did not end within {_SECONDS} s") from error
    if done.returncode:
        last = next(iter(done.stderr.strip().splitlines()[-1:]), f"code {done.returncode}")
        raise SettingsError(str(path), f"ansible-inventory cannot read it: {last}")
    return done.stdout


def vars_files(inventory: Path, kind: str, name: str) -> Iterator[tuple[Path, str]]:
    """The readable files of ``group_vars`` or ``host_vars`` for one name; vaulted ones are passed over.

    :raises OSError: a file cannot be read
    """
    folder = inventory.parent / kind
    for place in (folder / name, folder / f"{name}.yml", folder / f"{name}.yaml"):
        files = sorted(place.rglob("*")) if place.is_dir() else [place]
        for file in files:
            if file.is_file() and file.suffix in {"", ".yml", ".yaml"} and not file.name.startswith("."):
                text = file.read_text(encoding="utf-8")
                if not text.startswith(_VAULTED):
                    yield file, text


def stamp(inventory: Path) -> Stamp:
    """What changes when any file of the inventory does.

    :raises OSError: the inventory is not there
    """
    files = [inventory]
    for folder in (inventory.parent / "group_vars", inventory.parent / "host_vars"):
        if folder.is_dir():
            files += sorted(folder.rglob("*"))
    if inventory.is_dir():
        files += sorted(inventory.rglob("*"))
    found = []
    for file in files:
        status = file.stat()
        found.append((str(file), status.st_mtime_ns, status.st_size, status.st_ino))
    return tuple(found)
