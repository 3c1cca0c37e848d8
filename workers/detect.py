"""CT192 "openfang" looks: drains ``detect``, changes nothing, asks no LLM.

Threads, because it waits for hosts: its kept SSH connections are shared by all tasks of the process, and so are its metrics.
"""

from typing import Any

from celery import signals

from aiops.domain.sweep import Sweep
from aiops.settings import load_settings
from aiops.steps.tally import swept
from tasks.showing import exporter_of
from workers.draining import serve


def _serve_metrics(**_: Any) -> None:
    """Count what each sweep saw, and show it where the settings name a port."""
    exporter = exporter_of(load_settings(), "ct192")
    if exporter is None:
        return

    def count(sender: Any = None, result: Any = None, **_: Any) -> None:
        if sender.name == "detect":
            exporter.meter.count(swept(Sweep.model_validate(result)))

    signals.task_success.connect(count, weak=False)
    exporter.server.start()


if __name__ == "__main__":
    signals.worker_ready.connect(_serve_metrics, weak=False)
    serve("detect", pool="threads", concurrency=4)
