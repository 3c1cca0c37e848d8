"""Our server over HTTP for tests, as a process of its own."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.system import System

ROOT = Path(__file__).parents[2]
SERVE = ("-m", "tasks.cli", "mcp", "serve")
TOKEN = "a-token-of-more-than-twenty-four-letters"


@contextmanager
def over_http(system: System, folder: Path) -> Iterator[str]:
    """Its address; ``TOKEN`` is what it wants to be shown."""
    token = folder / "token"
    token.write_text(TOKEN)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "AIOPS_CONFIG": str(system.local.config),
        "AIOPS_MCP__SERVE__PORT": str(port),
        "AIOPS_MCP__SERVE__TOKEN_FILE": str(token),
    }
    with (folder / "http.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, *SERVE, "--http"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    try:
        system.wait_for(lambda: _answers(port) or process.poll(), 60, "the HTTP server answers")
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        process.wait(20)


def _answers(port: int) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0
