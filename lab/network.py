"""The lab's own network: a bridge in a namespace nobody else is in, one more namespace per host, loopback forwards."""

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Awaitable, Callable

from lab.kernel import inside_network, new_network
from lab.model import GATEWAY, PORTS, Host, Spec
from lab.run import run

BRIDGE = "labbr0"
CHUNK = 65536
CONNECT_WAIT = 5.0  # seconds; the kernel itself gives a silent neighbour up after about 3
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of 0 s: close with a reset, as a closed port would answer


def build() -> int:
    """Make the namespace with the bridge; the returned descriptor keeps it alive."""
    network = new_network()
    with inside_network(network):
        _ip(
            "link set lo up",
            f"link add {BRIDGE} type bridge forward_delay 0",
            f"addr add {GATEWAY}/24 dev {BRIDGE}",
            f"link set {BRIDGE} up",
        )
    return network


def plug(network: int, host: Host) -> int:
    """Make the namespace of one host with its eth0 on the bridge; the returned descriptor keeps it alive."""
    own = new_network()
    with inside_network(network):
        port = f"v{host.number}"
        _ip(
            f"link add {port} type veth peer name eth0 netns /proc/{os.getpid()}/fd/{own}",
            f"link set {port} master {BRIDGE} up",
        )
    with inside_network(own):
        _ip(
            "link set lo up",
            f"addr add {host.inner_address}/24 dev eth0",
            "link set eth0 up",
            f"route add default via {GATEWAY}",
        )
    return own


def _ip(*lines: str) -> None:
    run("ip", "-batch", "-", stdin="\n".join(lines) + "\n")


def listen(spec: Spec) -> list[tuple[socket.socket, str, int]]:
    """Sockets on the machine's loopback, each with the inner address and port it leads to."""
    doors = []
    for host in spec.hosts:
        for port in PORTS:
            door = socket.create_server((spec.address(host), port), backlog=128)
            doors.append((door, host.inner_address, port))
    return doors


async def forward(network: int, doors: list[tuple[socket.socket, str, int]]) -> None:
    """Serve all doors until cancelled."""
    servers = [
        await asyncio.start_server(_leading_to(network, address, port), sock=door) for door, address, port in doors
    ]
    async with contextlib.AsyncExitStack() as stack:
        for server in servers:
            await stack.enter_async_context(server)
        await asyncio.Event().wait()


Leading = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def _leading_to(network: int, address: str, port: int) -> Leading:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await connect(network, address, port)
        except OSError:
            outside: socket.socket = writer.get_extra_info("socket")
            outside.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()
            return
        await asyncio.gather(_pump(reader, there_writer), _pump(there_reader, writer))

    return serve


async def connect(network: int, address: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect from inside `network`: a socket keeps the namespace it was made in. Raises OSError."""
    with inside_network(network):
        inner = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    inner.setblocking(False)  # noqa: FBT003 - the standard library's own signature
    try:
        async with asyncio.timeout(CONNECT_WAIT):
            await asyncio.get_running_loop().sock_connect(inner, (address, port))
    except OSError:  # TimeoutError is one
        inner.close()
        raise
    return await asyncio.open_connection(sock=inner)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
            return
    writer.close()
