"""Kombu's Redis transport, except that what is no message goes into quarantine instead of ending the worker.

Kombu parses a queue's bytes inside its event loop and lets the error out of it (celery #1113, #1674; kombu 5.7.0 still). Here the
bytes are looked at where the client hands them over, and where un-acknowledged ones are put back.
"""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from kombu.transport import redis as stock

from tasks import quarantine
from tasks.wire import fault

_stock: Any = stock  # celery-types knows half of it

log = logging.getLogger(__name__)

_BRPOP: Final = "BRPOP"


class Client(_stock.redis.Redis):  # type: ignore[misc]
    """A client whose blocking pop yields messages and nothing else."""

    def parse_response(self, connection: Any, command_name: Any, **options: Any) -> Any:
        """What the server answered; None, as after a pause without messages, instead of garbage."""
        answer: Any = super().parse_response(connection, command_name, **options)
        if command_name != _BRPOP or not answer:
            return answer
        queue, raw = answer
        return None if _refused(raw, _text(queue)) else answer


class QoS(_stock.QoS):  # type: ignore[misc]
    """The un-acknowledged messages. An entry that is none is taken out of them, not put back into its queue."""

    def ack(self, delivery_tag: Any) -> None:
        """Acknowledge. One that the broker did not hear counts as delivered no longer: it comes again from the un-acknowledged.

        Celery logs that error and goes on. The message would fill the only place for ever: the worker would ask for no other, so
        would never notice that its connection is dead (measured: deaf until it was restarted).
        """
        with self._let_go(delivery_tag):
            super().ack(delivery_tag)

    def reject(self, delivery_tag: Any, requeue: Any = False) -> None:  # noqa: FBT002 - kombu's signature
        """Reject, as a task that failed is; the same holds where the broker did not hear that."""
        with self._let_go(delivery_tag):
            super().reject(delivery_tag, requeue=requeue)

    @contextmanager
    def _let_go(self, delivery_tag: Any) -> Iterator[None]:
        try:
            yield
        except self.channel.connection_errors:
            self._quick_ack(delivery_tag)
            raise

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: Any = False) -> None:  # noqa: FBT002 - kombu's signature
        """Put the message back, or into quarantine."""
        with self.channel.conn_or_acquire(client) as connected:
            raw = connected.hget(self.unacked_key, tag)
            if raw is not None and _refused(_inner(raw), self.unacked_key, raw):
                self._remove_from_indices(tag).execute()
                return
        super().restore_by_tag(tag, client, leftmost)


class Channel(_stock.Channel):  # type: ignore[misc]
    """A channel with our client and our bookkeeping."""

    QoS = QoS

    def _get_client(self) -> type[Client]:
        super()._get_client()
        return Client


class Transport(_stock.Transport):  # type: ignore[misc]
    """See the module. Named in ``broker_transport``."""

    Channel = Channel


def _refused(message: bytes, place: str, whole: bytes | None = None) -> bool:
    reason = fault(message)
    if reason is None:
        return False
    quarantine.put(message if whole is None else whole, place, reason)
    return True


def _inner(raw: bytes) -> bytes:
    """The message of an un-acknowledged entry, which is ``[message, exchange, routing key]``; nothing where it is no entry.

    An entry that is none would otherwise stop the restoring of all the others, for good.
    """
    try:
        message, exchange, key = json.loads(raw)
    except (ValueError, TypeError, RecursionError):
        return b""
    return json.dumps(message).encode() if isinstance(exchange, str) and isinstance(key, str) else b""


def _text(name: Any) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
