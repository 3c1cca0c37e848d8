"""CT196's metrics: how runs, sessions, records and backups stand, for Prometheus or VictoriaMetrics.

It looks at the execution ledger through SQLite's read-only mode. It has no way to Redis, no key and no task: what listens on the
network stands apart from what acts, and forked children of the worker have nothing to add up.
"""

from aiops import bootstrap
from aiops.settings import load_settings
from workers.showing import show

if __name__ == "__main__":
    settings = load_settings()
    show(bootstrap.execution_exporter(settings).server, settings, "metrics_remediation")
