"""Servers of others for tests: declared as the settings do, behind the real walls."""

import sys
from pathlib import Path
from typing import Any

from aiops.adapters.mcp_tools import McpTools, Server
from aiops.adapters.mcp_trust import TrustFile
from aiops.adapters.mcp_visitor import Assignment
from aiops.adapters.session_walls import walls
from aiops.domain.fact import utcnow
from aiops.ports.tools import Tools

HERE = Path(__file__).parent
READS = frozenset({"look"})


def hostile(mode: str, *words: str, seconds: float = 30.0, **more: Any) -> Server:
    """The script that misbehaves in this way."""
    command = (sys.executable, "-I", "-S", str(HERE / "hostile.py"), mode, *words)
    given = Assignment(command=command, bytes=200_000, environment=more.pop("environment", {}))
    return Server(
        name=more.pop("name", mode),
        assignment=lambda: given,
        declaration={"command": command},
        paths=(HERE, *more.pop("paths", ())),
        read=more.pop("read", READS),
        seconds=seconds,
        **more,
    )


def tools(folder: Path, *servers: Server, trusted: bool = True, **more: Any) -> McpTools:
    """The way to them, all trusted as they are now unless told otherwise."""
    found = McpTools(
        servers, TrustFile(folder / "mcp" / "trust.json"), lambda: walls("aiops-mcp"), folder / "run", **more
    )
    for server in servers if trusted else ():
        believe(found, server.name)
    return found


def believe(tools: Tools, server: str) -> None:
    """Trust it as it is at this moment."""
    with tools.visit() as visit:
        seen = visit.offered(server)
    tools.trust(tools.belief(server, seen, "operator", utcnow()))
