"""make and compilers: what failed, what was warned of, and how it ended."""

import re
from collections.abc import Mapping, Sequence

from aiops.condense.lines import Tool

_NOISE = re.compile(
    r"\s*(?:\[ *\d+%\] (?:Building|Linking|Built|Generating)|\[\d+/\d+\] |(?:gcc|g\+\+|cc|c\+\+|clang\S*|ar|ranlib|ld|libtool|mv|"
    r"cp|rm|mkdir|install|echo|sed|\S*/bin/\S+) |make\[\d+\]: (?:Entering|Leaving|Nothing)|checking |config\.status|"
    r"(?:CC|CXX|LD|AR|GEN|AS|CCLD)\s|Compiling |Downloaded |Downloading |Fresh |Scanning dependencies)"
)
_LAST = 3


def keep(lines: Sequence[str]) -> Mapping[int, str]:
    """All but the calls of the compiler, and the end in any case."""
    return {index: line for index, line in enumerate(lines) if not _NOISE.match(line) or index >= len(lines) - _LAST}


TOOL = Tool("make", keep, noise=re.compile(r"^\s*(?:(?:gcc|g\+\+|cc|clang\S*) .*-W|checking .*(?:no|yes)$)"))
