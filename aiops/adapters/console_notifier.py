"""Telling the human on the terminal, in a file, or in a list for tests."""

import os
import sys
from pathlib import Path
from typing import TextIO

from aiops.domain.event import Event
from aiops.domain.fact import iso
from aiops.errors import TransientError


def _printable(text: str) -> str:
    """Without control characters: a log line quoted in a symptom must not move the cursor or colour the terminal."""
    return "".join(character if character.isprintable() else " " for character in text)


class ConsoleNotifier:
    """Port ``Notifier``: one line for a human per message, to standard error unless told otherwise."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def tell(self, event: Event) -> None:
        """:raises TransientError: the stream is closed or its disk is full."""
        about = f" [{event.incident}]" if event.incident else ""
        line = f"{iso(event.timestamp)} {event.severity.value:8} {event.host}: {event.symptom} ({event.type}){about}"
        try:
            print(_printable(line), file=self._stream or sys.stderr, flush=True)
        except (OSError, ValueError) as error:
            raise TransientError(f"the console takes no message: {error}") from error


class FileNotifier:
    """Port ``Notifier``: one line of JSON per message, appended to a file that only its owner may read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def tell(self, event: Event) -> None:
        """:raises TransientError: the file cannot be written."""
        try:
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                # One write, so that lines of two processes do not mix.
                os.write(file, event.model_dump_json().encode() + b"\n")
            finally:
                os.close(file)
        except OSError as error:
            raise TransientError(f"{self._path} cannot be written: {error}") from error


class MemoryNotifier:
    """Port ``Notifier`` for tests. While ``broken`` nothing is delivered."""

    def __init__(self) -> None:
        self.told: list[Event] = []
        self.broken = False

    def tell(self, event: Event) -> None:
        """:raises TransientError: while ``broken``."""
        if self.broken:
            raise TransientError("broken on purpose")
        self.told.append(event)
