"""Servers of others, asked through MCP. What they say is data."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from aiops.domain.tool import Heard, Offered, Trust
from aiops.domain.verdict import Question


class Visit(Protocol):
    """Asking servers about one matter: each is started at its first question, and ended with the visit."""

    def servers(self) -> Sequence[str]:
        """Those that are declared."""

    def offered(self, server: str) -> Sequence[Offered]:
        """Its tools, each with our label and whether it is still what was trusted.

        :raises UnknownError: no such server
        :raises CutOffError: it does not answer, says too much, or does not keep to the protocol
        """

    def ask(self, server: str, tool: str, arguments: Mapping[str, Any], *, act: bool = False) -> Heard:
        """Use a tool that reads; with ``act`` one that acts and that policy allows too. A server that misbehaves is cut off
        for the rest of the visit, which stands in the answer; nothing it does raises.

        :raises UnknownError: no such server or tool
        :raises RefusedError: ``act`` the tool acts, ``trust`` it is not trusted or has changed, ``calls`` they are used up
        """

    def close(self) -> None:
        """End every server that was started. Safe to call again, and while another thread asks: that question fails."""


class Tools(Protocol):
    """The way to servers of others."""

    def visit(self) -> AbstractContextManager[Visit]:
        """One matter: an incident's session, or one question of triage."""

    def belief(self, server: str, seen: Sequence[Offered], who: str, at: datetime) -> Trust:
        """What it comes to when a human believes the server as it was seen: the declaration and those tools, by digest.

        :raises UnknownError: no such server
        """

    def trust(self, believed: Trust) -> None:
        """Believe it until it changes.

        :raises LedgerBusyError: it cannot be kept now
        """

    def trusted(self, server: str) -> Trust | None:
        """What was believed, if anything."""

    def gather(self, question: Question) -> Sequence[Heard]:
        """What the settings want asked before the model judges, within its time. Never raises for what a server does."""
