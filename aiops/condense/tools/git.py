"""git: one line per commit, every changed line of a diff, a status without its hints."""

import re
from collections.abc import Mapping, Sequence

from aiops.condense.lines import Tool

_COMMIT = re.compile(r"commit ([0-9a-f]{7,40})(.*)")
_HINT = re.compile(r"\s*\(use \"git")
_DIFF_NOISE = re.compile(r" |index [0-9a-f]")


def log(lines: Sequence[str]) -> Mapping[int, str]:
    """Short hash and subject of every commit; another form of log is left as it is."""
    starts = [index for index, line in enumerate(lines) if _COMMIT.match(line)]
    if not starts:
        return dict(enumerate(lines))
    kept: dict[int, str] = {}
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        match = _COMMIT.match(lines[start])
        subject = next((line.strip() for line in lines[start + 1 : end] if line.startswith("    ")), "")
        if match:
            kept[start] = f"{match[1][:7]}{match[2]} {subject}"
    return kept


def diff(lines: Sequence[str]) -> Mapping[int, str]:
    """Files, places and changed lines; context goes. What stands before the first hunk (a message, a table) is no context."""
    kept: dict[int, str] = {}
    hunk = False
    for index, line in enumerate(lines):
        hunk = line.startswith("@@") or (hunk and not line.startswith("diff "))
        if not (_DIFF_NOISE.match(line) if hunk else line.startswith("index ")):
            kept[index] = line
    return kept


def status(lines: Sequence[str]) -> Mapping[int, str]:
    """All but the hints."""
    return {index: line for index, line in enumerate(lines) if not _HINT.match(line)}


LOG = Tool("git log", log, noise=re.compile(r"^(?:\s|commit |Author|Date|Merge|Commit)"), shape=str.strip, ordered=True)
DIFF = Tool("git diff", diff, noise=re.compile(r"^ "), shape=lambda line: line, ordered=True)
STATUS = Tool("git", status, shape=str.strip)
