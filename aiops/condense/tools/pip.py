"""pip: what was installed or replaced, and why it could not be."""

import re
from collections.abc import Mapping, Sequence

from aiops.condense.lines import Tool, shape

_NOISE = re.compile(
    r"\s*(?:Collecting |Downloading |Using cached |Requirement already satisfied|Looking in |Processing |Obtaining |"
    r"Preparing metadata|Getting requirements|Installing build dependencies|Building wheel|Created wheel|Stored in|"
    r"Building wheels for|Successfully (?:built|uninstalled)|Installing collected packages|Attempting uninstall|"
    r"Uninstalling |Link requires|━|[-─╸╺]* ?\d+(?:\.\d+)?/\d|\[notice\]|INFO: pip is looking at)"
)
_PLACE = re.compile(r"'[^']*'")


def keep(lines: Sequence[str]) -> Mapping[int, str]:
    """All but fetching and building."""
    return {index: line for index, line in enumerate(lines) if not _NOISE.match(line)}


def _shape(line: str) -> str:
    """One warning about many places is one warning; versions are news and never fold."""
    return shape(_PLACE.sub("<place>", line)) if line.startswith("WARNING: Location") else line.strip()


TOOL = Tool(
    "pip", keep, noise=re.compile(r"^\s*(?:Collecting|Downloading|Requirement already|Using cached) "), shape=_shape
)
