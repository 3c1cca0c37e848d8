"""The bridge: mirrors every event to MQTT at QoS 1 and loses none while the broker is away. It carries no authority to act."""

import signal
import threading

from aiops import bootstrap
from aiops.settings import load_settings
from aiops.steps.mirror import mirror
from tasks.logs import configure
from workers.showing import exporter_of

if __name__ == "__main__":
    settings = load_settings()
    configure(settings.log, process="bridge")
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    exporter = exporter_of(settings, "bridge")
    services = bootstrap.bridge(settings, exporter.meter if exporter else None)
    pulse = bootstrap.pulse(settings)
    if exporter:
        exporter.server.start()
    try:
        mirror(services, stop, lambda: pulse.beat("bridge"))
    finally:
        services.broker.close()
