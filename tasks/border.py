"""The border of a trust domain.

A message may carry more than its task: a chain, links and errbacks are published by the *receiver*, with the receiver's rights,
so a client that may only push to triage could run a task on remediation that way. Therefore every message is looked at before
it becomes a task, and refused when it brings anything but arguments. The only exception is ``detect | correlate``.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from celery.worker.strategy import default

from tasks.queues import SUCCESSORS
from tasks.refusals import tell

log = logging.getLogger(__name__)

_SUCCESSOR_OPTIONS = frozenset({"task_id", "reply_to", "root_id", "parent_id", "priority"})
_BODY_PARTS = 3


def strategy(task: Any, app: Any, consumer: Any, **options: Any) -> Callable[..., Any]:
    """Celery's own strategy behind our gate."""
    proceed = default(task, app, consumer, **options)

    def receive(message: Any, payload: Any, ack: Any, reject: Any, callbacks: Any, **more: Any) -> Any:
        reason = objection(task.name, message, payload)
        if reason is None:
            return proceed(message, payload, ack, reject, callbacks, **more)
        reject(log, consumer.connection_errors)
        tell(reason, task.name, message)
        return None

    return receive


def objection(task: str, message: Any, payload: Any) -> str | None:
    """Why the message may not become a task, or None."""
    if payload is not None:
        return "it speaks message protocol 1"
    if message.headers.get("eta") and task in {"remediate", "investigate"}:
        return "neither a repair nor a session is delayed by its message"
    try:
        body = message.payload
    except Exception as error:  # noqa: BLE001 - whatever a hostile body does to the decoder, the worker must go on
        return f"its body cannot be read: {type(error).__name__}"
    if not isinstance(body, list) or len(body) != _BODY_PARTS or not isinstance(body[2], Mapping):
        return "its body is not (args, kwargs, embed)"
    return _brings(task, body[2])


def _brings(task: str, brought: Mapping[str, Any]) -> str | None:
    for part in ("callbacks", "errbacks", "chord"):
        if brought.get(part):
            return f"it brings {part}"
    if brought.get("chain") and not _may_follow(task, brought["chain"]):
        return "it brings a chain"
    return None


def _may_follow(task: str, successors: Any) -> bool:
    """Whether the chain is exactly one plain signature that is allowed to come after the task."""
    if not isinstance(successors, list) or len(successors) != 1 or not isinstance(successors[0], Mapping):
        return False
    (signature,) = successors
    options = signature.get("options") or {}
    if (
        not isinstance(options, Mapping)
        or signature.get("args")
        or signature.get("kwargs")
        or signature.get("subtask_type")
    ):
        return False
    given = {name for name, value in options.items() if value}
    return signature.get("task") in SUCCESSORS.get(task, ()) and given <= _SUCCESSOR_OPTIONS
