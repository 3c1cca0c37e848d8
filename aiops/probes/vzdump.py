"""find and du: the temporary directories a Proxmox backup works in."""

import re
from dataclasses import dataclass

from aiops.probes import Probe, UnreadableError


@dataclass(frozen=True)
class Workspace:
    """One such directory: named after the process that made it and the guest it backs up. ``modified`` is in Unix time.

    ``size`` is in bytes and at least that: what the account may not enter is not counted.
    """

    path: str
    pid: int
    vmid: int
    modified: float
    size: int

    @property
    def parent(self) -> str:
        """The directory it lies in."""
        return self.path.rpartition("/")[0]


_FOUND = re.compile(r"@(?P<modified>\d+(?:\.\d+)?)\t(?P<path>/\S*/vzdumptmp(?P<pid>\d+)_(?P<vmid>\d+))")
_SIZED = re.compile(r"(?P<kib>\d+)\t(?P<path>/.*)")


def _read(text: str) -> tuple[Workspace, ...]:
    sizes: dict[str, int] = {}
    found: list[re.Match[str]] = []
    for row in text.splitlines():
        if match := _FOUND.fullmatch(row):
            found.append(match)
        elif match := _SIZED.fullmatch(row):
            sizes[match["path"]] = int(match["kib"]) * 1024
        elif not row.startswith("@"):  # a directory whose name only begins like one of vzdump's is not ours to judge
            raise UnreadableError(f"find printed a row that is none: {row[:120]!r}")
    return tuple(
        Workspace(row["path"], int(row["pid"]), int(row["vmid"]), float(row["modified"]), sizes.get(row["path"], 0))
        for row in sorted(found, key=lambda row: row["path"])
    )


# The name is PVE/VZDump.pm's: "$tmpdir/vzdumptmp$$_$vmid", with /var/tmp as its default directory.
WORKSPACES = Probe(
    name="vzdump-tmp",
    argv=(
        *("find", "/var/tmp", "/tmp", "-mindepth", "1", "-maxdepth", "1", "-type", "d"),  # noqa: S108 - looked at, not written
        *("-name", "vzdumptmp*_*", "-printf", "@%T@\\t%p\\n", "-exec", "du", "-skx", "--", "{}", ";"),
    ),
    read=_read,
    seconds=30,
)
