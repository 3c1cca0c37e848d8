"""A port in front of Redis at which a test can stop a process: in the middle of a command, so at a border between two steps.

The processes know nothing of it. A worker that asks for its permit, publishes an event or receives a message is held right
there, and can be killed, frozen or let go. The whole gate can also refuse, or let its connections go dead as half-open links do.
"""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

SOON = 0.4
"""Seconds; who asks for a permit waits half a second for it and then goes on without."""


@dataclass
class Hold:
    """Stops the connection over which all of ``words`` come in one piece, the ``nth`` time they come, and freezes its process.

    ``soon`` says that it stood still before it could give up waiting.
    """

    words: tuple[bytes, ...]
    nth: int = 1
    answers: bool = False
    reached: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)
    process: int = 0
    soon: bool = False
    seen: int = 0

    def fits(self, data: bytes, *, answers: bool) -> bool:
        """Whether this is the piece to stop at."""
        if answers != self.answers or self.reached.is_set() or any(word not in data for word in self.words):
            return False
        self.seen += 1
        return self.seen == self.nth

    def release(self) -> None:
        """Let it go on."""
        self.go.set()


class Gate:
    """Between the workers and Redis."""

    def __init__(self, target: int, family: Callable[[], Iterable[int]]) -> None:
        """``target`` is the port of Redis; ``family`` says which processes may be its clients."""
        self._target, self._family = target, family
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = int(self._listener.getsockname()[1])
        self._links: set[socket.socket] = set()
        self._holds: list[Hold] = []
        self._lock = threading.Lock()
        self._open, self._stranded = True, set[socket.socket]()
        threading.Thread(target=self._accept, name="relay", daemon=True).start()

    def hold(self, *words: bytes, nth: int = 1, answers: bool = False) -> Hold:
        """Stop the next connection that says (or with ``answers`` is told) all of the words."""
        hold = Hold(words, nth, answers)
        with self._lock:
            self._holds.append(hold)
        return hold

    def forget(self) -> None:
        """Let everything go on, and stop nothing any more."""
        with self._lock:
            holds, self._holds = self._holds, []
        for hold in holds:
            hold.release()

    def cut(self) -> None:
        """Break every connection and refuse new ones."""
        self._open = False
        self._break()

    def strand(self) -> None:
        """Let nothing through any more on the connections that there are, for ever: half-open links. New ones work."""
        self._stranded |= self._links

    def open(self) -> None:
        """Take connections again."""
        self._open = True

    def close(self) -> None:
        """End it."""
        self._open = False
        self.forget()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._break()

    def _break(self) -> None:
        for link in list(self._links):
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if not self._open:
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self._target), timeout=5)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            self._links |= {near, far}
            port = int(near.getpeername()[1])
            ends = [threading.Event(), threading.Event()]
            for source, sink, answers, mine, other in ((near, far, False, *ends), (far, near, True, *ends[::-1])):
                arguments = (source, sink, answers, port, mine, other)
                threading.Thread(target=self._pump, name="relay", args=arguments, daemon=True).start()

    def _pump(
        self,
        source: socket.socket,
        sink: socket.socket,
        answers: bool,  # noqa: FBT001
        port: int,
        mine: threading.Event,
        other: threading.Event,
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(262144):
                if source in self._stranded:
                    continue
                hold = self._held(data, answers=answers)
                if hold:
                    self._stop(hold, port)
                    hold.go.wait()
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        mine.set()
        if other.is_set():
            self._links -= {source, sink}
            self._stranded -= {source, sink}
            source.close()
            sink.close()

    def _stop(self, hold: Hold, port: int) -> None:
        began = time.monotonic()
        hold.process = process_at(port, self._family())
        if hold.process:
            os.kill(hold.process, signal.SIGSTOP)
        hold.soon = time.monotonic() - began < SOON
        hold.reached.set()

    def _held(self, data: bytes, *, answers: bool) -> Hold | None:
        with self._lock:
            return next((hold for hold in self._holds if hold.fits(data, answers=answers)), None)


def process_at(port: int, family: Iterable[int]) -> int:
    """Whose connection has that local port: the youngest of the family, since a fork shares what its parent had open; or 0."""
    wanted = f"0100007F:{port:04X}"
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    sockets = {f"socket:[{row[9]}]" for row in rows if row[1] == wanted}
    for pid in sorted(family, reverse=True):
        with contextlib.suppress(OSError):
            if any(str(link.readlink()) in sockets for link in Path(f"/proc/{pid}/fd").iterdir()):
                return pid
    return 0
