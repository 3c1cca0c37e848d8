"""CT190's ears: webhooks of other systems over HTTP. No ledger, no key of ours; it may push ``hear`` and ``keep_usage`` alone.

It drains no queue, so nobody can send it a task.
"""

import logging
import signal
import threading
from typing import Any

from kombu.exceptions import OperationalError

from aiops import bootstrap
from aiops.domain.heard import Heard
from aiops.domain.night import Usage
from aiops.errors import BusError
from aiops.settings import load_settings
from tasks.logs import configure
from tasks.pipeline import hear, keep_usage

log = logging.getLogger(__name__)


def _hand_on(task: Any, fact: Any) -> None:
    """:raises BusError: Redis does not answer; the sender is to try again."""
    try:
        task.apply_async((fact,), retry=False)
    except OperationalError as error:
        raise BusError("redis", str(error)) from None


def _hear(heard: Heard) -> None:
    _hand_on(hear, heard)


def _keep(sums: Usage) -> None:
    _hand_on(keep_usage, sums)


if __name__ == "__main__":
    settings = load_settings()
    configure(settings.log, process="ingest")
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    listener = bootstrap.ingest(settings, _hear, _keep)
    pulse = bootstrap.pulse(settings)
    listener.start()
    log.info("listening on %s port %d", settings.ingest.listen, listener.port)
    while not stop.is_set():
        try:
            pulse.beat("ingest")
        except BusError as error:
            log.warning("no sign of life could be left: %s", error)
        stop.wait(settings.watch.pulse_seconds)
    listener.stop()
