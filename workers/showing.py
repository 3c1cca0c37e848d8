"""Processes that show something over HTTP: as all they do, or beside their work."""

import logging
import signal
import threading

from aiops import bootstrap
from aiops.bootstrap.for_metrics import Exporter, MetricsListener
from aiops.domain.metric import Target
from aiops.errors import SettingsError
from aiops.settings import Settings
from tasks.logs import configure

log = logging.getLogger(__name__)


def exporter_of(settings: Settings, target: Target) -> Exporter | None:
    """What counts and shows beside the work; None where nothing is to be shown, or where nobody can listen: work comes first."""
    try:
        return bootstrap.exporter(settings, target)
    except SettingsError as error:
        log.warning("no metrics are served: %s", error)
        return None


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
