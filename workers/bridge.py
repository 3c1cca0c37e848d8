"""The bridge: mirrors every event to MQTT at QoS 1 and, where a log store is set, to Loki, and loses none while they are away.

It carries no authority to act.
"""

import signal
import threading

from aiops import bootstrap
from aiops.ports import ShipServices
from aiops.settings import load_settings
from aiops.steps.mirror import mirror
from aiops.steps.ship import ship
from tasks.logs import configure
from tasks.showing import exporter_of


def _ship(services: ShipServices, stop: threading.Event) -> None:
    """Beside the mirror, since either may wait for its server. An end that nobody asked for ends the bridge."""
    try:
        ship(services, stop)
    finally:
        stop.set()


if __name__ == "__main__":
    settings = load_settings()
    configure(settings.log, process="bridge")
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    exporter = exporter_of(settings, "bridge")
    services = bootstrap.bridge(settings, exporter.meter if exporter else None)
    shipping = bootstrap.shipping(settings)
    pulse = bootstrap.pulse(settings)
    if exporter:
        exporter.server.start()
    shipper = threading.Thread(target=_ship, args=(shipping, stop), name="ship") if shipping else None
    if shipper:
        shipper.start()
    try:
        mirror(services, stop, lambda: pulse.beat("bridge"))
    finally:
        stop.set()
        if shipper:
            shipper.join()
        services.broker.close()
