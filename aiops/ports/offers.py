"""What we offer to agents of others: tools that read or propose, and prompts. Who speaks the protocol is an adapter's matter."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from pydantic import BaseModel

Sort = Literal["read", "look", "propose"]
"""``read``: reads our records; ``look``: makes the detectors look, as the clock does; ``propose``: makes a plan that waits."""


class Talk(Protocol):
    """One call under way."""

    @property
    def who(self) -> str:
        """Who asks, for the record."""

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for the answer any more."""

    def progress(self, done: float, total: float | None, text: str) -> None:
        """Say how far it is; ``done`` only ever grows. Told only to a client that wants to know."""


@dataclass(frozen=True)
class Offer:
    """One tool. ``use`` gets what was asked as ``takes``, and returns plain data; it raises errors of ours."""

    name: str
    description: str
    takes: type[BaseModel]
    use: Callable[[Any, Talk], Mapping[str, Any]]
    sort: Sort = "read"


@dataclass(frozen=True)
class Ritual:
    """One prompt: a procedure that an agent is asked to follow with our tools. ``arguments`` maps names to what they mean."""

    name: str
    description: str
    text: str
    arguments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Counter:
    """Everything that is offered."""

    offers: tuple[Offer, ...]
    rituals: tuple[Ritual, ...] = ()
    instructions: str = ""


class Service(Protocol):
    """Serves a counter until its door closes."""

    def serve(self, counter: Counter) -> None:
        """Blocks.

        :raises SettingsError: it cannot be served like that, and why
        """
