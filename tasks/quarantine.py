"""Where what is no message goes: the newest hundred in files that nobody but us may read, for a human to look at."""

import hashlib
import logging
import threading
import time
from pathlib import Path
from typing import Final

from aiops.settings import load_settings
from tasks.refusals import tell

log = logging.getLogger(__name__)

KEPT: Final = 100
LONGEST: Final = 64 * 1024
"""Bytes kept of each: enough to see what it was, and a flood of large ones fills no disk."""
TOLD: Final = 20
"""Said one by one in a minute; of more only the count is said, so that a flood does not wash out the event stream."""


class _Voice:
    """How much was said in this minute."""

    def __init__(self) -> None:
        self._lock, self._minute, self._seen = threading.Lock(), 0, 0

    def may(self) -> tuple[bool, int]:
        """Whether to say this one, and how many of the last minute were not said."""
        with self._lock:
            minute, unsaid = int(time.monotonic() // 60), 0
            if minute != self._minute:
                unsaid, self._minute, self._seen = max(0, self._seen - TOLD), minute, 0
            self._seen += 1
            return self._seen <= TOLD, unsaid


_voice = _Voice()


def put(raw: bytes, place: str, reason: str) -> None:
    """Keep the bytes and say so. Never raises: a full disk must not end the worker either."""
    digest = hashlib.sha256(raw).hexdigest()
    may, unsaid = _voice.may()
    if may:
        before = f"; {unsaid} more came before that" if unsaid else ""
        tell(f"it is no message ({reason}); sha256 {digest}, {len(raw)} bytes{before}", "?", None, queue=place)
    folder = load_settings().state / "quarantine"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = folder / f"{time.time_ns()}-{digest[:12]}"
        file.touch(mode=0o600)
        file.write_bytes(raw[:LONGEST])
        _thin(folder)
    except OSError as error:
        log.warning("quarantine: %s", error)


def _thin(folder: Path) -> None:
    for file in sorted(folder.iterdir())[:-KEPT]:
        file.unlink(missing_ok=True)
