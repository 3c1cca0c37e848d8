"""/proc/self/mountinfo: what is mounted where, from which device, with which options."""

import re
from dataclasses import dataclass

from aiops.probes import Probe, UnreadableError


@dataclass(frozen=True)
class Mount:
    """One mount. ``device`` is major:minor and the same for every bind mount of a filesystem; ``source`` is for humans."""

    device: str
    target: str
    options: tuple[str, ...]
    fstype: str
    source: str

    @property
    def read_only(self) -> bool:
        """Mounted read-only here, or a filesystem that is read-only altogether."""
        return "ro" in self.options


_ESCAPE = re.compile(r"\\([0-7]{3})")


def _plain(word: str) -> str:
    """The kernel writes blanks, tabs, line ends and backslashes of names in octal, byte by byte."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), word) if "\\" in word else word


def _read(text: str) -> tuple[Mount, ...]:
    mounts = tuple(_row(row) for row in text.splitlines() if row)
    if not any(mount.target == "/" for mount in mounts):
        raise UnreadableError("the list of mounts has no root")
    return mounts


def _row(row: str) -> Mount:
    before, dash, after = row.partition(" - ")
    left, right = before.split(" "), after.split(" ")
    if not dash or len(left) < 6 or len(right) < 3:  # noqa: PLR2004 - proc(5): six fields before the optional ones, three after
        raise UnreadableError(f"a line of the list of mounts is none: {row[:120]!r}")
    options = (*left[5].split(","), *right[2].split(","))
    return Mount(left[2], _plain(left[4]), options, right[0], _plain(right[1]))


def holding(path: str, mounts: tuple[Mount, ...]) -> Mount:
    """The mount a path lies on: the longest target above it, the last one mounted where several are stacked."""
    above = [mount for mount in mounts if path == mount.target or path.startswith(mount.target.rstrip("/") + "/")]
    return max(enumerate(above), key=lambda pair: (len(pair[1].target), pair[0]))[1]


MOUNTS = Probe(name="mountinfo", argv=("cat", "/proc/self/mountinfo"), read=_read)
