"""A process that shows something over HTTP and does nothing else, until it is told to stop."""

import logging
import signal
import threading

from aiops.bootstrap.for_metrics import MetricsListener
from aiops.settings import Settings
from tasks.logs import configure

log = logging.getLogger(__name__)


def show(server: MetricsListener, settings: Settings, name: str) -> None:
    """Serve until SIGTERM or SIGINT."""
    configure(settings.log, process=name)
    stop = threading.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: stop.set())
    server.start()
    log.info("metrics on %s port %d", settings.exporter.listen, server.port)
    stop.wait()
    server.stop()
