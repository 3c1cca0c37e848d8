"""npm: the result of an installation, and the first level of a tree."""

import re
from collections.abc import Mapping, Sequence

from aiops.condense.lines import Tool

_CHATTER = re.compile(
    r"npm (?:http|verb|verbose|silly|sill|timing|cache|notice)\b|npm info (?!ok)|npm verb|\s*(?:gyp info|gyp verb|make\[|CC |"
    r"CXX |SOLINK|COPY|TOUCH)|\s*[⠀-⣿]"
)
_DEEP = re.compile(r"[│ ]+[├└]")
_TROUBLE = re.compile(r"UNMET|invalid|extraneous|missing|ERR!|npm error", re.IGNORECASE)


def install(lines: Sequence[str]) -> Mapping[int, str]:
    """All but requests and caches."""
    return {index: line for index, line in enumerate(lines) if not _CHATTER.match(line)}


def tree(lines: Sequence[str]) -> Mapping[int, str]:
    """What was asked for itself, and whatever does not fit, at any depth."""
    return {index: line for index, line in enumerate(lines) if not _DEEP.match(line) or _TROUBLE.search(line)}


INSTALL = Tool("npm", install, noise=_CHATTER)
TREE = Tool("npm ls", tree, shape=str.strip)
