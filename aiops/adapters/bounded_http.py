"""HTTP that strangers may reach: few requests together, one per connection, each with a hard end. Standard library alone."""

import logging
import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Final

AT_ONCE: Final = 16
"""Requests served together; whoever comes then is told to come again."""

log = logging.getLogger(__name__)


class BoundedServer(ThreadingHTTPServer):
    """A thread per request, and never more than ``AT_ONCE``."""

    daemon_threads = True
    request_queue_size = 32

    def __init__(self, address: tuple[str, int], requests: type[BaseHTTPRequestHandler]) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, requests)
        self.room = threading.BoundedSemaphore(AT_ONCE)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """One thread; it ends when its time is over, whatever the sender does."""
        if not self.room.acquire(blocking=False):
            with suppress(OSError):
                request.sendall(
                    b"HTTP/1.1 503 Busy\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                )
            self.shutdown_request(request)
            return
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the standard library's names
        """A sender that hangs up is no trouble of ours."""
        log.debug("a request of %s ended early", client_address)


class OneRequest(BaseHTTPRequestHandler):
    """One request of a connection; whoever inherits writes ``do_GET`` or ``do_POST``. ``timeout`` is in seconds."""

    server_version, sys_version, protocol_version = "aiops", "", "HTTP/1.1"
    timeout: ClassVar[float] = 10.0

    def handle(self) -> None:
        """One request per connection, with a hard end: each read alone has its own limit, and a sender may drip."""
        end = threading.Timer(self.timeout, self._hang_up)
        end.daemon = True
        end.start()
        try:
            with suppress(OSError):
                self.handle_one_request()
        finally:
            end.cancel()

    def reply(self, status: int, kind: str, body: bytes) -> None:
        """Answer and hang up."""
        self.send_response(status)
        for header, value in (("Content-Type", kind), ("Connection", "close")):
            self.send_header(header, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _hang_up(self) -> None:
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        """Its own lines hold what strangers sent."""
