"""Ed25519 over text: a plan crosses into remediation only with a signature that holds.

What is signed is the text together with what it is for, so that a permit can never pass for a plan.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol, TypeVar

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from pydantic import ValidationError

from aiops.domain.fact import Fact, canonical
from aiops.domain.plan import ApprovedPlan, SignedPlan
from aiops.domain.session import Grant, SignedGrant
from aiops.domain.talk import Said, SignedSaid
from aiops.errors import RefusedError, SettingsError

_PLAN = "aiops approved plan"
_GRANT = "aiops session grant"
_SAID = "aiops heard words"
_SIGNATURE = re.compile(r"[0-9a-f]{128}")
RETIRED: Final = "retired"
"""Folder below the public keys. What lies in it is believed no more, even where a copy of it is still left beside the others:
a deployment adds files and takes none away."""


_Signed = TypeVar("_Signed", bound=Fact)


class _Sealed(Protocol):
    """What every signed text brings."""

    @property
    def payload(self) -> str: ...

    @property
    def signature(self) -> str: ...

    @property
    def key(self) -> str: ...


class KeySigner:
    """Holds the signing key. Safe to share between threads."""

    def __init__(self, private_key: Path) -> None:
        """Read the key, a PEM file that only its owner may read.

        :raises SettingsError: missing, no Ed25519 key, or readable by everybody
        """
        self._key = _private(private_key)
        self._name = fingerprint(self._key.public_key())

    @property
    def key(self) -> str:
        """The public key's name."""
        return self._name

    def sign(self, approved: ApprovedPlan) -> SignedPlan:
        """Sign the canonical text of the approved plan."""
        payload = canonical(approved.model_dump(mode="json"))
        signature = self.sign_text(_PLAN, payload)
        return SignedPlan(payload=payload, signature=signature, key=self.key, incident=approved.plan.incident)

    def sign_grant(self, grant: Grant) -> SignedGrant:
        """Sign the canonical text of a grant; it can never pass for a plan."""
        payload = canonical(grant.model_dump(mode="json"))
        signature = self.sign_text(_GRANT, payload)
        return SignedGrant(payload=payload, signature=signature, key=self.key, incident=grant.incident)

    def sign_said(self, said: Said) -> SignedSaid:
        """Sign the canonical text of what a human said; it can never pass for a plan or a grant."""
        payload = canonical(said.model_dump(mode="json"))
        signature = self.sign_text(_SAID, payload)
        return SignedSaid(payload=payload, signature=signature, key=self.key, incident=said.incident)

    def sign_text(self, purpose: str, text: str) -> str:
        """Sign any text for a purpose; returns the signature in hex."""
        return self._key.sign(_message(purpose, text)).hex()


class KeyVerifier:
    """Holds the public keys that are trusted. More than one, so that a key can be replaced without a gap."""

    def __init__(self, *places: Path) -> None:
        """Read public keys: PEM files, or folders of ``*.pem``, whose folder ``retired`` takes keys back.

        :raises SettingsError: there is no key, or a file holds something else
        """
        self._retired = {
            fingerprint(key) for key in _public(place / RETIRED for place in places if (place / RETIRED).is_dir())
        }
        found = {fingerprint(key): key for key in _public(places)}
        self._keys: Mapping[str, Ed25519PublicKey] = {
            name: key for name, key in found.items() if name not in self._retired
        }
        if not self._keys:
            raise SettingsError(
                ", ".join(map(str, places)), "no public key here, so no signature could ever be verified"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the keys that are trusted."""
        return tuple(self._keys)

    def verify(self, signed: SignedPlan) -> ApprovedPlan:
        """Check the signature over the text, then parse it.

        :raises RefusedError: ``signature`` when it does not hold, ``payload`` when the text is no approved plan
        """
        return self._opened(_PLAN, ApprovedPlan, "plan", signed)

    def verify_grant(self, signed: SignedGrant) -> Grant:
        """Check the signature over the text, then parse it.

        :raises RefusedError: ``signature`` when it does not hold, ``payload`` when the text is no grant
        """
        return self._opened(_GRANT, Grant, "grant", signed)

    def verify_said(self, signed: SignedSaid) -> Said:
        """Check the signature over the text, then parse it.

        :raises RefusedError: ``signature`` when it does not hold, ``payload`` when the text is nothing that was said
        """
        return self._opened(_SAID, Said, "message", signed)

    def holds(self, purpose: str, text: str, signature: str, key: str) -> bool:
        """Whether a trusted key signed exactly this text for this purpose."""
        public = self._keys.get(key)
        if public is None or not _SIGNATURE.fullmatch(signature):
            return False
        try:
            public.verify(bytes.fromhex(signature), _message(purpose, text))
        except (InvalidSignature, UnicodeEncodeError):
            return False
        return True

    def why_not(self, what: str, key: str) -> str:
        """Why something signed by the key of that name was refused, for a human."""
        if key in self._retired:
            return f"the {what} is signed by {key}, a key that was retired: it is not believed any more"
        return f"the {what} is not signed by a key that is trusted here"

    def _opened(self, purpose: str, kind: type[_Signed], what: str, signed: _Sealed) -> _Signed:
        if not self.holds(purpose, signed.payload, signed.signature, signed.key):
            raise RefusedError("signature", self.why_not(what, signed.key))
        try:
            opened = kind.model_validate_json(signed.payload)
        except ValidationError as error:
            raise RefusedError("payload", f"the signed text is no {what}: {error.error_count()} errors") from None
        if canonical(opened.model_dump(mode="json")) != signed.payload:
            raise RefusedError("payload", "the signed text says more, or says it differently, than this version reads")
        return opened


def fingerprint(key: Ed25519PublicKey) -> str:
    """The key's name: the first 16 hex digits of the SHA-256 of its 32 bytes."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def generate_keys(private_key: Path, public_key: Path) -> str:
    """Make a key pair: the private half with mode 0600, the public half for everybody. Returns the fingerprint.

    :raises RefusedError: ``exists`` when one of the files is there already; it is never overwritten
    """
    if public_key.exists():
        raise RefusedError("exists", f"{public_key} exists; a key is never overwritten")
    make_private_key(private_key)
    public_half(private_key, public_key)
    return fingerprint(_private(private_key).public_key())


def make_private_key(place: Path) -> None:
    """Make a private key with mode 0600.

    :raises RefusedError: ``exists`` when the file is there already; it is never overwritten
    """
    key = Ed25519PrivateKey.generate()
    _create(place, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)


def public_half(private_key: Path, public_key: Path) -> None:
    """Write the public half of a private key for everybody; nothing when it is there.

    :raises SettingsError: the private key cannot be read
    """
    key = _private(private_key).public_key()
    with suppress(RefusedError):
        _create(public_key, key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), 0o644)


def fingerprints(place: Path) -> dict[str, Path]:
    """The public keys of a folder, or of a file, by their names.

    :raises SettingsError: a file holds something else
    """
    return {fingerprint(key): path for path, key in _files([place])}


def _message(purpose: str, text: str) -> bytes:
    return f"{purpose}\0{text}".encode()


def _create(path: Path, content: bytes, mode: int) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except FileExistsError:
        raise RefusedError("exists", f"{path} exists; a key is never overwritten") from None
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _private(path: Path) -> Ed25519PrivateKey:
    try:
        if path.stat().st_mode & stat.S_IROTH:
            raise SettingsError(str(path), "everybody may read this private key; chmod 600, and make a new one")
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SettingsError(str(path), f"cannot be read as a private key: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingsError(str(path), "is no Ed25519 key")
    return key


def _public(places: Iterable[Path]) -> Iterable[Ed25519PublicKey]:
    return (key for _, key in _files(places))


def _files(places: Iterable[Path]) -> Iterable[tuple[Path, Ed25519PublicKey]]:
    for place in places:
        for path in sorted(place.glob("*.pem")) if place.is_dir() else [place]:
            try:
                key = load_pem_public_key(path.read_bytes())
            except (OSError, ValueError, UnsupportedAlgorithm) as error:
                raise SettingsError(str(path), f"cannot be read as a public key: {error}") from error
            if not isinstance(key, Ed25519PublicKey):
                raise SettingsError(str(path), "is no Ed25519 key")
            yield path, key
