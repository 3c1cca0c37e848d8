"""Mirror the event log to the broker: at least once, in order, without a gap."""

import logging
import threading
from collections.abc import Callable
from typing import Final

from aiops.domain.metric import Sample
from aiops.errors import BusError
from aiops.ports import BridgeServices
from aiops.steps.tally import mirrored

BATCH: Final = 200
_WAIT: Final = 1.0
_LONGEST_PAUSE: Final = 5.0

log = logging.getLogger(__name__)


def mirror(services: BridgeServices, stop: threading.Event, sign: Callable[[], None] = lambda: None) -> int:
    """Run until ``stop`` is set; returns how many entries the broker has acknowledged.

    The cursor moves after the acknowledgement, so a bridge killed between the two publishes a few entries again. A log or
    broker that is away is said once in our log and, where it can be heard, on the bridge's own topic; then it is tried
    again after a pause that doubles up to five seconds. ``sign`` is the sign of life: a round that mirrors gives one.
    """
    acknowledged, failures = 0, 0
    while not stop.is_set():
        try:
            acknowledged += _once(services)
            sign()
            _connected(services, yes=True)
        except BusError as error:
            _connected(services, yes=False)
            if not failures:
                log.warning("the bridge is degraded: %s", error)
                services.broker.announce("degraded", str(error))
            failures += 1
            stop.wait(min(0.2 * 2 ** min(failures, 10), _LONGEST_PAUSE))
        else:
            if failures:
                log.warning("the bridge works again after %d attempts", failures)
                services.broker.announce("online")
            failures = 0
    return acknowledged


def _once(services: BridgeServices) -> int:
    batch = services.log.read(services.log.cursor(), BATCH, _WAIT)
    # With nothing to publish too: a broker that is gone is noticed in a quiet hour, not at the next event.
    done = services.broker.publish_all(batch)
    if done:
        services.log.move(batch[done - 1].cursor)
        if services.meter:
            services.meter.count(mirrored(batch[:done]))
    return done


def _connected(services: BridgeServices, *, yes: bool) -> None:
    if services.meter:
        services.meter.count([Sample("aiops_bridge_connected", yes)])
