"""Our own log files, read as they grow: whole lines only, from where the last reading ended, over a rotation too."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

MOST: Final = 512 * 1024
"""Bytes of one file at a time: the next round goes on."""
LONGEST: Final = 64 * 1024
"""Bytes of one line, as of one event; what is longer is cut and marked."""


class LogFiles:
    """Port ``LogSource`` over ``<name>.log`` of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, mark: Callable[[str], str]) -> tuple[Sequence[dict[str, Any]], dict[str, str]]:
        records: list[dict[str, Any]] = []
        marks: dict[str, str] = {}
        for path in sorted(self._folder.glob("*.log")):
            name = f"file:{path.name}"
            try:
                found, place = _grown(path, mark(name))
            except OSError:
                continue  # it was removed in this very moment, or is not ours to read: the next round looks again
            if place != mark(name):
                marks[name] = place
            records += [_record(line, path.stem) for line in found]
        return records, marks


def _grown(path: Path, mark: str) -> tuple[list[bytes], str]:
    """The new whole lines, and the mark after them: the file's number and how far it was read."""
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        number, _, read = mark.partition(":")
        start = int(read or 0) if number == str(status.st_ino) and int(read or 0) <= status.st_size else 0
        file.seek(start)
        piece = file.read(MOST)
    end = piece.rfind(b"\n") + 1
    if not end and len(piece) == MOST:
        end = len(piece)  # one endless line must not stop us for ever
    return [line for line in piece[:end].splitlines() if line.strip()], f"{status.st_ino}:{start + end}"


def _record(line: bytes, process: str) -> dict[str, Any]:
    if len(line) > LONGEST:
        return {"process": process, "level": "warning", "event": f"{_text(line[:LONGEST])} [cut, {len(line)} bytes]"}
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        return {"process": process, "level": "info", "event": _text(line)}
    return {**record, "process": process}


def _text(line: bytes) -> str:
    return line.decode(errors="replace")
