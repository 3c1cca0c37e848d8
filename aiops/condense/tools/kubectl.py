"""kubectl: of a description what the pod is and why it does not run; of a list the rows that are not well."""

import re
from collections.abc import Mapping, Sequence

from aiops.condense.lines import Tool

_KEPT = re.compile(
    r" *(?:Name|Node|Status|Image|State|Last State|Reason|Message|Exit Code|Restart Count|Ready|Signal|memory|cpu|Limits|Host|"
    r"Unschedulable|Taints|Replicas|Phase|Containers|Init Containers|Events|Started|Finished|Type|Selector|Endpoints):"
)
_ROW_WELL = re.compile(r"\s(\d+)/\1\s+(?:Running|Completed)\s|\s(?:Ready|Active|Bound)\s|\s0/1\s+Completed\s")
_NORMAL = re.compile(r"\s+Normal\s")
_FALSE = re.compile(r"\s+\S+\s+(?:False|Unknown)\b")
_PRESSURE = re.compile(r"\s+\w*(?:Pressure|Unavailable)\s+False")


def keep(lines: Sequence[str]) -> Mapping[int, str]:
    """A description is told from a list by its keys."""
    if any(line.startswith(("Name:", "Events:")) for line in lines):
        return _described(lines)
    return {
        index: line
        for index, line in enumerate(lines)
        if index == 0 or not (_ROW_WELL.search(line) or _NORMAL.search(line))
    }


def _described(lines: Sequence[str]) -> Mapping[int, str]:
    kept: dict[int, str] = {}
    section = ""
    for index, line in enumerate(lines):
        if line and not line.startswith(" "):
            section = line.partition(":")[0]
        if section in {"Events", "stderr", "Warning"}:
            if not _NORMAL.match(line) and " ----" not in line and "Reason     Age" not in line:
                kept[index] = re.sub(r" {2,}", "  ", line)
        elif section == "Conditions":
            if _FALSE.match(line) and not _PRESSURE.match(line):
                kept[index] = line
        elif section in {"Containers", "Init Containers"}:
            if _KEPT.match(line) or re.fullmatch(r"  \S+:", line):
                kept[index] = line
        elif _KEPT.match(line) and section not in {"Volumes", "Labels", "Annotations", "Tolerations"}:
            kept[index] = line
    return kept


TOOL = Tool(
    "kubectl",
    keep,
    noise=re.compile(r"^ *(?:Tolerations|node\.kubernetes\.io|\S*Pressure)|^\s+Normal\s"),
    shape=str.strip,
    ordered=True,
)
