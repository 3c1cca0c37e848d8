"""The hosts: which there are, and how they are looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from aiops.domain.certificate import Served
from aiops.domain.guest import Guest
from aiops.domain.host import Host
from aiops.domain.testimony import Testimony


@dataclass(frozen=True)
class Printed:
    """What one remote execution printed. ``seconds`` is its wall time."""

    stdout: bytes
    stderr: bytes
    code: int
    seconds: float


class Shell(Protocol):
    """Runs one script on one host, read-only, over a connection that is kept open. Safe to call from many threads."""

    def run(self, host: Host, script: str, seconds: float) -> Printed:
        """Run a POSIX sh script and wait for its end, at most ``seconds``.

        :raises HostUnreachableError: no connection, or it broke
        :raises HostTimeoutError: no end in time
        :raises HostKeyError: the host's key is not the trusted one
        """

    def close(self) -> None:
        """Close every connection."""


@dataclass(frozen=True)
class Page:
    """How a web server answered one request. ``status`` is None when it did not; then ``reason`` says why not."""

    url: str
    status: int | None
    reason: str
    seconds: float


class Web(Protocol):
    """Asks for pages as a user would: certificates are checked, redirections are not followed."""

    def get(self, url: str, seconds: float) -> Page:
        """One GET, at most ``seconds`` in all. A server that does not answer is a page without a status.

        :raises SettingsError: the address is no http or https address
        :raises UnknownError: the name cannot be resolved from here, so nothing is known about the server
        """

    def certificate(self, endpoint: str, seconds: float) -> Served:
        """The certificate a TLS endpoint shows (``name``, ``name:port`` or ``name@address:port``), good or not.

        :raises SettingsError: this is no such endpoint
        """


class Inventory(Protocol):
    """The hosts we know."""

    def hosts(self) -> Sequence[Host]:
        """All of them, in the inventory's order.

        :raises SettingsError: the inventory cannot be read
        """

    def find(self, name: str) -> Host:
        """One of them.

        :raises UnknownError: no such host
        """


class Topology(Protocol):
    """Another source that knows machines and what they run on: Proxmox, a map of the network."""

    def guests(self) -> Sequence[Guest]:
        """Every machine it knows.

        :raises SettingsError: it cannot be read as it is set up
        :raises TransientError: it does not answer now
        """


class Witness(Protocol):
    """Another system that knows something about many hosts at once. It is only ever read. Safe to call from many threads."""

    def ask(self, question: str, sweep: str) -> Testimony:
        """What it says, and what it could not say: a failure is a gap with its reason, never an empty answer.

        :param sweep: the sweep that asks; the same question of the same sweep gets the same answer
        :raises SettingsError: it cannot be asked that, or not as it is set up
        :raises TransientError: it does not answer now
        """
