"""ship: from the event log to the log store, by way of a spool on the disk."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from aiops.domain.event import Event
from aiops.domain.severity import Severity
from aiops.domain.shipped import Line, Pushed, line_of, log_line, nanoseconds
from aiops.errors import BusError, LedgerBusyError
from aiops.ports import ShipServices

CURSOR: Final = "cursor"
BATCH: Final = 1000
"""Lines of one request."""
BATCH_BYTES: Final = 1024 * 1024
"""Of one request, before compression: a quarter of Loki's default limit (``grpc_server_max_recv_msg_size`` 4 MiB)."""
TOO_OLD: Final = timedelta(days=7)
"""What Loki refuses by default (``reject_old_samples_max_age`` 1 w): it would take the rest of its batch along."""
TOLD_EVERY: Final = 60.0
"""Seconds between two events about lines that were lost."""
_READ: Final = 200
_LONGEST_PAUSE: Final = 60.0
_FIRST_PAUSE: Final = 0.5

log = logging.getLogger(__name__)


class Shipper:
    """One round after another. What is read is kept on the disk together with the cursor, then sent, then forgotten: a kill
    in between sends a batch twice, which the store recognises, and loses nothing.
    """

    def __init__(self, services: ShipServices, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._services, self._monotonic = services, monotonic
        self._failures = 0
        self._next_try = 0.0
        self._lost: dict[str, int] = {}
        self._told_at = float("-inf")
        self.sent = 0

    def round(self, wait: float = 1.0) -> None:
        """Read what is new, waiting at most ``wait`` seconds for it, and send what is due.

        :raises BusError: the event log does not answer; what was kept before is sent all the same
        :raises LedgerBusyError: the spool cannot be written
        """
        try:
            self._read(wait)
        finally:
            self._send()
            self._tell()

    def _read(self, wait: float) -> None:
        its = self._services
        read = its.log.read(its.spool.mark(CURSOR) or "0", _READ, wait)
        now = its.clock()
        # A guardian's retained state is its event once more.
        lines = [line_of(one.payload, now, quarantined=one.quarantined) for one in read if not one.retain]
        marks = {CURSOR: read[-1].cursor} if read else {}
        if its.files:
            records, places = its.files.read(its.spool.mark)
            lines += [log_line(record, now) for record in records]
            marks |= places
        if lines or marks:
            young = [line for line in lines if not _too_old(line, now)]
            self._lose("older than the store takes", len(lines) - len(young))
            self._lose("the spool is full", its.spool.keep(young, marks))

    def _send(self) -> None:
        its = self._services
        while self._monotonic() >= self._next_try:
            batch = its.spool.oldest(BATCH, BATCH_BYTES)
            if not batch:
                return
            said = its.store.push(batch)
            if not (said.taken or said.refused):
                self._rest(said)
                return
            if said.refused:
                log.warning("the log store refuses %d lines: %s", len(batch), said.reason)
                self._lose(f"refused: {said.reason[:200]}", len(batch))
            elif self._failures:
                log.warning("the log store takes lines again after %d attempts", self._failures)
            self._failures, self.sent = 0, self.sent + (len(batch) if said.taken else 0)
            its.spool.forget(batch[-1].number)

    def _rest(self, said: Pushed) -> None:
        """Twice as long each time, or as long as it asks for."""
        if not self._failures:
            log.warning("the log store takes nothing, what is to be sent is kept: %s", said.reason)
        pause = min(_FIRST_PAUSE * 2**self._failures, _LONGEST_PAUSE)
        self._failures = min(self._failures + 1, 30)
        self._next_try = self._monotonic() + (pause if said.rest is None else max(said.rest, _FIRST_PAUSE))

    def _lose(self, reason: str, count: int) -> None:
        if count:
            self._lost[reason] = self._lost.get(reason, 0) + count

    def _tell(self) -> None:
        """What is lost is an event like any other: on MQTT at once, in the store once it takes lines again."""
        if not self._lost or self._monotonic() - self._told_at < TOLD_EVERY:
            return
        lost, self._lost, self._told_at = self._lost, {}, self._monotonic()
        count = sum(lost.values())
        log.warning("%d lines never reach the log store: %s", count, lost)
        self._services.events.publish(
            Event(
                source="bridge",
                cron="bridge",
                severity=Severity.WARNING,
                timestamp=self._services.clock(),
                host="bridge",
                symptom=f"{count} lines never reach the log store",
                type="logs.dropped",
                context={"lines": count, "reasons": lost},
            )
        )


def ship(services: ShipServices, stop: threading.Event, sign: Callable[[], None] = lambda: None) -> int:
    """Run until ``stop`` is set; returns how many lines the store has taken."""
    shipper = Shipper(services)
    while not stop.is_set():
        try:
            shipper.round()
            sign()
        except (BusError, LedgerBusyError) as error:
            log.warning("nothing new can be kept for the log store: %s", error)
            stop.wait(_FIRST_PAUSE * 4)
    return shipper.sent


def _too_old(line: Line, now: datetime) -> bool:
    return line.at < nanoseconds(now - TOO_OLD)
