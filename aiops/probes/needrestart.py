"""needrestart and /run/reboot-required: what still runs the version before the upgrade."""

import re
from dataclasses import dataclass

from aiops.probes import Probe, UnreadableError


@dataclass(frozen=True)
class Restarts:
    """Services on old libraries, and whether a newer kernel waits; in a container there is no kernel to know about."""

    services: tuple[str, ...] = ()
    kernel_waits: bool = False
    running: str = ""
    expected: str = ""


_ROW = re.compile(r"NEEDRESTART-(?P<key>[A-Z]+): ?(?P<value>.*)")
_WAITS = frozenset({"2", "3"})  # KSTA: 0 unknown, 1 current, 2 an ABI compatible upgrade, 3 a new version


def _read(text: str) -> Restarts | None:
    rows = [(match["key"], match["value"]) for row in text.splitlines() if (match := _ROW.fullmatch(row))]
    fields = dict(rows)
    if not text.strip():
        return None
    if "VER" not in fields:
        raise UnreadableError(f"needrestart named no version but {text.strip()[:120]!r}")
    return Restarts(
        services=tuple(dict.fromkeys(value for key, value in rows if key == "SVC")),
        kernel_waits=fields.get("KSTA", "0") in _WAITS,
        running=fields.get("KCUR", ""),
        expected=fields.get("KEXP", ""),
    )


# 127: not installed, which is no fault; then /run/reboot-required is all there is.
RESTARTS = Probe(
    name="needrestart",
    argv=("/usr/sbin/needrestart", "-b", "-r", "l"),
    read=_read,
    sudo=True,
    codes=(0, 127),
    seconds=30,
)


def _read_flag(text: str) -> tuple[str, ...] | None:
    """The packages that asked for it; None when nobody did."""
    rows = text.split()
    return None if not rows else tuple(dict.fromkeys(row for row in rows if not row.startswith("/")))


REBOOT = Probe(
    name="reboot-required",
    argv=(
        *("find", "/run", "-maxdepth", "1", "-name", "reboot-required*", "-print"),
        *("-a", "-name", "*.pkgs", "-exec", "cat", "{}", ";"),
    ),
    read=_read_flag,
    codes=(0, 1),
)
