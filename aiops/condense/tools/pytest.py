"""pytest: which tests failed, the line each failed on, and the count at the end."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from aiops.condense.lines import Tool

_BAD = re.compile(r"^(?:FAILED|ERROR|XPASS)\b|\b(?:FAILED|ERROR)\b *(?:\[ *\d+%\])?$|^Interrupted|^INTERNALERROR")
_PLACE = re.compile(r"\S+\.py:\d+: \w*(?:Error|Exception|Failed|Exit)\w*$")
_SITE = re.compile(r"site-packages|/lib/python|\.pyenv")
_FRAME = re.compile(r"\S+\.py:\d+: in \S+$")
_SAID_PER_TEST = 4


def keep(lines: Sequence[str]) -> Mapping[int, str]:
    """Of a failure its name, its line, and what the assertion said first; of the rest the summary."""
    kept: dict[int, str] = {}
    section, said, summary = "", 0, _summarised(lines)
    for index, line in enumerate(lines):
        if _framed(line, "="):
            section, said = line.strip("= ").lower(), 0
            if _counts(line) or (section.startswith(("short test summary", "failures", "errors")) and not summary):
                kept[index] = line.strip("= ")
        elif _framed(line, "_"):
            said = 0
            kept[index] = line.strip("_ ") + ":"
        elif section.startswith("short test summary") or _is_count(line):
            if not line.startswith(("SKIPPED", "XFAIL")):
                kept[index] = _summary(line, kept.values())
        elif line.startswith("E  ") and line[1:].strip() and said < _SAID_PER_TEST:
            said += 1
            kept[index] = "E " + line[1:].strip()
        elif (_PLACE.match(line) and not _SITE.search(line)) or (_BAD.search(line) and not summary):
            kept[index] = line
    return kept | {index: lines[index] for index in _last_frames(lines)}


def _last_frames(lines: Sequence[str]) -> Iterator[int]:
    """In a short trace the place of a failure is the last frame of ours before what it said."""
    frame = -1
    for index, line in enumerate(lines):
        if _FRAME.match(line) and not _SITE.search(line):
            frame = index
        elif line.startswith("E  ") and frame >= 0:
            yield frame
            frame = -1


def _framed(line: str, by: str) -> bool:
    """``=== title ===`` or ``___ test ___``; a rule without a title is none. No pattern: a long rule makes one slow."""
    return line.startswith(by) and line.endswith(by) and bool(line.strip(f"{by} ")) and " " in line


def _summarised(lines: Sequence[str]) -> bool:
    return any("short test summary info" in line for line in lines)


def _counts(line: str) -> bool:
    return bool(re.search(r"\b\d+ (?:passed|failed|error)", line))


def _is_count(line: str) -> bool:
    return bool(re.match(r"\d+ (?:passed|failed|errors?|skipped)\b.* in [\d.]+s", line))


def _summary(line: str, told: Iterable[str]) -> str:
    """Without the reason, where that stands above at the failure itself."""
    test, dash, reason = line.partition(" - ")
    known = dash and any(reason[:40].rstrip(".") in above for above in told)
    return test if known and line.startswith("FAILED") else line


_NOT_SAID = re.compile(
    r"^(?! *E  )(?!FAILED|ERROR|INTERNALERROR).*(?:::.* (?:PASSED|FAILED|ERROR|SKIPPED|XFAIL)|^\s|^>|^\S+\.py:\d+|^[@_]|^\w+ = )"
    r"|^(?:self|cls|func|def|class|raise|SKIPPED)\b|^E   "
)

TOOL = Tool("pytest", keep, noise=_NOT_SAID, shape=str.strip, ordered=True)
