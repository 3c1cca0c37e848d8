"""systemctl: what state a unit is in and what it said; of a list the units that are not well."""

import re
from collections.abc import Mapping, Sequence

from aiops.condense.lines import Tool
from aiops.condense.tools import log

_LISTED = re.compile(
    r"^[●\u00d7* ]*\s*\S+\.(?:service|socket|timer|mount|target|device|slice|scope|path|automount|swap)\s+\S+\s"
)
_WELL = re.compile(r"\sloaded\s+active\s+(?:running|exited|mounted|plugged|listening|waiting|active|elapsed)\s")
_STATUS_NOISE = re.compile(r"\s*(?:CGroup:|[├└│]─?|Docs:|Tasks:|Memory:|CPU:|IP:|IO:|\d+ /)")


def keep(lines: Sequence[str]) -> Mapping[int, str]:
    """Rows of healthy units and the tree of processes go."""
    if any(_LISTED.match(line) and " loaded " in line for line in lines):
        return {index: line for index, line in enumerate(lines) if not _WELL.search(line)}
    chosen = log.keep(lines)
    return {index: line for index, line in chosen.items() if not _STATUS_NOISE.match(line)}


TOOL = Tool("systemctl", keep, noise=_WELL, shape=log.log_shape)
