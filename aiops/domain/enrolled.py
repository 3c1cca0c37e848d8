"""A host on its way into the fleet: its key, our accounts, and what it still lacks."""

import base64
import hashlib
from typing import Annotated, Literal

from pydantic import Field

from aiops.domain.fact import Fact

Standing = Literal["present", "missing", "made", "changed"]


PublicKey = Annotated[str, Field(pattern=r"^(ssh|ecdsa)-[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2}$")]
"""As OpenSSH writes one, without its comment."""


class HostKey(Fact):
    """What a host says its key is. Nothing vouches for it but whoever compares the fingerprint."""

    kind: str = Field(pattern=r"^[a-z0-9@.-]{3,64}$")
    blob: str = Field(pattern=r"^[A-Za-z0-9+/]{16,4096}={0,2}$")

    @property
    def fingerprint(self) -> str:
        """As ``ssh-keygen -l`` prints it on the host's own console."""
        mark = hashlib.sha256(base64.b64decode(self.blob)).digest()
        return f"SHA256:{base64.b64encode(mark).decode('ascii').rstrip('=')}"


class Account(Fact):
    """One of our accounts on a host: who may log in to it, and what it may do as root."""

    name: str = Field(pattern=r"^[a-z_][a-z0-9_-]{0,30}$")
    public_keys: tuple[PublicKey, ...] = Field(min_length=1, max_length=3)
    """The one in use, and while it is replaced the next one and the one before."""
    sudoers: str


class Item(Fact):
    """One thing that a host needs."""

    what: str
    standing: Standing


class Enrolled(Fact):
    """How a host stands. ``key`` is the fingerprint it was let in with."""

    host: str
    key: str
    items: tuple[Item, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """What it still lacks."""
        return tuple(item.what for item in self.items if item.standing == "missing")
