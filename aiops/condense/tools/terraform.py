"""terraform and tofu: which resources change and how, what is changed in place, what went wrong, and the result."""

import re
from collections.abc import Mapping, Sequence

from aiops.condense.lines import Tool, is_error

_VERDICT = re.compile(
    r"\s*# \S+.* (?:will|must) be |\s*# \(|Plan: |(?:Apply|Destroy) complete|No changes|Changes to Outputs|Outputs:$"
)
_COURSE = re.compile(
    r".*: (?:Refreshing state|Still (?:creating|destroying|reading|modifying)|Provisioning with|Reading\.|Read complete|"
    r"(?:Creat|Destroy|Modify)ing\.|(?:Creation|Destruction|Modifications) complete)"
)
_IN_PLACE = re.compile(r"\s*(?:~|-/\+|\+/-) |.* -> .*|.*# forces replacement")
_WHOLE = re.compile(r"\s*[+-] resource |\s*[+-] \S+ *= |\s*[}\]]|\s*[+-] [\[{\"]")
_TROUBLE = re.compile(r"(?:\u2502 )?(?:Error|Warning): ")
_PRINTED = re.compile(r"\S+ \((?:local|remote)-exec\): ")
_BOX = re.compile(r"^[\s\u2575\u2577\u2502\u2500]*$")


def keep(lines: Sequence[str]) -> Mapping[int, str]:
    """Of what is made or destroyed as a whole its name is enough; what is changed in place is shown attribute by attribute."""
    kept: dict[int, str] = {}
    whole = told = False
    for index, line in enumerate(lines):
        if _VERDICT.match(line):
            whole, told = " be created" in line or " be destroyed" in line, False
            kept[index] = line.strip()
            continue
        told = not _COURSE.match(line) and (told or _TROUBLE.match(line) is not None)
        in_place = not whole and not _COURSE.match(line) and _IN_PLACE.match(line)
        if not _BOX.match(line) and (told or in_place or is_error(line) or _PRINTED.match(line)):
            kept[index] = line
    return kept


def _shape(line: str) -> str:
    """Resources and figures are the news: only what is the same line folds."""
    return line.strip()


TOOL = Tool("terraform", keep, noise=_WHOLE, shape=_shape, ordered=True)
