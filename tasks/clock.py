"""Beat's heart: what is due in one moment is sent together, and every round leaves a sign of life.

Celery's scheduler keeps a heap of moments: it lets the guardians that are due together travel alone, sleeps for hours when the
wall clock is set back, and remembers its last runs as a pickle. This one looks at its few lines afresh each round, and remembers
them as JSON.
"""

import json
import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from celery.beat import ScheduleEntry, Scheduler

from aiops import bootstrap
from aiops.domain.fact import iso
from aiops.errors import BusError
from aiops.settings import load_settings
from tasks.schedule import together

log = logging.getLogger(__name__)


class Clock(Scheduler):
    """The scheduler that ``beat_scheduler`` names."""

    def __init__(
        self,
        app: Any,
        schedule_filename: str = "",
        sign: Callable[[], None] | None = None,
        **options: Any,
    ) -> None:
        """``sign`` is called once per round; without one it is beat's pulse."""
        self._file = Path(schedule_filename).with_suffix(".json") if schedule_filename else None
        self._sign = sign or _pulse()
        self.schedule: dict[str, ScheduleEntry] = {}
        super().__init__(app, **options)  # sets the schedule up

    def setup_schedule(self) -> None:
        """The lines of the configuration, with the last runs of the previous beat."""
        last = self._remembered()
        for name, line in self.app.conf.beat_schedule.items():
            self.schedule[name] = self.Entry(**line, name=name, app=self.app, last_run_at=last.get(name))

    def tick(self, *_: Any, **__: Any) -> float:
        """Send everything that is due; the seconds until the next round."""
        # Each line reads the clock for itself: a second look finds those that became due while the first one looked.
        self._forget_the_future()
        due = self._due() and self._due()
        for entry in due:
            self.reserve(entry)
        for entry in together(due):
            self.apply_entry(entry, producer=self.producer)
        self._sign()
        waits = [self.is_due(entry)[1] for entry in self.schedule.values()]
        return max(0.0, min([float(self.max_interval or 0), *waits]))

    def _forget_the_future(self) -> None:
        """When the wall clock was set back, the last runs count as now: nothing stays silent until the old time comes again."""
        for entry in self.schedule.values():
            now = entry.default_now()
            entry.last_run_at = min(entry.last_run_at or now, now)

    def _due(self) -> list[ScheduleEntry]:
        return [entry for entry in self.schedule.values() if self.is_due(entry)[0]]

    def sync(self) -> None:
        """Remember the last runs, so that a restart neither forgets nor doubles a daily line."""
        if self._file is None:
            return
        last = {name: iso(entry.last_run_at) for name, entry in self.schedule.items() if entry.last_run_at}
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps(last, indent=1), encoding="utf-8")
        fresh.replace(self._file)

    @property
    def info(self) -> str:
        """For beat's greeting."""
        return f"    . last runs -> {self._file}"

    def _remembered(self) -> dict[str, datetime]:
        try:
            text = self._file.read_text(encoding="utf-8") if self._file else "{}"
            return {name: datetime.fromisoformat(at) for name, at in json.loads(text).items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError, TypeError) as error:
            log.warning("the last runs cannot be read, so every line waits for its next moment: %s", error)
            return {}


def _pulse() -> Callable[[], None]:
    pulse = bootstrap.pulse(load_settings())

    def sign() -> None:
        try:
            pulse.beat("beat")
        except BusError as error:
            log.warning("no sign of life could be left: %s", error)

    return sign
