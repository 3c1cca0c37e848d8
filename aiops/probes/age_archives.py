"""find and grep: archives that age encrypted, and whether they begin as such a file does."""

import re
from dataclasses import dataclass

from aiops.probes import Probe, UnreadableError


@dataclass(frozen=True)
class AgeArchive:
    """One archive. ``encrypted`` is None where the file may not be read; ``modified`` is in Unix time."""

    path: str
    modified: float
    size: int
    encrypted: bool | None


_FOUND = re.compile(r"@(?P<at>\d+(?:\.\d+)?)\t(?P<size>\d+)\t(?P<path>/.*)")


def _read(text: str) -> tuple[AgeArchive, ...]:
    found: list[AgeArchive] = []
    for row in text.splitlines():
        if match := _FOUND.fullmatch(row):
            found.append(AgeArchive(match["path"], float(match["at"]), int(match["size"]), encrypted=False))
        elif found and row == "?":
            found[-1] = AgeArchive(found[-1].path, found[-1].modified, found[-1].size, encrypted=None)
        elif found and row.startswith("1:"):
            found[-1] = AgeArchive(found[-1].path, found[-1].modified, found[-1].size, encrypted=True)
        elif not (found and row[:1].isdigit()):  # the words stand somewhere else than in the first line
            raise UnreadableError(f"find printed a row that is none: {row[:120]!r}")
    return tuple(sorted(found, key=lambda archive: archive.modified))


_HEADER = "^(age-encryption[.]org/v1|-----BEGIN AGE ENCRYPTED FILE-----)$"

# Exit code 1: one of the places is not there, or not for this account.
AGE_ARCHIVES = Probe(
    name="age-archives",
    argv=(
        *("find", "/mnt", "/srv", "/var/backups", "-maxdepth", "4", "-type", "f", "-name", "*.age"),
        *("-printf", "@%T@\\t%s\\t%p\\n", "(", "!", "-readable", "-printf", "?\\n", "-o"),
        *("-exec", "grep", "-a", "-m", "1", "-n", "-o", "-E", _HEADER, "{}", ";", ")"),
    ),
    read=_read,
    codes=(0, 1),
    seconds=30,
    remedy="a share that hangs stops find: look at the host's mounts",
)
