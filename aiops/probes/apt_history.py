"""/var/log/apt/history.log and its rotated files: what apt was asked to do and what it did instead."""

import fnmatch
import re
import shlex
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from aiops.probes import MIB, Probe, UnreadableError
from aiops.probes.words import shared

_INSTALLING = frozenset({"install", "reinstall", "build-dep", "satisfy"})
_UPGRADING = frozenset({"upgrade", "safe-upgrade", "dist-upgrade", "full-upgrade", "dselect-upgrade"})
_REMOVING = frozenset({"remove", "purge", "autoremove", "auto-remove", "autopurge", "autoclean"})
_WITH_VALUE = frozenset({"-o", "-t", "-c", "-a", "--option", "--target-release", "--default-release", "--config-file"})
_AUTOREMOVE = frozenset({"--auto-remove", "--autoremove"})


class Item(NamedTuple):
    """A package in a transaction; ``automatic``: it came only because another one needs it."""

    name: str
    architecture: str
    version: str
    automatic: bool = False


@dataclass(frozen=True)
class Transaction:
    """One run of apt. ``start`` is the host's local time as it is written, which has no zone."""

    start: str
    commandline: str = ""
    requested_by: str = ""
    finished: bool = False
    installed: tuple[Item, ...] = ()
    changed: tuple[Item, ...] = ()
    removed: tuple[Item, ...] = ()
    purged: tuple[Item, ...] = field(default=())

    @property
    def gone(self) -> tuple[Item, ...]:
        """All that it took away."""
        return self.removed + self.purged

    @cached_property
    def _words(self) -> list[str]:
        """The command line without the program, its options and their values."""
        try:
            words = shlex.split(self.commandline)
        except ValueError:  # apt joins its arguments with blanks, so a lone quote is possible
            words = self.commandline.split()
        kept: list[str] = []
        value_of_option = False
        for word in words[1:]:
            if not value_of_option and not word.startswith("-"):
                kept.append(word)
            value_of_option = not value_of_option and word in _WITH_VALUE
        return kept

    @property
    def verb(self) -> str:
        """``install``, ``upgrade``, ``remove``, or nothing where the history does not say."""
        if "unattended-upgrade" in self.commandline.partition(" ")[0]:
            return "upgrade"
        for word in self._words:
            for verb, words in (("install", _INSTALLING), ("upgrade", _UPGRADING), ("remove", _REMOVING)):
                if word in words:
                    return verb
        return ""

    @property
    def may_autoremove(self) -> bool:
        """It was asked to take away what nobody needs any more."""
        return not _AUTOREMOVE.isdisjoint(self.commandline.split())

    def names(self, package: str) -> bool:
        """Whether the command line names the package to be installed."""
        return any(fnmatch.fnmatchcase(package, _package(word)) for word in self._words if not word.endswith("-"))

    def names_to_remove(self, package: str) -> bool:
        """Whether the command line names the package with a minus: ``apt install new old-``."""
        return any(_package(word[:-1]) == package for word in self._words if word.endswith("-"))

    @property
    def intruders(self) -> tuple[str, ...]:
        """What came in: the new packages that were asked for; if none was, all new ones that no other one pulled in."""
        asked = [item.name for item in self.installed if self.names(item.name)]
        asked = asked or [item.name for item in self.installed if not item.automatic]
        asked = asked or [item.name for item in self.changed if self.names(item.name)]
        return tuple(dict.fromkeys(asked or [item.name for item in self.installed]))


def _package(word: str) -> str:
    """The package's name in an argument: ``foo``, ``foo=1.2``, ``foo/stable``, ``foo:i386``, ``./foo_1.2_amd64.deb``."""
    if word.endswith(".deb"):
        return word.rpartition("/")[2].partition("_")[0]
    return re.split(r"[=/:]", word, maxsplit=1)[0]


_ITEM = re.compile(r"(?P<name>[^\s:,()]+)(?::(?P<arch>[^\s,()]+))? \((?P<inside>[^)]*)\)")
_GROUPS = {
    "Install": "installed",
    "Reinstall": "installed",
    "Upgrade": "changed",
    "Downgrade": "changed",
    "Remove": "removed",
    "Purge": "purged",
}


def _items(text: str) -> tuple[Item, ...]:
    found = []
    for name, architecture, inside in _ITEM.findall(text):
        version, *more = inside.split(", ")
        # Kept between looks, and the same words on all hosts of a release.
        found.append(Item(shared(name), shared(architecture), shared(version), "automatic" in more))
    return tuple(found)


def _read(text: str) -> tuple[Transaction, ...]:
    """All transactions, oldest first."""
    transactions: list[Transaction] = []
    fields: dict[str, str] = {}
    for row in [*text.splitlines(), "Start-Date: "]:
        key, colon, value = row.partition(": ")
        if key == "Start-Date":
            if fields:
                transactions.append(_transaction(fields))
            fields = {"Start-Date": value}
        elif colon and fields:
            fields[key] = f"{fields[key]}, {value}" if key in fields else value
        elif row.strip():
            raise UnreadableError(f"apt's history has a line that is none: {row[:120]!r}")
    return tuple(sorted(transactions, key=lambda transaction: transaction.start))


def _transaction(fields: dict[str, str]) -> Transaction:
    items: dict[str, tuple[Item, ...]] = {}
    for key, group in _GROUPS.items():
        items[group] = items.get(group, ()) + _items(fields.get(key, ""))
    return Transaction(
        start=" ".join(fields["Start-Date"].split()),
        commandline=fields.get("Commandline", ""),
        requested_by=fields.get("Requested-By", ""),
        finished="End-Date" in fields,
        **items,
    )


HISTORY = Probe(
    name="apt-history",
    argv=(
        *("find", "/var/log/apt", "-maxdepth", "1", "-name", "history.log*"),
        *("-exec", "gzip", "-cdf", "--", "{}", "+"),
    ),
    read=_read,
    limit=8 * MIB,
    remedy="let the detection account read /var/log/apt/history.log*",
)
