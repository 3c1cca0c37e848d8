"""The doors through which MCP clients come in: standard input and output, or streamable HTTP with a token."""

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from getpass import getuser
from typing import Any

import anyio
import uvicorn
from mcp.server.stdio import stdio_server
from mcp.server.transport_security import TransportSecuritySettings

from aiops.adapters.mcp_serving import Rate, build
from aiops.ports.offers import Counter

Scope = MutableMapping[str, Any]
Message = Callable[..., Awaitable[Any]]
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True)
class StdioDoor:
    """Port ``Service`` for the program that started us: who may start it may ask."""

    version: str
    per_minute: int

    def serve(self, counter: Counter) -> None:
        server = build(counter, Rate(self.per_minute), self.version, lambda: f"mcp:{getuser()}")

        async def run() -> None:
            async with stdio_server() as (reading, writing):
                await server.run(reading, writing, server.create_initialization_options())

        anyio.run(run)


@dataclass(frozen=True)
class HttpDoor:
    """Port ``Service`` over streamable HTTP. Without the token nothing answers, and a browser's page cannot come in:
    ``Host`` must be loopback or one of ``names``, ``Origin`` must be the same where there is one.
    """

    version: str
    per_minute: int
    address: str
    port: int
    tokens: tuple[str, ...]
    names: tuple[str, ...] = ()

    def serve(self, counter: Counter) -> None:
        server = build(counter, Rate(self.per_minute), self.version, lambda: "mcp:http")
        hosts = [f"{name}:*" for name in (*_LOOPBACK, *self.names)] + list(self.names)
        origins = [f"{scheme}://{host}" for host in hosts for scheme in ("http", "https")]
        guard = TransportSecuritySettings(
            enable_dns_rebinding_protection=True, allowed_hosts=hosts, allowed_origins=origins
        )
        inner = server.streamable_http_app(transport_security=guard, max_sessions=32)
        uvicorn.run(
            _Guarded(inner, self.tokens), host=self.address, port=self.port, log_level="warning", access_log=False
        )


class _Guarded:
    """Lets nobody in without one of the tokens, whatever they ask for."""

    def __init__(self, inner: Any, tokens: tuple[str, ...]) -> None:
        self._inner, self._wanted = inner, [f"Bearer {token}".encode() for token in tokens]

    async def __call__(self, scope: Scope, receive: Message, send: Message) -> None:
        if scope["type"] != "http" or self._may(scope):
            await self._inner(scope, receive, send)
            return
        headers = [(b"content-type", b"text/plain"), (b"www-authenticate", b'Bearer realm="aiops"')]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body", "body": b"the token is missing or wrong\n"})

    def _may(self, scope: Scope) -> bool:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        return len(given) == 1 and max(hmac.compare_digest(given[0], wanted) for wanted in self._wanted)
