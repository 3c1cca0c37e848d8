"""docker and its kin: builds and pulls without their layers."""

import re
from collections.abc import Mapping, Sequence

from aiops.condense.lines import Tool

_NOISE = re.compile(
    r"\s*(?:[0-9a-f]{12}: (?:Pull|Wait|Verif|Down|Extract|Already|Preparing|Pushed|Layer)|Sending build context|"
    r" ?--->|Removing intermediate|=> (?:CACHED|=>|transferring|\[internal\])|#\d+ (?:DONE|CACHED|sha256:|extracting|"
    r"transferring|\d+\.\d+ (?:Get|Hit|Setting up|Unpacking|Selecting|Preparing)))|"
    r".*\bUp \d+ (?:seconds|minutes|hours|days|weeks|months)"
    r"(?! .*unhealthy)"
)


def keep(lines: Sequence[str]) -> Mapping[int, str]:
    """Steps, results, and containers that are not simply up."""
    return {index: line for index, line in enumerate(lines) if not _NOISE.match(line)}


TOOL = Tool("container", keep)
