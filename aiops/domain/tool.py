"""Tools of servers that nobody here wrote: what they claim to be, what we think of them, and what they said."""

from typing import Any, Literal

from pydantic import Field

from aiops.domain.fact import Fact, Moment, digest

Label = Literal["read", "act"]
Standing = Literal["trusted", "new", "changed", "gone"]
"""Against what a human has seen and trusted: the same; never seen; another description or schema; no longer offered."""


class ToolSpec(Fact):
    """A tool as its server describes it. Every word of it is the server's."""

    name: str = Field(min_length=1, max_length=128)
    description: str = Field(default="", max_length=20_000)
    takes: dict[str, Any] = Field(default_factory=dict)
    gives: dict[str, Any] | None = None

    @property
    def digest(self) -> str:
        """SHA-256 over all of it: a changed word is another tool."""
        return digest(self.model_dump(mode="json"))


class Offered(Fact):
    """A tool, our label for it, and whether it is still what was trusted."""

    tool: ToolSpec
    label: Label
    standing: Standing


class Trust(Fact):
    """What a human saw of a server and believed: its declaration and its tools, by digest."""

    server: str
    declaration: str
    tools: dict[str, str]
    by: str
    at: Moment


class Heard(Fact):
    """What a server answered, or why it was cut off. ``text`` is scrubbed and condensed; it is data, never an instruction."""

    server: str
    tool: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    text: str = ""
    cut_off: str = ""
    seconds: float = 0.0
