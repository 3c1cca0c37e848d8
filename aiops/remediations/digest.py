"""What an approval binds to: the bytes of a playbook and of everything it can reach."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aiops.errors import ManifestError
from aiops.remediations.strict_yaml import read

_LOOSE = frozenset(
    {"import_playbook", "include_tasks", "import_tasks", "include_vars", "vars_files", "vars_prompt", "script"}
)
_ROLE = frozenset({"include_role", "import_role"})


def digest(folder: Path, name: str) -> str:
    """SHA-256 over playbook, manifest and every file of every role they reach: one changed letter is another playbook."""
    files = [folder / f"{name}.yml", folder / f"{name}.meta.yml"]
    for role in sorted(_roles(folder.parent / "roles", folder / f"{name}.yml")):
        files += [path for path in (folder.parent / "roles" / role).rglob("*") if path.is_file()]
    total = hashlib.sha256()
    for path in sorted(files):
        content = path.read_bytes()
        total.update(f"{path.relative_to(folder.parent)}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


def _roles(roles: Path, playbook: Path) -> set[str]:
    """The roles a playbook reaches.

    :raises ManifestError: it names one that is not there, or reads a file that the digest would not cover
    """
    found: set[str] = set()
    waiting = [(playbook, name) for name in _named(playbook, read(playbook), loose=False)]
    while waiting:
        path, role = waiting.pop()
        if role in found:
            continue
        if not (roles / role).is_dir():
            raise ManifestError(str(path), f"there is no role {role!r} in {roles}")
        found.add(role)
        for inner in (roles / role).rglob("*.yml"):
            waiting += [(inner, name) for name in _named(inner, read(inner), loose=True)]
    return found


def _named(path: Path, value: Any, *, loose: bool) -> Iterator[str]:
    """Every role named anywhere in a YAML document."""
    if isinstance(value, list):
        for item in value:
            yield from _named(path, item, loose=loose)
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        word = str(key).removeprefix("ansible.builtin.")
        if word in _LOOSE and not loose:
            raise ManifestError(str(path), f"{word} reads a file that the digest does not cover; use a role")
        if word in ("roles", "dependencies") and isinstance(inner, list):
            yield from (
                str(item.get("role", item.get("name"))) if isinstance(item, dict) else str(item) for item in inner
            )
        elif word in _ROLE and isinstance(inner, dict):
            yield str(inner.get("name"))
        else:
            yield from _named(path, inner, loose=loose)
