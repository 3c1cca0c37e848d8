"""CT190's ears: the one poller of the bot. It keeps what humans say and rings for `incidents`, which decides."""

import logging
import os
import signal
import time
from contextlib import suppress
from types import FrameType
from typing import Final, NoReturn

from kombu.exceptions import OperationalError

from aiops import bootstrap, steps
from aiops.domain.event import Event
from aiops.domain.fact import utcnow
from aiops.domain.severity import Severity
from aiops.errors import AiopsError, BusError, ChannelError
from aiops.ports import ListenServices, Pulse
from aiops.settings import load_settings
from tasks import pipeline
from tasks.logs import configure

log = logging.getLogger(__name__)

LONGEST_PAUSE: Final = 60.0
"""Seconds between two polls that fail."""


class Streak:
    """Failures in a row: said once when they begin, once when they end."""

    def __init__(self, services: ListenServices) -> None:
        self._events, self.length = services.events, 0

    def failed(self, error: AiopsError) -> float:
        """Returns the seconds to wait."""
        self.length += 1
        if self.length == 1:
            log.warning("nobody hears what the human says: %s", error)
            self._say("voice.deaf", Severity.WARNING, f"nobody hears what the human says: {error}")
        asked = error.rest if isinstance(error, ChannelError) else 0.0
        return max(asked, min(LONGEST_PAUSE, 2.0 ** min(self.length - 1, 6)))

    def succeeded(self) -> None:
        """It works."""
        if self.length:
            log.warning("the human is heard again, after %s failures", self.length)
            self._say("voice.hears", Severity.INFO, f"the human is heard again, after {self.length} failures")
        self.length = 0

    def _say(self, kind: str, severity: Severity, text: str) -> None:
        self._events.publish(
            Event(
                source="hermes",
                cron="guardian-voice",
                severity=severity,
                timestamp=utcnow(),
                host=os.uname().nodename,
                symptom=text,
                type=kind,
            )
        )


def ring(services: ListenServices) -> None:
    """Hand over what the incidents' side has to hear.

    :raises BusError: Redis does not take it; it is kept
    """
    for said in steps.to_hand(services):
        try:
            pipeline.heard.apply_async((steps.signed(said, services),), headers={"incident": said.incident})
        except OperationalError as error:
            raise BusError("redis", str(error)) from error
        steps.handed(said, services)


def _stop(_: int, __: FrameType | None) -> NoReturn:
    raise SystemExit


def main() -> None:
    """Poll until stopped; whatever fails is tried again."""
    settings = load_settings()
    configure(settings.log, process="listen")
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, _stop)
    pulse, services = bootstrap.pulse(settings), bootstrap.listening(settings)
    polls, rings, introduced = Streak(services), Streak(services), False
    while True:
        _alive(pulse)
        pause = 0.0
        try:
            ring(services)
            rings.succeeded()
        except AiopsError as error:
            pause = min(rings.failed(error), 5.0)
        try:
            if not introduced:
                steps.introduce(services)
                introduced = True
            steps.listen(services)
            polls.succeeded()
        except AiopsError as error:
            pause = max(pause, polls.failed(error))
        _wait(pause, pulse)


def _alive(pulse: Pulse) -> None:
    """A sign of life, where Redis takes it: without it, what is heard is still kept."""
    with suppress(BusError):
        pulse.beat("listen")


def _wait(seconds: float, pulse: Pulse) -> None:
    """Sleep, and stay alive in the eyes of the watchers."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        _alive(pulse)
        time.sleep(min(left, 5.0))


if __name__ == "__main__":
    main()
