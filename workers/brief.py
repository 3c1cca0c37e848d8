"""CT190's desk: other agents ask over MQTT and are answered from the record.

It looks at the ledger through SQLite's read-only mode. It has no way to Redis, no task, no key: nothing that arrives here can
cause a change.
"""

import signal
import threading
from collections.abc import Mapping
from datetime import datetime

from aiops import bootstrap
from aiops.settings import load_settings
from aiops.steps.answer import answer
from tasks import schedule
from tasks.logs import configure


def due(zone: str, now: datetime) -> Mapping[str, datetime]:
    """When each line of the crontab is due next."""
    lines = {**schedule.guardians(zone), **schedule.housekeeping(zone)}
    return {name: line.after(now) for name, line in lines.items()}


if __name__ == "__main__":
    settings = load_settings()
    configure(settings.log, process="brief")
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    services = bootstrap.brief(settings, lambda now: due(settings.timezone, now))
    desk = bootstrap.desk(settings, lambda asked: answer(asked, services))
    desk.open()
    stop.wait()
    desk.close()
