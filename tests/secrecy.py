"""Where a secret of ours might have got to: everything that can be read of a system at work, and what was found there."""

import base64
import contextlib
import gzip
import os
import subprocess
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, Self

_LOOK_EVERY: Final = 0.02
_LARGEST: Final = 64 * 2**20


def marks(file: Path) -> list[bytes]:
    """What gives the secret in a file away: its text, or the lines of a private key that hold the private part."""
    text = file.read_bytes().strip()
    if not text.startswith(b"-----"):
        return [text]
    lines = text.splitlines()[1:-1]
    # The last but one line: the first ones of OpenSSH's form name the cipher and hold the public half.
    return [max(lines[-2:], key=len)]


class Watch:
    """Reads arguments and environments of every process there is, and what lies in a folder for a moment only."""

    def __init__(self, secrets: Mapping[str, Iterable[bytes]], folder: Path) -> None:
        """``secrets`` by the name they are reported under; ``folder`` is where processes put what they need for a moment."""
        self._secrets, self._folder = {name: tuple(marks) for name, marks in secrets.items()}, folder
        self.found: set[tuple[str, str]] = set()
        self.seen: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(_LOOK_EVERY):
            for process in Path("/proc").iterdir():
                if process.name.isdigit():
                    self._process(process)
            for file in self._folder.rglob("*"):
                with contextlib.suppress(OSError):
                    if file.is_file():
                        self.check(f"a file for a moment, {file.name}", file.read_bytes())

    def _process(self, process: Path) -> None:
        with contextlib.suppress(OSError):
            command = (process / "cmdline").read_bytes()
            name = " ".join(os.fsdecode(command).split("\0")[:3])
            self.seen.add(name)
            self.check(f"the arguments of {name}", command)
            self.check(f"the environment of {name}", (process / "environ").read_bytes())

    def check(self, place: str, content: bytes) -> None:
        """Note every secret that stands in the content, as it is or in base64."""
        for name, secrets in self._secrets.items():
            if any(secret in content or base64.b64encode(secret).rstrip(b"=")[:-1] in content for secret in secrets):
                self.found.add((name, place))

    def files(self, folder: Path, *, but: Iterable[Path]) -> None:
        """Everything below a folder except these files: also what is compressed, and the whole history of git."""
        left_out = {path.resolve() for path in but}
        for path in folder.rglob("*"):
            if path.resolve() in left_out or not path.is_file() or path.stat().st_size > _LARGEST:
                continue
            content = path.read_bytes()
            self.check(str(path.relative_to(folder)), content)
            if content.startswith(b"\x1f\x8b"):
                with contextlib.suppress(OSError, EOFError):
                    self.check(f"{path.relative_to(folder)}, unpacked", gzip.decompress(content))
        for head in {*folder.rglob("HEAD")}:
            for content in _objects(head.parent):
                self.check(f"an object of {head.parent.relative_to(folder)}", content)


def _objects(repository: Path) -> Iterator[bytes]:
    if (repository / "objects").is_dir():
        command = ["git", "--git-dir", str(repository), "cat-file", "--batch-all-objects", "--batch"]
        yield subprocess.run(command, capture_output=True, check=True).stdout
