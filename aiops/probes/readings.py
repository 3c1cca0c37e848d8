"""Readings that are used again while a host says exactly the same: packages change once a week and are asked every five minutes.

A reader is a pure function of the text, and what it returns is never changed by a check (``tests/recordings`` plays every
recording three times to hold both), so the same text needs no second reading.
"""

import hashlib
from collections.abc import Callable
from typing import Any, Final

from aiops.probes import AnyProbe

WORTH: Final = 4096
"""Bytes of output from which on remembering costs less than reading: a digest of 4 KiB takes about 5 µs."""

MOST: Final = 4096
"""Readings that are kept: those of a thousand hosts with four long outputs each."""

_UNREAD: Final = object()


class Readings:
    """The last reading per host and probe. Safe to use from many threads.

    Kept from the second time on that a host says the same: what is different at every look (processes, logs) is not kept.
    """

    def __init__(self, worth: int = WORTH, most: int = MOST) -> None:
        """:param worth: bytes below which an output is simply read; :param most: readings kept, the oldest host goes first"""
        self._worth, self._most = worth, most
        self._kept: dict[tuple[str, AnyProbe], tuple[bytes, Any]] = {}

    def of(self, host: str) -> Callable[[AnyProbe, bytes], Any]:
        """A reader for one host: ``probe.read`` of the text, or what it was the last time.

        It raises what ``probe.read`` raises; a failure is never kept.
        """

        def reading(probe: AnyProbe, stdout: bytes) -> Any:
            if len(stdout) < self._worth:
                return plain(probe, stdout)
            said = hashlib.sha256(stdout).digest()
            before, read = self._kept.get((host, probe), (b"", _UNREAD))
            if before != said:
                self._keep((host, probe), said, _UNREAD)
                return plain(probe, stdout)
            if read is _UNREAD:
                read = plain(probe, stdout)
                self._keep((host, probe), said, read)
            return read

        return reading

    def _keep(self, place: tuple[str, AnyProbe], said: bytes, read: Any) -> None:
        if len(self._kept) >= self._most and place not in self._kept:
            self._kept.pop(next(iter(self._kept), place), None)
        self._kept[place] = (said, read)


def plain(probe: AnyProbe, stdout: bytes) -> Any:
    """What the probe's reader makes of the output. Bytes that are no text are shown as such, never dropped."""
    return probe.read(stdout.decode(errors="backslashreplace"))
