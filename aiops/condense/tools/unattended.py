"""unattended-upgrade --debug: origins, what is upgraded or kept back, and the result."""

import re
from collections.abc import Mapping, Sequence

from aiops.condense.lines import Tool
from aiops.condense.tools import apt

_NOISE = re.compile(
    r"Marking not allowed|Applying pin|Using \(\^|Checking: |adjusting candidate|Checking if |matching |<apt_pkg\.|pinning|"
    r"sanity check|Fetched "
)


def keep(lines: Sequence[str]) -> Mapping[int, str]:
    """All but pinning and matching."""
    steps = apt.keep(lines)
    return {index: line for index, line in steps.items() if not _NOISE.match(line)}


TOOL = Tool("unattended-upgrade", keep, noise=re.compile(r"^(?:Marking not allowed|Applying pin|Using \(\^)"))
