"""The bridge in a process of its own, so that a test can kill it: ``REDIS_URL MQTT_PORT``."""

import signal
import sys
import threading

from aiops.adapters.mqtt import MqttAddress, MqttBroker
from aiops.adapters.redis_event_log import RedisEventLog
from aiops.adapters.redis_events import RedisEvents
from aiops.ports import BridgeServices
from aiops.steps.mirror import mirror


def main(url: str, port: int) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    events = RedisEvents(url)
    log = RedisEventLog(url, events)
    broker = MqttBroker(MqttAddress(port=port), seconds=3)
    broker.wait(5)
    count = mirror(BridgeServices(log, broker), stop)
    broker.close()
    log.close()
    events.close()
    sys.stdout.write(f"{count} {threading.active_count()}\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
