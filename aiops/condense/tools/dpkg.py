"""dpkg -l: the rows that are not simply installed."""

import re
from collections.abc import Mapping, Sequence

from aiops.condense.lines import Tool

_ROW = re.compile(r"[uihrp][ncHUFWti][ R] +\S+")
_WHOLE_ROW = re.compile(r"(\S\S\S?) +(\S+) +(\S+) +(\S+)")
_HEADER = re.compile(r"Desired=|\| Status=|\|/ Err\?=|\|\|/ |\+\+\+-")


def keep(lines: Sequence[str]) -> Mapping[int, str]:
    """Every row but ``ii``, with state, name, version and architecture; what is no row at all is kept as it is."""
    kept: dict[int, str] = {}
    for index, line in enumerate(lines):
        if line.startswith("ii ") or _HEADER.match(line):
            continue
        row = _WHOLE_ROW.match(line) if _ROW.match(line) else None
        kept[index] = f"{row[1]}  {row[2]} {row[3]}" if row else line
    return kept


TOOL = Tool("dpkg -l", keep, noise=re.compile(r"^(?:ii  |\|/ Err|\| Status)"), shape=str.strip)
