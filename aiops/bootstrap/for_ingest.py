"""CT190's ears: an HTTP server, the names of the hosts, and no right but to hand on what it heard."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from aiops.bootstrap.shared import inventory
from aiops.domain.fact import new_id, utcnow
from aiops.domain.heard import Heard
from aiops.domain.night import Usage
from aiops.errors import RefusedError
from aiops.settings import Settings, secrets


class Listener(Protocol):
    """A server that runs until it is stopped."""

    @property
    def port(self) -> int:
        """Where it listens."""

    def start(self) -> None:
        """Begin to listen."""

    def stop(self) -> None:
        """End it."""


def ingest(settings: Settings, hear: Callable[[Heard], None], keep: Callable[[Usage], None]) -> Listener:
    """The server. ``hear`` and ``keep`` hand on; a ``TransientError`` of theirs makes the sender try again.

    :raises SettingsError: nobody can listen there, or ``ingest.sqlite`` in the state folder is no database of this version
    :raises LedgerBusyError: it cannot be written
    """
    from pydantic import ValidationError  # noqa: PLC0415

    from aiops.adapters.ingest_forms import finder, read  # noqa: PLC0415
    from aiops.adapters.ingest_server import Bounds, Gate, IngestServer, Sender  # noqa: PLC0415
    from aiops.adapters.replay_book import SqliteReplays  # noqa: PLC0415

    its = settings.ingest
    hosts = inventory(settings)
    mapped = {said.lower(): host for said, host in its.hosts.items()}

    def reader(path: Path) -> Callable[[], tuple[str, ...]]:
        return lambda: secrets(path)

    def take(name: str, form: str, body: bytes) -> dict[str, Any]:
        if form == "usage":
            try:
                keep(Usage.model_validate_json(body))
            except ValidationError:
                raise RefusedError("form", "these are no sums of an agent's use") from None
            return {"taken": 1, "refused": []}
        alerts, refused = read(form, body, finder(hosts.hosts(), mapped, its.unknown_host))
        if not alerts:
            raise RefusedError("host", "; ".join(refused[:5]))
        now = utcnow()
        hear(
            Heard.model_validate(
                {"id": new_id("heard", now), "source": name, "form": form, "at": now, "alerts": alerts}
            )
        )
        return {"taken": len(alerts), "refused": refused[:20]}

    senders = {name: Sender(one.form, reader(one.key_file)) for name, one in its.sources.items()}
    replays = SqliteReplays(settings.state / "ingest.sqlite")
    gate = Gate(senders, Bounds(its.bytes, its.seconds, its.skew_seconds), replays)
    return IngestServer((its.listen, its.port), gate, take)
