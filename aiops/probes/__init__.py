"""Probes: one file is one command and how to read what it prints.

A probe never says "healthy" when it could not look: a missing binary, an exit code it does not know or output it cannot
read raises ``UnreadableError``, which becomes a ``Blind``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from aiops.domain.host import Host

Read_co = TypeVar("Read_co", covariant=True)

MIB = 1024 * 1024


class UnreadableError(Exception):
    """The probe could not look; ``remedy`` says what to do about it."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason, remedy)
        self.reason, self.remedy = reason, remedy


@dataclass(frozen=True)
class Probe(Generic[Read_co]):
    """A read-only command and its reader.

    ``argv`` is run with ``LC_ALL=C``, ``TZ=UTC``, no standard input and a time limit of ``seconds`` on the host. ``sudo``
    says that it needs root: then exactly this argv stands in the detection account's sudo list. ``codes`` are the exit
    codes after which the output may be read; ``read`` gets standard output as text. More than ``limit`` bytes of output
    is unreadable: half an answer is no answer.
    """

    name: str
    argv: tuple[str, ...]
    read: Callable[[str], Read_co]
    sudo: bool = False
    codes: tuple[int, ...] = (0,)
    seconds: int = 15
    remedy: str = ""
    limit: int = MIB

    def __hash__(self) -> int:
        return hash((self.name, self.argv))


@dataclass(frozen=True)
class Visit:
    """Pages that the detection worker itself asks for, as a user would: not part of the host's script.

    ``urls`` names them for a host; each may take ``seconds``. The check gets a tuple of ``aiops.ports.Page``; of
    ``aiops.domain.certificate.Served`` where ``certificate`` asks for a handshake only.
    """

    name: str
    urls: Callable[[Host], tuple[str, ...]]
    seconds: int = 10
    certificate: bool = False


@dataclass(frozen=True)
class Ask:
    """A question to another system that knows many hosts, asked by the detection worker once per sweep for all of them.

    ``source`` is its name in ``DetectionServices.witnesses``. The check gets a tuple of ``aiops.domain.testimony.Told``: what is
    about the host. Where the source is not set up, the check does not run.
    """

    name: str
    source: str
    question: str
    seconds: int = 30


AnyProbe = Probe[Any]
Source = AnyProbe | Visit | Ask
"""Whatever a check may read."""
