"""Structured logs: one JSON object a line, with the task and the incident's id in it."""

import logging
import sys
from typing import Any

from aiops.settings import Log

# structlog loads rich where it finds it, six megabytes and half a second for coloured tracebacks that no service writes.
_rich = sys.modules.get("rich")
sys.modules["rich"] = None  # type: ignore[assignment]
try:
    import structlog
finally:
    del sys.modules["rich"]
    if _rich is not None:
        sys.modules["rich"] = _rich

_QUIET = ("kombu", "paramiko", "invoke", "fabric", "urllib3", "LiteLLM", "amqtt", "transitions")


def configure(log: Log, *, process: str) -> None:
    """Send everything that is logged to standard error, in one form."""

    def name_process(_: Any, __: str, entry: dict[str, Any]) -> dict[str, Any]:
        entry["process"] = process
        return entry

    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        name_process,
    ]
    last: Any = (
        structlog.processors.JSONRenderer() if log.form == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(log.level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def bind(**facts: Any) -> None:
    """Put these into every line that this thread logs from now on."""
    structlog.contextvars.bind_contextvars(**facts)


def clear() -> None:
    """Forget what was bound in this thread."""
    structlog.contextvars.clear_contextvars()
