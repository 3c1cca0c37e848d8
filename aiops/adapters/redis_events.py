"""Events into a capped Redis stream: the mirror's source."""

import logging
import os
import threading
from collections import deque
from typing import Final

from redis import Redis

from aiops.adapters.event_entry import LogEntry, Raw, entries_of, entries_of_raw
from aiops.adapters.redis_client import FAILURES, connect, where
from aiops.domain.event import Event

STREAM: Final = "aiops:events"
COUNTERS: Final = "aiops:counters"
CURSOR: Final = "aiops:events:cursor"

log = logging.getLogger(__name__)


class RedisEvents:
    """Port ``Events``. Safe to call from many threads and after a fork.

    Redis away: one warning per outage, then up to ``buffer`` entries wait in memory and one thread tries every
    ``retry_seconds`` until they are written, in order; the oldest are dropped and counted when there are more. What waits
    dies with the process: what must never be lost is in the ledgers.
    """

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "pixelium",
        maxlen: int = 100_000,
        seconds: float = 2.0,
        buffer: int = 2_000,
        retry_seconds: float = 1.0,
    ) -> None:
        """``seconds`` bounds one attempt to connect and one answer."""
        self._client: Redis = connect(url, seconds=seconds)
        self._prefix, self._maxlen, self._buffer, self._retry_seconds = prefix, maxlen, buffer, retry_seconds
        self._begin()

    def publish(self, event: Event) -> None:
        """Append the event; a finished sweep is its guardian's retained state too."""
        self._append(entries_of(event, self._prefix))

    def publish_raw(self, raw: Raw) -> None:
        """Append what a foreign publisher sent, as an event or as its quarantine."""
        self._append(entries_of_raw(raw, self._prefix))

    def counters(self) -> dict[str, int]:
        """``quarantined`` and ``dropped``, over all publishers, since Redis has been empty.

        :raises RedisError: Redis does not answer
        """
        return {str(name): int(value) for name, value in self._client.hgetall(COUNTERS).items()}

    def close(self) -> None:
        """Try once more to write what waits, then let go of thread and connection."""
        self._stop.set()
        thread = self._thread
        if thread is not None:
            thread.join()
        with self._lock:
            if self._waiting and not self._write(list(self._waiting), self._dropped):
                log.warning("events: %d were never written to %s", len(self._waiting), where(self._client))
            self._waiting.clear()
        self._client.close()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._waiting: deque[LogEntry] = deque()
        self._thread: threading.Thread | None = None
        self._dropped = 0

    def _append(self, entries: tuple[LogEntry, ...]) -> None:
        if os.getpid() != self._pid:
            # A forked worker has a copy of what its parent still has to write, of a lock nobody will release, and no thread.
            self._begin()
        with self._lock:
            if self._thread is None and self._write(list(entries)):
                return
            self._keep(entries)
            if self._thread is None and not self._stop.is_set():
                self._thread = threading.Thread(target=self._recover, name="aiops-events", daemon=True)
                self._thread.start()

    def _keep(self, entries: tuple[LogEntry, ...]) -> None:
        self._waiting.extend(entries)
        while len(self._waiting) > self._buffer:
            self._waiting.popleft()
            self._dropped += 1

    def _recover(self) -> None:
        """Write what waits, in order. While this thread lives nobody else writes, and publishers never wait for it."""
        while not self._stop.wait(self._retry_seconds):
            while True:
                with self._lock:
                    batch = [self._waiting.popleft() for _ in range(min(100, len(self._waiting)))]
                    dropped = self._dropped
                    if not batch:
                        self._thread = None
                        log.warning("events: %s answers again, everything that waited is written", where(self._client))
                        return
                written = self._write(batch, dropped, quiet=True)
                with self._lock:
                    if written:
                        self._dropped -= dropped
                        continue
                    self._waiting.extendleft(reversed(batch))
                    self._keep(())
                break

    def _write(self, batch: list[LogEntry], dropped: int = 0, *, quiet: bool = False) -> bool:
        quarantined = sum(entry.quarantined for entry in batch)
        commands = self._client.pipeline(transaction=len(batch) + quarantined + dropped > 1)
        for entry in batch:
            fields: dict[str, str] = {"topic": entry.topic, "payload": entry.payload, "type": entry.type}
            if entry.retain:
                fields["retain"] = "1"
            if entry.quarantined:
                fields["quarantined"] = "1"
            commands.xadd(STREAM, fields, maxlen=self._maxlen, approximate=True)  # type: ignore[arg-type]
        if quarantined:
            commands.hincrby(COUNTERS, "quarantined", quarantined)
        if dropped:
            commands.hincrby(COUNTERS, "dropped", dropped)
        try:
            commands.execute()
        except FAILURES as error:
            if not quiet:
                log.warning("events: %s does not answer, events wait in memory: %s", where(self._client), error)
            return False
        return True
