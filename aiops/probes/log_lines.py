"""What all readers of logs share: when a line was written and by whom."""

import re
from dataclasses import dataclass
from datetime import datetime

from aiops.probes import UnreadableError


@dataclass(frozen=True)
class Line:
    """One line. ``at`` is in Unix time (of an assumed year where the log names none); ``tag`` is syslog's identifier."""

    at: float
    tag: str
    pid: str
    text: str


_UNIX = re.compile(r"(?P<at>\d{9,11}\.\d+) (?P<rest>.*)")
_SYSLOG = re.compile(r"(?P<at>[A-Z][a-z]{2} {1,2}\d{1,2} \d{2}:\d{2}:\d{2}) (?P<rest>.*)")
_ISO = re.compile(
    r"(?P<at>\d{4}[-/]\d{2}[-/]\d{2}[T ]\d{2}:\d{2}:\d{2})(?:[.,](?P<part>\d+))?(?P<zone>Z|[+-]\d{2}:?\d{2})?"
)
_HOST_AND_TAG = re.compile(r"(?:\S+ )?\[?(?P<tag>[A-Za-z0-9_.@/()-]+?)\]?(?:\[(?P<pid>\d+)\])?: (?P<text>.*)")
_LEAP = 2000
"""A year for logs that name none: any will do for differences, and this one has a 29th of February."""


def read_lines(text: str) -> tuple[Line, ...]:
    """The lines of a journal in its ``short-unix`` form, or of a syslog file; a line without a time has the one before it."""
    lines: list[Line] = []
    at = 0.0
    for row in text.splitlines():
        moment, rest = _moment(row)
        at = at if moment is None else moment
        match = _HOST_AND_TAG.match(rest) if rest != row else None
        if match:
            lines.append(Line(at, match["tag"], match["pid"] or "", match["text"]))
        elif row.strip() and not row.startswith("-- "):
            lines.append(Line(at, "", "", rest))
    return tuple(lines)


def read_journal(text: str) -> tuple[Line, ...]:
    """The lines of ``journalctl -o short-unix``.

    :raises UnreadableError: a line has no such time
    """
    for row in text.splitlines():
        # A message of several lines goes on with blanks.
        if row and not row.startswith((" ", "-- ")) and not _UNIX.match(row):
            raise UnreadableError(f"journalctl printed a row without its time: {row[:120]!r}")
    return read_lines(text)


def _moment(row: str) -> tuple[float | None, str]:
    """When, and what follows; the row itself where it does not begin with a time."""
    if match := _UNIX.match(row):
        return float(match["at"]), match["rest"]
    if match := _SYSLOG.match(row):
        try:
            at = datetime.strptime(f"{_LEAP} {' '.join(match['at'].split())} +0000", "%Y %b %d %H:%M:%S %z")
        except ValueError:
            return None, row
        return at.timestamp(), match["rest"]
    if match := _ISO.search(row):
        zone = (match["zone"] or "+00:00").replace("Z", "+00:00")
        zone = zone if ":" in zone else f"{zone[:3]}:{zone[3:]}"
        at = datetime.fromisoformat(f"{match['at'].replace(' ', 'T').replace('/', '-')}{zone}")
        return at.timestamp() + float(f"0.{match['part'] or 0}"), row[
            match.end() :
        ].strip() if match.start() == 0 else row
    return None, row
