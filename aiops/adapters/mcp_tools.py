"""Port ``Tools``: servers of others, each behind walls, within limits, and only as long as they are what a human trusted."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from aiops.adapters.mcp_processes import VisitorProcess
from aiops.adapters.mcp_trust import TrustFile
from aiops.adapters.mcp_visitor import Assignment, Reply, Request
from aiops.adapters.session_walls import Walls
from aiops.condense import condense
from aiops.condense.scrub import scrub
from aiops.domain.fact import digest
from aiops.domain.tool import Heard, Offered, Standing, ToolSpec, Trust
from aiops.domain.verdict import Question
from aiops.errors import AiopsError, CutOffError, RefusedError, UnknownError

MOST_TEXT: Final = 12_000
"""Characters of one answer that are handed on, about 4,000 tokens."""
MOST_ASKED: Final = 32_000
"""Characters of one question: less than a pipe takes at once, so that nobody who asks can be held up."""
_TOO_SHORT: Final = 0.05


@dataclass(frozen=True)
class Ask:
    """One question of triage; ``kinds`` are beginnings of finding kinds, none means all."""

    tool: str
    arguments: Mapping[str, str | int | bool] = field(default_factory=dict)
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Server:
    """One declared server. ``assignment`` reads its secrets, each time anew."""

    name: str
    assignment: Callable[[], Assignment]
    declaration: Mapping[str, Any]
    paths: tuple[Path, ...] = ()
    read: frozenset[str] = frozenset()
    gather: tuple[Ask, ...] = ()
    seconds: float = 10.0
    calls: int = 20

    @property
    def digest(self) -> str:
        """SHA-256 over what was declared: another program or address is another server."""
        return digest(dict(self.declaration))


class McpTools:
    """See the port. ``allow`` names tools that act and that a human may use, as ``server.tool``."""

    def __init__(
        self,
        servers: Sequence[Server],
        trust: TrustFile,
        walls: Callable[[], Walls],
        folder: Path,
        *,
        allow: frozenset[str] = frozenset(),
        gather_seconds: float = 20.0,
    ) -> None:
        self._servers = {server.name: server for server in servers}
        self._trust, self._walls, self._folder = trust, walls, folder
        self._allow, self._gather_seconds = allow, gather_seconds
        self._found: Walls | None = None

    @contextmanager
    def visit(self) -> Iterator["McpVisit"]:
        self._found = self._found or self._walls()
        visit = McpVisit(self._servers, self._trust, self._found, self._folder, self._allow)
        try:
            yield visit
        finally:
            visit.close()

    def belief(self, server: str, seen: Sequence[Offered], who: str, at: datetime) -> Trust:
        tools = {one.tool.name: one.tool.digest for one in seen if one.standing != "gone"}
        return Trust(server=server, declaration=_known(self._servers, server).digest, tools=tools, by=who, at=at)

    def trust(self, believed: Trust) -> None:
        self._trust.keep(believed)

    def trusted(self, server: str) -> Trust | None:
        return self._trust.of(server)

    def gather(self, question: Question) -> Sequence[Heard]:
        deadline = time.monotonic() + self._gather_seconds
        heard: list[Heard] = []
        with self.visit() as visit:
            for server, ask in self._wanted(question):
                left = deadline - time.monotonic()
                if left <= _TOO_SHORT:
                    heard.append(Heard(server=server.name, tool=ask.tool, cut_off="there was no time left to ask it"))
                    continue
                arguments = _filled(ask.arguments, question)
                try:
                    heard.append(visit.ask(server.name, ask.tool, arguments, seconds=left))
                except AiopsError as error:
                    heard.append(Heard(server=server.name, tool=ask.tool, arguments=arguments, cut_off=str(error)))
        return heard

    def _wanted(self, question: Question) -> Iterator[tuple[Server, Ask]]:
        kinds = {finding.kind for finding in question.incident.findings}
        for server in self._servers.values():
            for ask in server.gather:
                if not ask.kinds or any(kind.startswith(ask.kinds) for kind in kinds):
                    yield server, ask


class McpVisit:
    """Port ``Visit``. Not for several threads at once."""

    def __init__(
        self, servers: Mapping[str, Server], trust: TrustFile, walls: Walls, folder: Path, allow: frozenset[str]
    ) -> None:
        self._servers, self._trust, self._walls, self._folder, self._allow = servers, trust, walls, folder, allow
        self._open: dict[str, VisitorProcess] = {}
        self._calls: dict[str, int] = {}

    def servers(self) -> Sequence[str]:
        return list(self._servers)

    def offered(self, server: str) -> Sequence[Offered]:
        known = _known(self._servers, server)
        reply = self._process(known).ask(Request(seconds=known.seconds))
        if reply.cut:
            raise CutOffError(server, reply.cut)
        believed = self._trust.of(server)
        told = [self._standing(known, tool, believed) for tool in reply.tools]
        names = {tool.name for tool in reply.tools}
        gone = sorted(set(believed.tools) - names) if believed else []
        return told + [Offered(tool=ToolSpec(name=name), label=_label(known, name), standing="gone") for name in gone]

    def ask(
        self, server: str, tool: str, arguments: Mapping[str, Any], *, act: bool = False, seconds: float = 0.0
    ) -> Heard:
        """See the port; ``seconds`` is a limit below the server's own, 0 for none."""
        known = _known(self._servers, server)
        asked = dict(arguments)
        self._may(known, tool, asked, act=act)
        limit = min(known.seconds, seconds) if seconds else known.seconds
        process, began = self._process(known), time.monotonic()
        # What it offers is looked at before the tool is used: nothing is sent to one that has changed.
        listed = process.ask(Request(seconds=limit))
        if not listed.cut:
            self._unchanged(known, tool, listed.tools)
            self._calls[server] = self._calls.get(server, 0) + 1
        reply = listed if listed.cut else process.ask(Request(tool=tool, arguments=asked, seconds=limit))
        if not reply.cut:
            reply = self._same_after(known, tool, reply, process)
        took = round(time.monotonic() - began, 2)
        text = "" if reply.cut else _short(reply)
        return Heard(server=server, tool=tool, arguments=asked, text=text, cut_off=scrub(reply.cut), seconds=took)

    def close(self) -> None:
        """End every server that was started."""
        for process in self._open.values():
            process.close()

    def _may(self, server: Server, tool: str, asked: Mapping[str, Any], *, act: bool) -> None:
        if _label(server, tool) == "act":
            if not act:
                raise RefusedError(
                    "act", f"{server.name}.{tool} acts, or nobody has labelled it: only what reads is asked"
                )
            if f"{server.name}.{tool}" not in self._allow:
                raise RefusedError("act", f"{server.name}.{tool} acts, and mcp.allow does not name it")
        if len(json.dumps(asked)) > MOST_ASKED:
            raise RefusedError("size", f"a question has at most {MOST_ASKED} characters")
        if self._calls.get(server.name, 0) >= server.calls:
            raise RefusedError("calls", f"{server.calls} questions to {server.name} are used up")

    def _unchanged(self, server: Server, tool: str, tools: Sequence[ToolSpec]) -> None:
        spec = next((one for one in tools if one.name == tool), None)
        if spec is None:
            raise UnknownError(f"tool of {server.name}", tool, "`aiops mcp list` shows them")
        standing = self._standing(server, spec, self._trust.of(server.name)).standing
        if standing != "trusted":
            words = {"new": "nobody has trusted it", "changed": "it has changed since it was trusted"}
            reason = words.get(standing, standing)
            raise RefusedError(
                "trust", f"{server.name}.{tool}: {reason}; look at it with `aiops mcp trust {server.name}`"
            )

    def _same_after(self, server: Server, tool: str, reply: Reply, process: VisitorProcess) -> Reply:
        """The answer is only used when the tool was still the trusted one at the moment it was asked."""
        try:
            self._unchanged(server, tool, reply.tools)
        except AiopsError as error:
            process.close()
            process.cut = f"it changed its tools while it was asked ({error})"
            return Reply(cut=process.cut)
        return reply

    def _standing(self, server: Server, tool: ToolSpec, believed: Trust | None) -> Offered:
        standing: Standing = "new"
        if believed is not None and believed.declaration != server.digest:
            standing = "changed"
        elif believed is not None and tool.name in believed.tools:
            standing = "trusted" if believed.tools[tool.name] == tool.digest else "changed"
        return Offered(tool=tool, label=_label(server, tool.name), standing=standing)

    def _process(self, server: Server) -> VisitorProcess:
        if server.name not in self._open:
            self._open[server.name] = VisitorProcess(
                server.name, server.assignment(), server.paths, self._walls, self._folder
            )
        return self._open[server.name]


def _known(servers: Mapping[str, Server], name: str) -> Server:
    if name not in servers:
        raise UnknownError("MCP server", name[:80], f"declared are {', '.join(servers) or 'none'}")
    return servers[name]


def _label(server: Server, tool: str) -> Any:
    return "read" if tool in server.read else "act"


def _short(reply: Reply) -> str:
    """Scrubbed, condensed and cut; an error of the tool is said to be one."""
    text = condense(scrub(reply.text)).text
    text = text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]}\n[cut, {len(text)} characters]"
    return f"the tool says that it failed: {text}" if reply.failed else text


def _filled(arguments: Mapping[str, str | int | bool], question: Question) -> dict[str, Any]:
    """Placeholders that are a whole value are replaced; text is never put together."""
    lead = question.incident.findings[0]
    values = {"{host}": lead.host, "{kind}": lead.kind, "{subject}": lead.subject}
    return {name: values.get(value, value) if isinstance(value, str) else value for name, value in arguments.items()}
