"""Whole outputs as compressed files, named by their digest."""

import contextlib
import os
import re
import tempfile
import zlib
from datetime import datetime
from pathlib import Path

from aiops.condense import digest_of
from aiops.errors import LedgerBusyError, UnknownError

_DIGEST = re.compile(r"[0-9a-f]{16}")
_LARGEST = 64 * 1024 * 1024
"""Bytes of one text: no tool of ours prints more, and a forged file must not fill the memory."""


class FileArchive:
    """Port ``Archive``. A file is written beside its place and moved there, so a reader sees all of it or nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, text: str) -> str:
        digest = digest_of(text)
        place = self._place(digest)
        try:
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if place.exists():
                os.utime(place)
                return digest
            descriptor, draft = tempfile.mkstemp(dir=place.parent)
            with os.fdopen(descriptor, "wb") as file:
                file.write(zlib.compress(text.encode(errors="surrogatepass"), 6))
            Path(draft).replace(place)
        except OSError as error:
            remedy = "Give this process's user write access to the folder, and look at its free space."
            raise LedgerBusyError(str(place), error.strerror or str(error), remedy) from error
        return digest

    def find(self, digest: str) -> str:
        remedy = "it was pruned, or another container keeps it"
        if not _DIGEST.fullmatch(digest):
            raise UnknownError("output", digest, "its name is 16 hex digits, as in `aiops raw 1a2b...`")
        try:
            packed = self._place(digest).read_bytes()
        except OSError:
            raise UnknownError("output", digest, remedy) from None
        try:
            text = zlib.decompressobj().decompress(packed, _LARGEST).decode(errors="surrogatepass")
        except (zlib.error, UnicodeDecodeError):
            text = ""
        if digest_of(text) != digest:
            raise UnknownError("output", digest, "what lies there is damaged")
        return text

    def prune(self, before: datetime) -> int:
        gone = 0
        for place in self._folder.glob("*/*"):
            with contextlib.suppress(FileNotFoundError):  # another process pruned it
                if place.stat().st_mtime < before.timestamp():
                    place.unlink()
                    gone += 1
        return gone

    def _place(self, digest: str) -> Path:
        return self._folder / digest[:2] / digest
