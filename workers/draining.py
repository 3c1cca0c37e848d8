"""What every process that drains a queue does: cut the app down to one trust domain, and run its worker."""

import gc
import logging
import sys
from typing import Any

from celery import signals
from celery.utils.nodenames import host_format
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
    app.conf.broker_transport_options = {**app.conf.broker_transport_options, **own_keys(name)}


def own_keys(name: str) -> dict[str, str]:
    """Where this process keeps its un-acknowledged messages, as options of kombu's transport."""
    return {
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

    Ends the process with the worker's own exit code: a worker that could not go on must not look to its supervisor like one that
    had been told to stop. Celery's command line is not used: it drops that code, and loads every program that came with Celery,
    Flower among them, into each process (17 MiB of 70, measured).
    """
    from workers import lifecycle  # noqa: PLC0415 - connects signals, which only a worker may have

    cut(queue)
    lifecycle.connect(queue)
    lifecycle.pulsate(queue, concurrency)
    lifecycle.every(load_settings().watch.pulse_seconds, "binding", lambda: _bind(queue))
    if pool == "prefork":
        signals.worker_before_create_process.connect(_keep_shared, weak=False)
    worker: Any = app.Worker(
        queues=queue,
        hostname=host_format(f"{queue}@%h"),
        pool_cls=pool,
        concurrency=concurrency,
        loglevel=logging.INFO,
        without_gossip=True,
        without_mingle=True,
    )
    worker.start()
    sys.exit(worker.exitcode)


def _keep_shared(**_: Any) -> None:
    """Before a fork: what exists now is left alone by the collector, whose marks would copy every page of it into each child."""
    gc.collect()
    gc.freeze()
