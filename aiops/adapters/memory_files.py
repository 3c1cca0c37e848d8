"""Port ``Memory``: one Markdown file for each host or service, one line for each fact, that a human may edit.

- the root file system is on local-lvm (source: operator; since: 2026-11-02; until: 2027-05-01)
"""

import os
import re
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from aiops.domain.memory import Remembered
from aiops.errors import LedgerBusyError

_LINE: Final = re.compile(
    r"- (?P<text>.+) \(source: (?P<source>[^;()]+); since: (?P<at>[0-9-]{10}); until: (?P<until>[0-9-]{10})\)"
)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._:-]{0,252}")


class MemoryFiles:
    """See the module."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, names: Collection[str]) -> Sequence[Remembered]:
        found = [fact for name in sorted(set(names)) if _NAME.fullmatch(name) for fact in self._read(name)]
        return sorted(found, key=lambda fact: fact.at)

    def all(self) -> Sequence[Remembered]:
        names = sorted(file.stem for file in self._folder.glob("*.md")) if self._folder.is_dir() else []
        return [fact for name in names for fact in self._read(name)]

    def keep(self, fact: Remembered) -> None:
        facts = [one for one in self._read(fact.about) if one.text != fact.text]
        lines = [f"# {fact.about}", "", *map(_line, [*facts, fact])]
        place = self._folder / f"{fact.about}.md"
        fresh = self._folder / f".{fact.about}.new"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with fresh.open("w", encoding="utf-8") as file:
                file.write("\n".join(lines) + "\n")
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(place)
        except OSError as error:
            raise LedgerBusyError(str(place), str(error.strerror), "Give this user write access to it.") from None

    def _read(self, name: str) -> list[Remembered]:
        try:
            lines = (self._folder / f"{name}.md").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return []
        found = (_fact(name, line) for line in lines)
        return [fact for fact in found if fact]


def _fact(name: str, line: str) -> Remembered | None:
    match = _LINE.fullmatch(line.strip())
    if match is None:
        return None
    try:
        return Remembered(
            about=name,
            text=match["text"],
            source=match["source"].strip(),
            at=_day(match["at"]),
            until=_day(match["until"]),
        )
    except (ValueError, ValidationError):
        return None


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _line(fact: Remembered) -> str:
    text = " ".join(fact.text.split())
    source = re.sub(r"[;()]", ",", " ".join(fact.source.split()))
    return f"- {text} (source: {source}; since: {fact.at:%Y-%m-%d}; until: {fact.until:%Y-%m-%d})"
