"""dpkg-query: the state of every package dpkg knows, and which init scripts and defaults its leftovers own."""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from aiops.probes import MIB, Probe, UnreadableError
from aiops.probes.words import shared

KERNEL = re.compile(r"(linux|pve|proxmox)-(image|kernel|modules|headers)-.*\d.*")
"""Names of versioned kernel packages: each upgrade brings a new one."""

LIBRARY = re.compile(r"lib(?!apache2-mod-|nginx-mod-|pam-|nss-|virt|reoffice)[a-z0-9+.-]*\d[a-z0-9+.-]*")
"""Names of libraries, which a newer version of another name replaces."""

_WANTS = {"unknown": "u", "install": "i", "hold": "h", "deinstall": "r", "purge": "p"}
_STATES = {
    "not-installed": "n",
    "config-files": "c",
    "half-installed": "H",
    "unpacked": "U",
    "half-configured": "F",
    "triggers-awaited": "W",
    "triggers-pending": "t",
    "installed": "i",
}


class Package(NamedTuple):
    """One row. The three words are dpkg's: what is wanted, what is, and ``ok`` or ``reinstreq``.

    A tuple of words that all hosts share, because each host has hundreds and they are kept between looks.
    """

    want: str
    status: str
    flag: str
    name: str
    architecture: str
    version: str
    section: str

    @property
    def code(self) -> str:
        """The letters of ``dpkg -l``: ``ii``, ``rc``, ``iF``, ``uWR``."""
        return _WANTS[self.want] + _STATES[self.status] + ("R" if self.flag == "reinstreq" else "")

    @property
    def installed(self) -> bool:
        """Its files are there and it is or was usable; leftovers and half-installed packages are not."""
        return self.status in _INSTALLED

    @property
    def family(self) -> str:
        """The section without its archive area: ``non-free/kernel`` is ``kernel``."""
        return self.section.rpartition("/")[2]


def left(packages: Iterable[Package]) -> list[Package]:
    """Those that were removed and whose configuration was kept."""
    return [package for package in packages if package.status == "config-files"]


_INSTALLED = frozenset({"installed", "triggers-pending", "triggers-awaited", "half-configured", "unpacked"})


def _read(text: str) -> tuple[Package, ...]:
    packages = []
    for row in text.splitlines():
        words = row.split("|")
        if len(words) != 7 or words[0] not in _WANTS or words[1] not in _STATES:  # noqa: PLR2004 - one word per field asked for
            raise UnreadableError(f"dpkg-query printed a row that is none: {row[:120]!r}")
        packages.append(Package._make(map(shared, words)))
    if not any(package.name == "dpkg" for package in packages):
        raise UnreadableError("dpkg-query does not know the package dpkg: this is not the whole list")
    return tuple(packages)


_FIELDS = ("db:Status-Want", "db:Status-Status", "db:Status-Eflag", "Package", "Architecture", "Version", "Section")

PACKAGES = Probe(
    name="dpkg-query",
    argv=("dpkg-query", "-W", "-f", "|".join(f"${{{name}}}" for name in _FIELDS) + "\\n"),
    read=_read,
    limit=4 * MIB,
    remedy="look at /var/lib/dpkg/status",
)

_OWNED = re.compile(
    r"/var/lib/dpkg/info/(?P<package>[^:/]+)(?::[^:/]+)?\.list:/etc/(?:init\.d|default)/(?P<stem>[^/]+)"
)


def _read_owners(text: str) -> Mapping[str, str]:
    """The package by the name its init script or defaults file has: that outlives the package's removal."""
    return {match["stem"]: match["package"] for row in text.splitlines() if (match := _OWNED.fullmatch(row))}


# grep ends with 1 when nothing matches: a system without any init script.
OWNERS = Probe(
    name="dpkg-init-scripts",
    argv=(
        *("grep", "-r", "-H", "--include=*.list", "-E", "^/etc/(init[.]d|default)/[^/]+$"),
        "/var/lib/dpkg/info",
    ),
    read=_read_owners,
    codes=(0, 1),
)
