"""The machine under a campaign: a wall clock that can be set, and a power cut that takes back what no fsync had made last.

``machine.c`` is loaded into every process of ours. It adds the seconds of a file to the wall clock, and keeps for each ledger and
append-only file what was overwritten since its last fsync.
"""

import os
import shutil
import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path

_SOURCE = Path(__file__).with_name("machine.c")
_HEAD = struct.Struct("=QQQQ")


def compiler() -> str:
    """The path of a C compiler; empty when there is none."""
    return shutil.which("cc") or ""


class Machine:
    """Compiled into ``folder``; what it needs there lives as long as the folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._library, self._clock, self._undo = folder / "machine.so", folder / "clock", folder / "undo"
        self._undo.mkdir()
        self.set_clock(0)
        command = [compiler(), "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", str(self._library), str(_SOURCE)]
        subprocess.run(command, check=True, timeout=60)

    @property
    def environment(self) -> dict[str, str]:
        """For a process that runs on this machine."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAULTS_CLOCK": str(self._clock),
            "FAULTS_UNDO": str(self._undo),
        }

    def set_clock(self, seconds: int) -> None:
        """From now on the wall clock is wrong by so many seconds."""
        clock = os.open(self._clock, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.pwrite(clock, struct.pack("=q", seconds), 0)
        finally:
            os.close(clock)

    def lose_what_was_not_synced(self, files: Iterable[Path]) -> int:
        """Put the files back to their last fsync, once all who write them are dead; returns how many writes that undid."""
        undone = 0
        for file in files:
            kept = self._undo / file.name
            if kept.exists():
                undone += _take_back(file, kept)
                kept.unlink()
        return undone


def _take_back(file: Path, kept: Path) -> int:
    if not file.exists():
        return 0
    writes, data, at = [], kept.read_bytes(), 0
    while at + _HEAD.size <= len(data):
        inode, size, offset, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        writes.append((inode, size, offset, data[at : at + length]))
        at += length
    # A file of the same name that is gone has taken its writes with it.
    ours = [(size, offset, old) for inode, size, offset, old in writes if inode == file.stat().st_ino]
    with file.open("r+b") as there:
        for size, offset, old in reversed(ours):
            there.seek(offset)
            there.write(old)
            there.truncate(size)
    return len(ours)
