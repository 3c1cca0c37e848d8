"""Servers of our own and keys, for a machine that has none."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol


class EmbeddedServer(Protocol):
    """A server of our own, for a machine that has none."""

    port: int

    def start(self) -> Any:
        """Start it and wait until it answers."""

    def stop(self) -> None:
        """End it and wait."""


class EmbeddedStore(EmbeddedServer, Protocol):
    """A Redis of our own."""

    @property
    def url(self) -> str:
        """Where it is, for the one account that may do everything: password included."""


def embedded_redis(folder: Path, accounts: Callable[[tuple[int, int]], Sequence[str]] | None = None) -> EmbeddedStore:
    """A Redis-compatible server of our own. ``accounts`` gives the lines of its ACL file for its version."""
    from aiops.adapters.embedded import EmbeddedRedis  # noqa: PLC0415

    return EmbeddedRedis(folder, accounts=accounts)


def embedded_mqtt(folder: Path) -> EmbeddedServer:
    """An MQTT broker of our own."""
    from aiops.adapters.embedded import EmbeddedMqtt  # noqa: PLC0415

    return EmbeddedMqtt(folder)


def tied_command(parent: int, argv: list[str]) -> list[str]:
    """The command that runs ``argv`` and ends when the process ``parent`` does."""
    from aiops.adapters.tether import tied  # noqa: PLC0415

    return tied(parent, argv)


def generate_keys(private_key: Path, public_key: Path) -> None:
    """Make a signing key, unless there is one."""
    from aiops.adapters.signing import generate_keys as generate  # noqa: PLC0415

    if not private_key.exists():
        public_key.parent.mkdir(parents=True, exist_ok=True)
        generate(private_key, public_key)
