"""A refused message is an event, never a silence."""

import logging
from typing import Any

from aiops import bootstrap
from aiops.domain.event import Event
from aiops.domain.fact import utcnow
from aiops.domain.severity import Severity
from aiops.settings import load_settings

log = logging.getLogger(__name__)


def tell(reason: str, task: str, message: Any, queue: str = "") -> None:
    """Log and publish that a message was refused. Nothing it says about itself is believed beyond its name."""
    queue = queue or str((getattr(message, "delivery_info", None) or {}).get("routing_key", ""))
    sentence = f"a message for {task[:60]!r} on queue {queue[:60]!r} was refused: {reason}"
    log.warning(sentence)
    bootstrap.events(load_settings()).publish(
        Event(
            source="border",
            cron="guardian-border",
            severity=Severity.CRITICAL,
            timestamp=utcnow(),
            host=queue[:60] or "unknown",
            symptom=sentence,
            type="message.refused",
            context={"task": task[:200], "reason": reason},
        )
    )
