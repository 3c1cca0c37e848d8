"""df: how full the mounted filesystems are, in bytes and inodes."""

from dataclasses import dataclass

from aiops.probes import Probe, UnreadableError


@dataclass(frozen=True)
class Usage:
    """One row of df, in bytes and inodes. ``available`` leaves out what is reserved for root."""

    fstype: str
    size: int
    used: int
    available: int
    inodes: int
    inodes_used: int
    mount: str

    @property
    def percent(self) -> float:
        """Used of what an ordinary user may use: the figure df prints, without its rounding up."""
        return _percent(self.used, self.used + self.available)

    @property
    def inodes_percent(self) -> float:
        """Used inodes; 0 on filesystems that have no fixed number of them."""
        return _percent(self.inodes_used, self.inodes)


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 1) if whole else 0.0


_COLUMNS = ("fstype", "size", "used", "avail", "itotal", "iused", "target")


def _read(text: str) -> tuple[Usage, ...]:
    header, *rows = text.splitlines() or [""]
    if not header.startswith("Type"):
        raise UnreadableError(f"df did not begin with its header but with {header[:80]!r}")
    usages = tuple(_row(row) for row in rows if row.strip())
    if not usages:
        raise UnreadableError("df named no filesystem")
    return usages


def _row(row: str) -> Usage:
    words = row.split(None, len(_COLUMNS) - 1)
    try:
        fstype, *figures, mount = words
        size, used, available, inodes, inodes_used = (0 if figure == "-" else int(figure) for figure in figures)
    except ValueError:
        raise UnreadableError(f"df printed a row that is none: {row[:120]!r}") from None
    return Usage(fstype, size, used, available, inodes, inodes_used, mount)


# Exit code 1 says that some filesystem could not be asked; which one, only the list of mounts can tell.
FILESYSTEMS = Probe(
    name="df",
    argv=("df", "--local", "--block-size=1", "--output=" + ",".join(_COLUMNS)),
    read=_read,
    codes=(0, 1),
    remedy="a filesystem that hangs stops df: look at the host's mounts",
)
