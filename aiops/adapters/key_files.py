"""Port ``Rotation`` over files, three ways: a pair that signs, a pair of OpenSSH, a secret that is shown.

A private half never lies beside its successor longer than it has to: changing over overwrites it, only public halves stay.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from aiops.adapters.signing import RETIRED, KeySigner, fingerprints, make_private_key, public_half
from aiops.domain.key import Stage
from aiops.errors import RefusedError, SettingsError

_BYTES: Final = 24
"""192 bits: as the accounts' passwords are made."""


class SigningPair:
    """A private key of one process, and the folder of public ones that another believes."""

    def __init__(self, private: Path, public: Path) -> None:
        self._private, self._public = private.resolve(), public.resolve()
        self._next = _beside(self._private, ".next")

    def stage(self) -> Stage:
        if not self._private.exists():
            return "missing"
        if self._next.exists():
            return "next made"
        return "old accepted" if self._others() else "in use"

    def rotate(self) -> None:
        _refuse_unless(self._public.is_dir(), f"{self._public} must be a folder, so that two keys can be believed")
        if self._next.exists():
            half = self._half(KeySigner(self._next).key)
            _refuse_unless(not half.exists(), _UNDER_WAY)
        else:
            _refuse_unless(self.stage() == "in use", _UNDER_WAY)
            with _written(self._private):
                make_private_key(self._next)
        with _written(self._public):
            public_half(self._next, self._half(KeySigner(self._next).key))

    def use(self) -> None:
        _refuse_unless(self._next.exists(), _NOTHING_MADE)
        new = KeySigner(self._next).key
        _refuse_unless(self._half(new).exists(), f"{new} is not believed yet: rotate first")
        with _written(self._private):
            self._next.replace(self._private)
            _sync(self._private.parent)

    def retire(self) -> None:
        _refuse_unless(not self._next.exists(), _NOT_USED)
        _refuse_unless(KeySigner(self._private).key in fingerprints(self._public), "the key in use is not believed")
        others = self._others()
        _refuse_unless(bool(others), _NOTHING_OLD)
        with _written(self._public):
            retired = self._public / RETIRED
            retired.mkdir(exist_ok=True)
            for name, file in others:
                file.replace(retired / f"{name}.pem")
            _sync(self._public)

    def _half(self, name: str) -> Path:
        return self._public / f"{name}.pem"

    def _others(self) -> list[tuple[str, Path]]:
        """The public halves that are believed besides the one in use."""
        used = KeySigner(self._private).key
        return [(name, file) for name, file in fingerprints(self._public).items() if name != used]


class SshPair:
    """OpenSSH's pair: ``aiops enroll`` brings ``NAME.pub``, ``NAME.next.pub`` and ``NAME.old.pub`` to the hosts."""

    def __init__(self, private: Path) -> None:
        self._private = private.resolve()
        self._next = _beside(self._private, ".next")
        self._pub, self._next_pub, self._old_pub = (
            _beside(self._private, end) for end in (".pub", ".next.pub", ".old.pub")
        )

    def stage(self) -> Stage:
        if not self._private.exists():
            return "missing"
        if self._next.exists() or self._next_pub.exists():
            return "next made"
        return "old accepted" if self._old_pub.exists() else "in use"

    def rotate(self) -> None:
        _refuse_unless(not self._next.exists() and self.stage() == "in use", _UNDER_WAY)
        _refuse_unless(self._pub.exists(), f"{self._pub} is missing: ssh-keygen -y -f {self._private} > {self._pub}")
        key = Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        with _written(self._private):
            _place(self._next, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()), 0o600)
            _place(self._next_pub, public + b" aiops\n", 0o644)

    def use(self) -> None:
        _refuse_unless(self._next_pub.exists(), _NOTHING_MADE)
        with _written(self._private):
            if self._next.exists():
                # Before the private half: the old public one is what the hosts must go on to believe.
                _place(self._old_pub, self._pub.read_bytes(), 0o644)
                self._next.replace(self._private)
            self._next_pub.replace(self._pub)
            _sync(self._private.parent)

    def retire(self) -> None:
        _refuse_unless(self.stage() != "next made", _NOT_USED)
        _refuse_unless(self._old_pub.exists(), _NOTHING_OLD)
        with _written(self._private):
            self._old_pub.unlink()


class SecretLines:
    """A file whose first line is used, and whose every line is accepted."""

    def __init__(self, file: Path) -> None:
        self._file = file.resolve()

    def stage(self) -> Stage:
        return ("missing", "in use", "old accepted")[min(len(self._lines()), 2)]

    def rotate(self) -> None:
        lines = self._lines()
        _refuse_unless(len(lines) < 2, _UNDER_WAY)  # noqa: PLR2004 - the new one and the old one
        with _written(self._file):
            _place(self._file, "\n".join([secrets.token_urlsafe(_BYTES), *lines]).encode() + b"\n", 0o600)

    def use(self) -> None:
        raise RefusedError("stage", "the new one is used from the next start on; `retire` is the next step")

    def retire(self) -> None:
        lines = self._lines()
        _refuse_unless(len(lines) > 1, _NOTHING_OLD)
        made = self._file.stat()
        with _written(self._file):
            _place(self._file, lines[0].encode() + b"\n", 0o600)
            # When it was made is what its age is counted from.
            os.utime(self._file, ns=(made.st_atime_ns, made.st_mtime_ns))

    def _lines(self) -> list[str]:
        try:
            return self._file.read_text(encoding="utf-8").split()
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(str(self._file), f"the secret cannot be read: {error}") from None


_UNDER_WAY: Final = "its replacement is under way: use the new one, then retire the old one"
_NOTHING_MADE: Final = "there is no new one: rotate first"
_NOT_USED: Final = "the new one is not used yet: use it first"
_NOTHING_OLD: Final = "there is no old one that is still accepted"


def _refuse_unless(fine: bool, text: str) -> None:  # noqa: FBT001 - the condition
    if not fine:
        raise RefusedError("stage", text)


def _beside(file: Path, end: str) -> Path:
    return file.with_name(file.name + end)


def _place(path: Path, content: bytes, mode: int) -> None:
    """The whole content or none, and never readable by more than ``mode``."""
    new = _beside(path, ".new")
    with suppress(FileNotFoundError):
        new.unlink()
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _written(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SettingsError(str(place), f"cannot be changed here: {error.strerror}") from None
