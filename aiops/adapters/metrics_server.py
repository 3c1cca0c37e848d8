"""GET /metrics and nothing else, for Prometheus or VictoriaMetrics. It only shows; nothing that arrives can cause anything."""

import threading
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from typing import Final

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from aiops.adapters.bounded_http import BoundedServer, OneRequest
from aiops.errors import BusError, SettingsError

_SECONDS: Final = 3.0
_MOST: Final = 4_000_000


class MetricsServer:
    """Listens on one address; ``start`` returns at once."""

    def __init__(self, address: tuple[str, int], render: Callable[[], bytes]) -> None:
        """:raises SettingsError: nobody can listen there."""
        try:
            self._server = BoundedServer(address, _requests(render))
        except OSError as error:
            raise SettingsError("exporter.listen", f"{address[0]}:{address[1]}: {error.strerror or error}") from None
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()


def answers(address: tuple[str, int]) -> int:
    """How many families of ours are served there.

    :raises BusError: nobody answers, or somebody else does
    """
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(address[0], address[0])  # noqa: S104 - a listener on all addresses is asked on loopback
    connection = HTTPConnection(host, address[1], timeout=_SECONDS)
    try:
        connection.request("GET", "/metrics")
        said = connection.getresponse().read(_MOST)
    except (OSError, HTTPException) as error:
        raise BusError(f"{host}:{address[1]}", str(error)) from error
    finally:
        connection.close()
    families = said.count(b"# TYPE aiops_")
    if not families:
        raise BusError(f"{host}:{address[1]}", "what is served there are no metrics of ours")
    return families


def _requests(render: Callable[[], bytes]) -> type[OneRequest]:
    class Request(OneRequest):
        def do_GET(self) -> None:  # noqa: N802 - the standard library's name
            """The only method there is."""
            if self.path == "/metrics":
                self.reply(200, CONTENT_TYPE_PLAIN_0_0_4, render())
            else:
                self.reply(404, "text/plain; charset=utf-8", b"the metrics are at /metrics\n")

    return Request
