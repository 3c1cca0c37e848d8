"""The process that speaks to one MCP server of others, behind walls: the official SDK and our limits, and nothing else.

Whatever the server does, it does to this process: a schema that takes for ever to check, an answer without end, a flood. Its
parent kills it when its time is over, and with it everything it started. Lines of JSON come in and go
out: first what to speak to, then one request at a time.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import anyio
import anyio.to_thread
from pydantic import BaseModel, ConfigDict, Field

from aiops.domain.tool import ToolSpec

_PAGES: Final = 20
"""Of a list of tools; a server with more is cut off."""
_MOST_TOOLS: Final = 500
_CHUNK: Final = 65536
_BLOB: Final = "[{kind} left out, {size} characters of base64]"


class Assignment(BaseModel):
    """Which server, and how much it may say to one request. ``environment`` is all that its process sees."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    command: tuple[str, ...] = ()
    environment: dict[str, str] = Field(default_factory=dict, repr=False)
    url: str = ""
    token: str = Field(default="", repr=False)
    ca: str = ""
    bytes: int


class Request(BaseModel):
    """List the tools, or use one; ``seconds`` is for the whole of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tool: str = ""
    arguments: dict[str, Any] = Field(default_factory=dict)
    seconds: float


class Reply(BaseModel):
    """What came of a request. ``cut``: the server is not to be spoken to again, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tools: tuple[ToolSpec, ...] = ()
    text: str = ""
    failed: bool = False
    cut: str = ""


class TooMuchError(Exception):
    """It said more than it may."""


class Meter:
    """Counts what the server says since the last request began, and keeps what is wrong with it."""

    def __init__(self, most: int) -> None:
        self._most, self._said = most, 0
        self.objection = ""

    def reset(self) -> None:
        self._said = 0

    def count(self, size: int) -> None:
        """:raises TooMuchError: more than it may."""
        self._said += size
        if self._said > self._most:
            self.objection = f"it said more than {self._most} bytes to one request"
            raise TooMuchError


@asynccontextmanager
async def over_stdio(assignment: Assignment, meter: Meter) -> AsyncIterator[Any]:
    """The SDK's streams over a program that is started with nothing but the declared environment, in a group of its own."""
    from mcp.shared.message import SessionMessage  # noqa: PLC0415 - only where the SDK is

    process = await anyio.open_process(
        list(assignment.command), env=assignment.environment, stderr=subprocess.DEVNULL, start_new_session=True
    )
    heard, hearing = anyio.create_memory_object_stream[Any](0)
    saying, said = anyio.create_memory_object_stream[Any](0)

    async def read() -> None:
        assert process.stdout  # noqa: S101 - for the type checker
        rest = b""
        async with heard:
            with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError, TooMuchError):
                try:
                    while not meter.objection:
                        piece = await process.stdout.receive(_CHUNK)
                        meter.count(len(piece))
                        *lines, rest = (rest + piece).split(b"\n")
                        for message in _messages(lines, meter):
                            await heard.send(SessionMessage(message))
                except anyio.EndOfStream:
                    meter.objection = meter.objection or "it ended by itself"

    async def write() -> None:
        assert process.stdin  # noqa: S101 - for the type checker
        with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
            async for one in said:
                line = one.message.model_dump_json(by_alias=True, exclude_unset=True)
                await process.stdin.send(line.encode() + b"\n")

    try:
        async with anyio.create_task_group() as both:
            both.start_soon(read)
            both.start_soon(write)
            try:
                yield hearing, saying
            finally:
                both.cancel_scope.cancel()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with anyio.CancelScope(shield=True):
            await process.aclose()


def _messages(lines: list[bytes], meter: Meter) -> Iterator[Any]:
    from mcp_types import jsonrpc_message_adapter  # noqa: PLC0415 - only where the SDK is

    for line in lines:
        if line.strip():
            try:
                yield jsonrpc_message_adapter.validate_json(line, by_name=False)
            except ValueError:
                meter.objection = "it printed what is no message of the protocol"
                return


@asynccontextmanager
async def over_http(assignment: Assignment, meter: Meter) -> AsyncIterator[Any]:
    """The SDK's streams over HTTP, with every byte of every answer counted."""
    import httpx2  # noqa: PLC0415 - the SDK's own client
    from mcp.client.streamable_http import streamable_http_client  # noqa: PLC0415 - only where the SDK is

    class Counted(httpx2.AsyncByteStream):  # type: ignore[misc]
        """A stream of bytes that ends with an error when it brings too many."""

        def __init__(self, inner: Any) -> None:
            self._inner = inner

        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for piece in self._inner:
                meter.count(len(piece))
                yield piece

        async def aclose(self) -> None:
            await self._inner.aclose()

    async def counted(answer: Any) -> None:
        answer.stream = Counted(answer.stream)

    headers = {"Authorization": f"Bearer {assignment.token}"} if assignment.token else {}
    async with (
        httpx2.AsyncClient(
            headers=headers,
            verify=assignment.ca or True,
            trust_env=False,
            timeout=httpx2.Timeout(30.0),
            event_hooks={"response": [counted]},
        ) as client,
        streamable_http_client(assignment.url, http_client=client) as streams,
    ):
        yield streams[:2]


async def answer(request: Request, session: Any, meter: Meter) -> Reply:
    """What came of a request; never raises for what the server does."""
    meter.reset()
    try:
        with anyio.fail_after(request.seconds):
            if session.initialize_result is None:
                await session.initialize()
            tools = await _tools(session)
            if not request.tool:
                return Reply(tools=tools)
            result = await session.call_tool(request.tool, request.arguments, request.seconds)
            return Reply(tools=tools, text=_text(result), failed=bool(result.is_error))
    except Exception as error:  # noqa: BLE001 - the boundary to a program of others and to the library that reads it
        return Reply(cut=_why(error, meter, request.seconds))


async def _tools(session: Any) -> tuple[ToolSpec, ...]:
    """Every page, before every use: a tool that changes between two questions is seen."""
    from mcp_types import PaginatedRequestParams  # noqa: PLC0415 - only where the SDK is

    found: list[ToolSpec] = []
    cursor: str | None = None
    for _ in range(_PAGES):
        page = await session.list_tools(params=PaginatedRequestParams(cursor=cursor) if cursor else None)
        found += [_spec(tool) for tool in page.tools]
        cursor = page.next_cursor
        if not cursor:
            break
    if cursor or len(found) > _MOST_TOOLS or len({one.name for one in found}) < len(found):
        raise ValueError("its list of tools has no end, or names one twice")
    return tuple(found)


def _why(error: BaseException, meter: Meter, seconds: float) -> str:
    if meter.objection:
        return meter.objection
    inner = _innermost(error)
    if isinstance(inner, TimeoutError):
        return f"it did not answer within {seconds:g} s"
    words = " ".join(str(inner).split())[:300] or type(inner).__name__
    if isinstance(inner, RuntimeError) and ("structured content" in words or "schema" in words):
        return f"its answer does not keep to the schema it declared: {words}"
    return f"it does not keep to the protocol, or is not there: {words}"


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    return error


def _spec(tool: Any) -> ToolSpec:
    return ToolSpec(
        name=tool.name, description=tool.description or "", takes=tool.input_schema or {}, gives=tool.output_schema
    )


def _text(result: Any) -> str:
    """All that is text; a picture is named, not carried."""
    parts = []
    for block in result.content:
        if block.type == "text":
            parts.append(block.text)
        elif block.type == "resource" and getattr(block.resource, "text", None) is not None:
            parts.append(block.resource.text)
        else:
            size = len(getattr(block, "data", "") or getattr(getattr(block, "resource", None), "blob", "") or "")
            parts.append(_BLOB.format(kind=block.type, size=size))
    if not parts and result.structured_content is not None:
        parts.append(json.dumps(result.structured_content, ensure_ascii=False, indent=1))
    return "\n".join(parts)


async def _main() -> None:
    from mcp import ClientSession  # noqa: PLC0415 - only where the SDK is

    assignment = Assignment.model_validate_json(await _line())
    meter = Meter(assignment.bytes)
    way = over_stdio if assignment.command else over_http
    try:
        async with way(assignment, meter) as (reading, writing), ClientSession(reading, writing) as session:
            cut = False
            while not cut and (line := await _line()):
                reply = await answer(Request.model_validate_json(line), session, meter)
                _say(reply)
                cut = bool(reply.cut)
    except Exception as error:  # noqa: BLE001 - as in ``answer``: what a transport raises outside of a request
        _say(Reply(cut=_why(error, meter, 0)))


async def _line() -> bytes:
    return await anyio.to_thread.run_sync(sys.stdin.buffer.readline, abandon_on_cancel=True)


def _say(reply: Reply) -> None:
    sys.stdout.buffer.write(reply.model_dump_json().encode() + b"\n")
    sys.stdout.buffer.flush()


def main() -> None:
    """Serve requests until nobody asks any more, or the server is cut off."""
    anyio.run(_main)
    # A thread still waits for a line that nobody will write.
    os._exit(0)
