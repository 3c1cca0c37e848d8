"""What all tools share: which line is an error, which lines say the same, and how long a line may be."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

Shape = Callable[[str], str]
Keep = Callable[[Sequence[str]], Mapping[int, str]]

_WORDS = (
    r"errors?|err|warn|warning|warnings|fail|fails|failed|failure|failures|failing|fatal|exception|panic|panicked|denied|"
    r"refused|timeouts?|unreachable|critical|crit|emerg|cannot|can't|could not|unable to|not found|no such|"
    r"traceback|killed|segfault|oom|out of memory|unmet|conflicts?|rejected|expired|accepted \w+ for|break-in|removed|"
    r"aborted|corrupt(?:ed)?|invalid|mismatch|unauthorized|forbidden|unhealthy|back-off|crashloopbackoff|core dumped"
)
ERROR: Final = re.compile(
    rf"(?<![\w@/.-])(?:{_WORDS})(?![\w@/-])|(?<!\w)E: |(?<!\w)W: |\b[A-Z]\w*(?:Error|Exception|Impossible)\b|"
    r"\b(?:exit(?:ed)?(?: with)?(?: code| status)?|status|rc)[ =:]+[1-9]\d*\b|\*\*\*|"
    r"^[EWF]\d{4} \d\d:\d\d",
    re.IGNORECASE,
)
"""Words that stand by themselves: the package ``http-errors`` is no error, nor is ``failed=0`` followed to its end."""

_HARMLESS: Final = re.compile(
    r"\b(?:0 (?:errors?|failed|failures?|warnings?|removed|unreachable)|(?:failed|errors?|unreachable|warnings?)[=:] ?0|"
    r"no errors?|without errors?)\b",
    re.IGNORECASE,
)
_VARIABLE: Final = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22,27}\b"), "<id>"),
    (re.compile(r"\b0x[0-9a-fA-F]+\b"), "<hex>"),
    (re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b"), "<ip>"),
    (re.compile(r"\b[0-9a-f]*\d[0-9a-f]{7,}\b"), "<hex>"),
    (re.compile(r"\d+"), "<n>"),
)
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d|\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?|\[\d+\]|\b\d+(?:\.\d+){2,}")
_NUMBER: Final = re.compile(r"(?<![\w.])\d{1,9}(?!\w)")
_NAME: Final = re.compile(r"\b(?:(?:\d{1,3}\.){3}\d{1,3}|[A-Za-z_][\w.-]*\d[\w.-]*)\b")
_IDENTIFIER: Final = re.compile(r"[0-9a-f-]{8,}")
LONGEST: Final = 400
"""Characters of one line: a line of a terminal four times over; what is cut is said."""
REACH: Final = 2000
"""Characters of one line that are read at all; longer ones are data, not speech."""
_AROUND: Final = 140
_TOP: Final = 5
_APART: Final = 2
"""Two lines that differ in a number are both shown; of more, one."""


@dataclass(frozen=True)
class Tool:
    """How to read what one tool prints. ``keep`` names the lines to show, by position, and how each is shown.

    ``noise`` is what looks like an error and is none, in this tool's output; ``shape`` makes lines alike that say the same.
    Where the order of lines is the news (``ordered``), only neighbours are folded. ``reads_data``: ``keep`` bounds lines itself.
    """

    name: str
    keep: Keep
    noise: re.Pattern[str] | None = None
    shape: Shape | None = None
    ordered: bool = False
    reads_data: bool = False

    def shape_of(self, line: str) -> str:
        """What the line says, without what varies."""
        return self.shape(line) if self.shape else shape(line)

    def is_error(self, line: str) -> bool:
        """Whether the line must not be dropped."""
        return is_error(line) and not (self.noise and self.noise.search(line))


def is_error(line: str) -> bool:
    """Whether it speaks of something that went wrong."""
    return bool(ERROR.search(_HARMLESS.sub("", line)))


def shape(line: str) -> str:
    """The line with numbers, addresses and identifiers taken out."""
    for pattern, instead in _VARIABLE:
        line = pattern.sub(instead, line)
    return " ".join(line.split())


def bounded(line: str) -> str:
    """A line of which the patterns see at most ``REACH`` characters: whoever writes into a log must not make us slow."""
    if len(line) <= REACH:
        return line
    half = REACH // 2 - 50
    found = ERROR.search(line, half)
    start = min(max(half, found.start() - half // 2), len(line) - half) if found else len(line) - half
    cut = start - half + max(0, len(line) - start - half)
    return f"{line[:half]} ... {line[start : start + half]} [{cut} characters omitted]"


def clip(line: str) -> str:
    """A line of bearable length: its beginning, what surrounds its first error, and how many characters were omitted."""
    if len(line) <= LONGEST:
        return line
    head = line[: LONGEST - 2 * _AROUND]
    found = ERROR.search(line, len(head))
    start = max(len(head), found.start() - _AROUND // 2) if found else len(line) - 2 * _AROUND
    piece = line[start : start + 2 * _AROUND]
    return f"{head} ... {piece} [{len(line) - len(head) - len(piece)} characters omitted]"


def fold(lines: Sequence[str], tool: Tool) -> list[str]:
    """Lines of one shape become the first of them with a count and the names that came most often."""
    groups: dict[str, list[str]] = {}
    folded: list[str] = []
    for line in lines:
        said = tool.shape_of(line)
        if tool.ordered and groups and said not in groups:
            folded += _folded(next(iter(groups.values())))
            groups = {}
        groups.setdefault(said, []).append(line)
    return [*folded, *(line for group in groups.values() for line in _folded(group))]


def _folded(group: Sequence[str]) -> list[str]:
    texts = Counter(group)
    if len(texts) <= _APART:
        return [clip(text) if count == 1 else f"{clip(text)}  [x{count}]" for text, count in texts.items()]
    names = Counter(name for line in group for name in set(_NAME.findall(line)) if not _IDENTIFIER.fullmatch(name))
    last = _counter(group)
    varying = [(name, count) for name, count in names.most_common() if count < len(group)]
    if not varying:
        return [f"{clip(group[0])}  [x{len(group)}{last}]"]
    top = ", ".join(f"{name} x{count}" for name, count in varying[:_TOP])
    rest = f", {len(varying) - _TOP} more" if len(varying) > _TOP else ""
    return [f"{clip(group[0])}  [x{len(group)}{last}: {top}{rest}]"]


def _counter(group: Sequence[str]) -> str:
    """Where a number only grows from line to line, the last of it: how far a counter has come."""
    rows = [_NUMBER.findall(_TIME.sub("", line)) for line in (group[0], *group[1:-1][:200], group[-1])]
    columns = zip(*rows, strict=True) if len({len(row) for row in rows}) == 1 else ()
    grown = (column for column in columns if all(int(one) < int(other) for one, other in pairwise(column)))
    return next((f", last {column[-1]}" for column in grown), "")
