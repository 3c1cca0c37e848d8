"""/var/lib/apt/lists and the daily update: how fresh the knowledge about upgrades is.

``apt-get update`` ends with 0 when every signature fails and then reports nothing to upgrade, so its exit code says nothing.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

from aiops.probes import Probe, UnreadableError


@dataclass(frozen=True)
class Lists:
    """``attempted`` is when apt last tried, in Unix time. ``valid_until`` by archive, where its owner promises one."""

    attempted: float
    valid_until: dict[str, datetime]


_PARTIAL = re.compile(r"@(?P<at>\d+(?:\.\d+)?) partial")
_RELEASE = re.compile(r"@\d+(?:\.\d+)? (?P<name>\S+Release)")


def _read(text: str) -> Lists:
    attempted = 0.0
    name, valid = "", dict[str, datetime]()
    for row in text.splitlines():
        if match := _PARTIAL.fullmatch(row):
            attempted, name = float(match["at"]), ""
        elif match := _RELEASE.fullmatch(row):
            name = match["name"]
        elif name and row.startswith("Valid-Until: "):
            valid[name] = _moment(row.partition(": ")[2])
        else:
            raise UnreadableError(f"find printed a row that is none: {row[:120]!r}")
    if not attempted:
        raise UnreadableError("apt has never fetched an index here: /var/lib/apt/lists/partial is not there")
    return Lists(attempted, valid)


def _moment(text: str) -> datetime:
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        raise UnreadableError(f"an archive's Valid-Until is no date: {text[:80]!r}") from None


# An InRelease file has the archive's time, not ours; the folder of unfinished downloads changes with every attempt.
LISTS = Probe(
    name="apt-lists",
    argv=(
        *("find", "/var/lib/apt/lists", "-mindepth", "1", "-maxdepth", "1"),
        *("(", "-name", "partial", "-printf", "@%T@ %f\\n", ")", "-o"),
        *(
            "(",
            "-name",
            "*Release",
            "-printf",
            "@%T@ %f\\n",
            "-exec",
            "grep",
            "-m",
            "1",
            "^Valid-Until: ",
            "{}",
            ";",
            ")",
        ),
    ),
    read=_read,
)


@dataclass(frozen=True)
class Update:
    """What the last ``apt-get update`` complained of: archives that failed, and whether older indexes stay in use."""

    failed: dict[str, str]
    stale: tuple[str, ...]


# apt 3 writes the whole word where it believes that a human reads.
_WHOLE_WORD = re.compile(r"^(E|W)(?:rror|arning): ")
_NOT_UPDATED = re.compile(r"W: .*previous index files will be used\. *(?P<why>.*)")
_EXPIRED = re.compile(r"E: Release file for (?P<file>\S+) is (?:expired|not valid yet) .*")
_IGNORED = re.compile(r"W: Some index files failed to download\.")
_REPOSITORY = re.compile(r"E: The repository '(?P<repository>[^']+?)(?: (?:In)?Release)?' (?P<why>.*)")
_FETCH = re.compile(r"E: Failed to fetch (?P<base>\S+?)(?:/dists/(?P<suite>\S+?)/\S*)?\s+(?P<why>.*)")


def read_update(text: str) -> Update:
    """The last run in this text: a log may hold several."""
    last = re.split(r"^Starting apt-daily\.service.*$", text, flags=re.MULTILINE)[-1]
    failed: dict[str, str] = {}
    stale: list[str] = []
    for line in last.splitlines():
        row = _WHOLE_WORD.sub(r"\1: ", line)
        if match := _REPOSITORY.fullmatch(row) or _FETCH.fullmatch(row):
            groups = match.groupdict()
            failed.setdefault(
                groups.get("repository") or f"{groups['base']} {groups.get('suite') or ''}".strip(), groups["why"]
            )
        elif match := _NOT_UPDATED.fullmatch(row):
            stale.append(match["why"] or row)
        elif _IGNORED.match(row) or _EXPIRED.fullmatch(row):
            stale.append(row)
    return Update(failed, tuple(stale))


# Debian's daily update keeps quiet unless APT::Periodic::Verbose is 2; then its complaints are in the journal.
DAILY_UPDATE = Probe(
    name="apt-daily",
    argv=("/usr/bin/journalctl", "-q", "--no-pager", "-o", "cat", "-u", "apt-daily.service", "-n", "300"),
    read=read_update,
    sudo=True,
)
