"""Believe a server of others as a human has seen it; who did, and what was seen, stands in the audit log."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from aiops.domain.tool import Offered, Trust
from aiops.ports import AuditLog
from aiops.ports.tools import Tools

_MOST: Final = 8_000
"""Characters of the line; a server with more tools than that is told by their number."""


def trust_server(server: str, seen: Sequence[Offered], who: str, at: datetime, tools: Tools, log: AuditLog) -> Trust:
    """Believe exactly what was seen: the server is not asked again, so it cannot offer something else meanwhile.

    The line is written first: a trust that nobody wrote down does not come to be.

    :raises UnknownError: no such server
    :raises LedgerBusyError: the log or the file of trusts cannot be written now
    """
    believed = tools.belief(server, seen, who, at)
    listed = ", ".join(f"{name!r} {mark[:12]}" for name, mark in sorted(believed.tools.items()))
    text = f"{server}, {len(believed.tools)} tools: {listed}"
    log.write_down(at, who, "mcp trusted", text=text if len(text) <= _MOST else f"{text[:_MOST]} ...")
    tools.trust(believed)
    return believed
