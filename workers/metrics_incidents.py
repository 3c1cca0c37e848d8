"""CT190's metrics: how incidents, guardians, queues and processes stand, for Prometheus or VictoriaMetrics.

It looks at the ledger through SQLite's read-only mode and asks Redis for lengths and signs of life. It drains no queue, holds no
key and has no right to push: what listens on the network stands apart from what decides.
"""

from aiops import bootstrap
from aiops.settings import load_settings
from tasks import schedule
from tasks.periods import periods
from tasks.queues import QUEUES
from workers.showing import show

if __name__ == "__main__":
    settings = load_settings()
    show(
        bootstrap.incident_exporter(settings, tuple(QUEUES), periods(), lambda: schedule.expected(settings)).server,
        settings,
        "metrics_incidents",
    )
