"""Telling the human in a file, where no other way is set up: one line of JSON per message."""

import os
from pathlib import Path

from aiops.domain.notice import Bundle
from aiops.errors import ChannelError


class FileChannel:
    """Port ``Channel``: appended to a file that only its owner may read, one line per event."""

    name = "file"

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, bundle: Bundle) -> str:
        lines = [notice.event.model_dump_json() + "\n" for notice in bundle.notices]
        try:
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                # One write, so that lines of two processes do not mix.
                os.write(file, "".join(lines).encode())
                return str(os.fstat(file).st_size)
            finally:
                os.close(file)
        except OSError as error:
            raise ChannelError(self.name, f"{self._path} cannot be written: {error.strerror}") from error
