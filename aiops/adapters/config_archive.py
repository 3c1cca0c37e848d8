"""Opens an archive that ``archive_configuration`` made, where the key is, and proves that it is whole. Nothing is unpacked."""

import hashlib
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast

from aiops.errors import SettingsError

MANIFEST: Final = "MANIFEST.sha256"
_PIECE: Final = 1 << 20
_MANIFEST_LIMIT: Final = 32 << 20
"""Bytes; a quarter of a million files have less."""


@dataclass(frozen=True)
class Opened:
    """What an archive holds: how many files and bytes are as their digests say, and what is not."""

    files: int
    size: int
    wrong: tuple[str, ...]
    missing: tuple[str, ...]


def open_archive(archive: Path, identity: Path) -> Opened:
    """Decrypt it with age and hold every file against the digest that was taken on the host.

    :raises SettingsError: a file is not there, age is not installed or refuses, or this is no archive of configurations
    """
    for path in (archive, identity):
        if not path.is_file():
            raise SettingsError(str(path), "there is no such file")
    argv = ["age", "--decrypt", "--identity", str(identity), "--", str(archive)]
    try:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except FileNotFoundError:
        raise SettingsError("age", "it is not installed: apt install age") from None
    with process:
        stream, complaints = cast("IO[bytes]", process.stdout), cast("IO[bytes]", process.stderr)
        try:
            opened = _held_against(stream)
            problem = ""
        except (tarfile.TarError, ValueError) as error:
            opened, problem = None, str(error)
        stream.close()
        said = complaints.read(4096).decode(errors="replace").strip()
    if opened is None or process.returncode:
        raise SettingsError(str(archive), said.removeprefix("age: ") or f"it cannot be read: {problem}")
    return opened


def _held_against(stream: IO[bytes]) -> Opened:
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        members = iter(tar)
        first = next(members, None)
        if first is None or first.name != MANIFEST or first.size > _MANIFEST_LIMIT:
            raise ValueError(f"it does not begin with {MANIFEST}")
        held = tar.extractfile(first)
        wanted = _digests(held.read().decode(errors="surrogateescape") if held else "")
        files, size, wrong = 0, 0, []
        for member in members:
            name = "/" + member.name.removeprefix("./").lstrip("/")
            body = tar.extractfile(member)
            if body is None or wanted.pop(name, "") != _digest(body):
                wrong.append(name)
                continue
            files, size = files + 1, size + member.size
    while stream.read(_PIECE):  # age says only at the very end whether the last piece was genuine
        pass
    return Opened(files, size, tuple(wrong), tuple(sorted(wanted)))


def _digests(text: str) -> dict[str, str]:
    rows = (line.partition("  ") for line in text.splitlines() if line)
    return {name: digest.lstrip("\\") for digest, _, name in rows}


def _digest(body: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while piece := body.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()
