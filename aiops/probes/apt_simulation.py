"""apt-get -s: what an upgrade would do, without doing it."""

import re
from dataclasses import dataclass

from aiops.probes import Probe, UnreadableError


@dataclass(frozen=True)
class Upgrade:
    """A package that is installed and would be replaced. ``security``: the archive calls itself Debian-Security."""

    name: str
    installed: str
    candidate: str
    security: bool


@dataclass(frozen=True)
class Simulation:
    """What would be upgraded, what would be removed, and what stays behind though a newer version exists."""

    upgrades: tuple[Upgrade, ...]
    removed: tuple[str, ...]
    kept_back: tuple[str, ...]


_INST = re.compile(r"Inst (?P<name>\S+) \[(?P<old>[^\]]*)\] \((?P<new>\S+) ?(?P<origin>[^)]*)\)")
_REMV = re.compile(r"(?:Remv|Purg) (?P<name>\S+)")
_KEPT = "The following packages have been kept back:"
_KNOWN = re.compile(r"(Reading package lists|NOTE: This is only|Inst |Remv |Conf |\d+ upgraded, )")


def _read(text: str) -> Simulation:
    rows = text.splitlines()
    if not any(_KNOWN.match(row) for row in rows):
        raise UnreadableError(f"apt-get simulated nothing but said {text.strip()[:120]!r}")
    inst = [match for row in rows if (match := _INST.match(row))]
    removed = [match["name"] for row in rows if (match := _REMV.match(row))]
    return Simulation(
        tuple(Upgrade(row["name"], row["old"], row["new"], "Debian-Security" in row["origin"]) for row in inst),
        tuple(dict.fromkeys(removed)),
        tuple(_kept_back(rows)),
    )


def _kept_back(rows: list[str]) -> list[str]:
    names: list[str] = []
    inside = False
    for row in rows:
        if inside and row.startswith(" "):
            names += row.split()
        else:
            inside = row.startswith(_KEPT)
    return names


# dist-upgrade, because upgrade never removes: what would go must be seen before somebody does it. NoLocking lets any account ask.
SIMULATION = Probe(
    name="apt-simulation",
    argv=("apt-get", "-s", "-o", "Debug::NoLocking=true", "dist-upgrade"),
    read=_read,
    seconds=30,
    remedy="run apt-get check on the host",
)

HELD = Probe(name="apt-held", argv=("apt-mark", "showhold"), read=lambda text: tuple(text.split()))
