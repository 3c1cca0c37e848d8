"""One file is one process: which queue it drains, which tasks exist in it. Start one with ``python -m workers.<name>``."""

import sys
from typing import Any

from celery import signals
from kombu.exceptions import OperationalError

from aiops.errors import BusError
from aiops.settings import load_settings
from tasks.app import app
from tasks.queues import QUEUES


def cut(queue: str) -> Any:
    """Cut the app down to one trust domain: only its queue is drained, only its tasks exist.

    Celery's built-in ``celery.*`` tasks go too: ``celery.group`` in a message's arguments would publish with our rights. The
    un-acknowledged messages are kept under the domain's own keys, or another domain's client could forge one for us.
    """
    app.loader.import_default_modules()
    app.finalize()
    app.amqp.queues.select([queue])
    own: Any = app.amqp.queues[queue]
    own.no_declare = False
    for name in [name for name in app.tasks if name not in QUEUES[queue]]:
        app.tasks.unregister(name)
    app.conf.broker_transport = "tasks.transport:Transport"
    keep_apart(queue)
    return app


def keep_apart(name: str) -> None:
    """Keep this process's un-acknowledged messages under keys of its own."""
    app.conf.broker_transport_options = {
        **app.conf.broker_transport_options,
        "unacked_key": f"{name}.unacked",
        "unacked_index_key": f"{name}.unacked_index",
        "unacked_mutex_key": f"{name}.unacked_mutex",
    }


def _bind(queue: str) -> None:
    """Bind the queue, again and again: a Redis that was emptied knows no binding, and nobody but its owner may make one.

    :raises BusError: Redis does not answer
    """
    own: Any = app.amqp.queues[queue]
    with app.connection_for_write() as connection:
        failures: tuple[type[BaseException], ...] = (
            OperationalError,
            *connection.connection_errors,
            *connection.channel_errors,
        )
        try:
            own(connection.default_channel).declare()
        except failures as error:
            raise BusError("redis", str(error)) from error


def serve(queue: str, *, pool: str, concurrency: int = 1) -> None:
    """Run the queue's worker until it is told to stop.

    Ends the process with the worker's own exit code: Celery's command drops it, and a worker that could not go on would look to
    its supervisor like one that had been told to stop.
    """
    from workers import lifecycle  # noqa: PLC0415 - connects signals, which only a worker may have

    cut(queue)
    lifecycle.connect(queue)
    lifecycle.pulsate(queue, concurrency)
    lifecycle.every(load_settings().watch.pulse_seconds, "binding", lambda: _bind(queue))
    started: list[Any] = []
    signals.worker_init.connect(lambda sender, **_: started.append(sender), weak=False)
    app.worker_main(
        [
            "worker",
            "--queues",
            queue,
            "--hostname",
            f"{queue}@%h",
            "--pool",
            pool,
            "--concurrency",
            str(concurrency),
            "--loglevel",
            "INFO",
            "--without-gossip",
            "--without-mingle",
        ]
    )
    sys.exit(started[0].exitcode if started else 1)
