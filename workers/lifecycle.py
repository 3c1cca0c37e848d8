"""What happens around a worker's tasks: presence, refused messages, failed steps, and the incident's id in every log line."""

import logging
import os
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

from celery import signals
from celery.worker import state

from aiops import bootstrap
from aiops.domain.event import Event
from aiops.domain.fact import utcnow
from aiops.domain.severity import Severity
from aiops.domain.watch import busy
from aiops.errors import AiopsError
from aiops.settings import load_settings
from tasks.logs import bind, clear, configure
from tasks.refusals import tell

log = logging.getLogger(__name__)


def connect(queue: str) -> None:
    """Connect the signals of this process's worker."""
    settings = load_settings()
    presence = presence_of(queue)

    def set_up_logs(**_: Any) -> None:
        configure(settings.log, process=queue)

    def online(**_: Any) -> None:
        presence.start()
        _publish(queue, "worker.online", f"the {queue} worker is up", Severity.DEBUG)

    def offline(**_: Any) -> None:
        _publish(queue, "worker.offline", f"the {queue} worker stopped in good order", Severity.INFO)
        presence.stop()

    def unknown(name: str = "", message: Any = None, **_: Any) -> None:
        tell("no such task exists in this trust domain", name or "?", message)

    def rejected(message: Any = None, **_: Any) -> None:
        tell("it is no task message", "?", message)

    def failed(sender: Any = None, exception: BaseException | None = None, task_id: str = "", **_: Any) -> None:
        sentence = f"the step {getattr(sender, 'name', '?')} failed: {exception}"
        _publish(queue, "step.failed", sentence[:500], Severity.WARNING, task=task_id)

    for signal, receiver in (
        (signals.setup_logging, set_up_logs),
        (signals.worker_ready, online),
        (signals.worker_shutdown, offline),
        (signals.task_unknown, unknown),
        (signals.task_rejected, rejected),
        (signals.task_failure, failed),
        (signals.task_prerun, _bind),
        (signals.task_postrun, _clear),
    ):
        signal.connect(receiver, weak=False)


@cache
def presence_of(queue: str) -> bootstrap.Presence:
    """The life sign of this process on MQTT."""
    return bootstrap.presence(load_settings(), queue)


def pulsate(name: str, places: int = 0) -> None:
    """Give this process's sign of life for as long as the worker is up; and another one while all its ``places`` are taken."""
    settings = load_settings()
    pulse = bootstrap.pulse(settings)

    def sign() -> None:
        pulse.beat(name)
        if places and len(state.active_requests) >= places:
            pulse.beat(busy(name))

    every(settings.watch.pulse_seconds, "pulse", sign)


def every(seconds: float, name: str, do: Callable[[], None]) -> None:
    """Do something in a thread of the worker's main process for as long as the worker is up.

    A transient failure is logged once per streak: the next round tries again.
    """
    stop = threading.Event()

    def loop() -> None:
        failing = False
        while True:
            try:
                do()
                failing = False
            except AiopsError as error:
                if not failing:
                    log.warning("%s: %s", name, error)
                failing = True
            if stop.wait(seconds):
                return

    def start(**_: Any) -> None:
        threading.Thread(target=loop, name=name, daemon=True).start()

    def end(**_: Any) -> None:
        stop.set()

    signals.worker_ready.connect(start, weak=False)
    signals.worker_shutdown.connect(end, weak=False)


def _publish(queue: str, kind: str, sentence: str, severity: Severity, **context: Any) -> None:
    bootstrap.events(load_settings()).publish(
        Event(
            source=queue,
            cron="guardian-workers",
            severity=severity,
            timestamp=utcnow(),
            host=os.uname().nodename,
            symptom=sentence,
            type=kind,
            context={"queue": queue, "pid": os.getpid(), **context},
        )
    )


def _bind(task: Any = None, task_id: str = "", **_: Any) -> None:
    bind(task=getattr(task, "name", ""), task_id=task_id, incident=task.request.get("incident") or "")


def _clear(**_: Any) -> None:
    clear()
