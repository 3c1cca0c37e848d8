"""One visitor process per server of others: started behind walls, asked line by line, killed when its time is over."""

import json
import os
import secrets
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from aiops.adapters.mcp_visitor import Assignment, Reply, Request
from aiops.adapters.process_tree import end_marked
from aiops.adapters.session_walls import Walls, environment

GRACE_SECONDS: Final = 2.0
"""Beyond the request's own time: the visitor says itself that a server did not answer; one that cannot is killed."""
START_SECONDS: Final = 20.0
"""For the visitor itself, once: Python and the SDK take two seconds, ten on a loaded machine."""
_MARK: Final = "AIOPS_MCP"
_START: Final = "import sys; sys.path.insert(0, sys.argv[1]); from aiops.adapters.mcp_visitor import main; main()"
_ROOT: Final = Path(__file__).resolve().parents[2]
_OVERHEAD: Final = 8
"""An answer may grow when it is written as JSON: an unprintable byte becomes six characters."""


class VisitorProcess:
    """See the module. One thread asks at a time; any thread may close it."""

    def __init__(self, name: str, assignment: Assignment, paths: Sequence[Path], walls: Walls, folder: Path) -> None:
        self._name, self._assignment, self._paths = name, assignment, tuple(paths)
        self._walls, self._folder = walls, folder
        self._process: subprocess.Popen[bytes] | None = None
        self._home: Path | None = None
        self._mark = f"{name}.{secrets.token_hex(8)}"
        self._rest = b""
        self._using = threading.RLock()
        self.cut = ""

    def ask(self, request: Request) -> Reply:
        """The reply; when its ``cut`` says why, the process is gone and every later request is answered so."""
        with self._using:
            if self.cut:
                return Reply(cut=self.cut)
            try:
                reply = self._asked(request)
            except (OSError, ValueError) as error:
                reply = Reply(cut=f"it cannot be asked: {getattr(error, 'strerror', '') or type(error).__name__}")
            if reply.cut:
                self._end(reply.cut)
            return reply

    def close(self) -> None:
        """End it and everything that it started. Safe to call again, and while another thread asks: that one is told so."""
        self._end("the visit is over")

    def _end(self, why: str) -> None:
        self.cut = self.cut or why
        self._kill()
        with self._using:
            process, self._process = self._process, None
            if process is not None:
                for pipe in (process.stdin, process.stdout):
                    if pipe:
                        with suppress(OSError):
                            pipe.close()
                process.wait()
            if self._home:
                shutil.rmtree(self._home, ignore_errors=True)
                self._home = None

    def _kill(self) -> None:
        process = self._process
        if process is not None:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            end_marked(f"{_MARK}={self._mark}", signal.SIGKILL)

    def _asked(self, request: Request) -> Reply:
        first = self._process is None
        process = self._started()
        assert process.stdin  # noqa: S101 - for the type checker
        process.stdin.write(request.model_dump_json().encode() + b"\n")
        process.stdin.flush()
        return self._reply(process, request.seconds + GRACE_SECONDS + (START_SECONDS if first else 0))

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o711)
            self._home = Path(tempfile.mkdtemp(prefix=f"{self._name}-", dir=self._folder))
            if self._walls.uid is not None:
                os.chown(self._home, self._walls.uid, self._walls.gid)
            mark = {_MARK: self._mark}
            home = Path("/tmp") if self._walls.bubblewrap else self._home  # noqa: S108 - its own, in memory
            seen = {**environment(home, mark), **self._assignment.environment}
            program = [sys.executable, "-I", "-B", "-c", _START, str(_ROOT)]
            self._process = subprocess.Popen(
                self._walls.argv(program, mark, self._paths),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=self._home,
                env=environment(self._home, mark),
                start_new_session=True,
            )
            assert self._process.stdin  # noqa: S101 - for the type checker
            given = self._assignment.model_copy(update={"environment": seen})
            # Through a pipe: a secret in it is in no argument and no variable of ours.
            self._process.stdin.write(given.model_dump_json().encode() + b"\n")
        return self._process

    def _reply(self, process: "subprocess.Popen[bytes]", seconds: float) -> Reply:
        assert process.stdout  # noqa: S101 - for the type checker
        deadline = time.monotonic() + seconds
        most = self._assignment.bytes * _OVERHEAD
        with selectors.DefaultSelector() as waiting:
            waiting.register(process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._rest:
                left = deadline - time.monotonic()
                if left <= 0:
                    return Reply(cut=f"it kept us busy beyond its time, {seconds:g} s, and was killed")
                if waiting.select(left):
                    piece = os.read(process.stdout.fileno(), 65536)
                    if not piece:
                        return Reply(cut="its process ended")
                    self._rest += piece
                if len(self._rest) > most:
                    return Reply(cut=f"it said more than {self._assignment.bytes} bytes to one request")
        line, _, self._rest = self._rest.partition(b"\n")
        return Reply.model_validate(json.loads(line))
