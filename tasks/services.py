"""What each trust domain's tasks work with, built once per process and never before a fork."""

import os
from collections.abc import Callable
from dataclasses import replace
from threading import Lock
from typing import Any, TypeVar

from aiops import bootstrap
from aiops.ports import (
    BackupServices,
    DetectionServices,
    IncidentServices,
    NightServices,
    NotifyServices,
    Pulse,
    RemediationServices,
    SessionServices,
    TriageServices,
)
from aiops.settings import Settings, load_settings
from aiops.steps import Watcher
from tasks import schedule
from tasks.periods import periods

Services = TypeVar("Services")


class _Built:
    """What was built in this process."""

    made: dict[str, Any]

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """A forked child builds its own: connections do not survive a fork, and a lock may have been held."""
        self.made, self.lock = {}, Lock()


_built = _Built()
os.register_at_fork(after_in_child=_built.forget)


def _once(build: Callable[[Settings], Services]) -> Services:
    with _built.lock:
        if build.__name__ not in _built.made:
            _built.made[build.__name__] = build(load_settings())
        made: Services = _built.made[build.__name__]
        return made


def detection() -> DetectionServices:
    """CT192's."""
    return _once(bootstrap.detection)


def pulse() -> Pulse:
    """The signs of life, which every worker may leave."""
    return _once(bootstrap.pulse)


def incidents() -> IncidentServices:
    """CT190's, the deciding side."""
    return _once(_incidents)


def _incidents(settings: Settings) -> IncidentServices:
    """With the periods of the crontab, which nothing below ``tasks`` knows."""
    return replace(
        bootstrap.incidents(settings), periods=periods(), due=lambda now: schedule.next_due(settings.timezone, now)
    )


def watcher() -> Watcher:
    """CT190's look at ourselves: one per process, because it remembers since when it can tell."""
    ours = incidents()

    def watcher_of(_: Settings) -> Watcher:
        return Watcher(ours)

    return _once(watcher_of)


def triage() -> TriageServices:
    """CT190's, the thinking side."""
    return _once(bootstrap.triage)


def remediation() -> RemediationServices:
    """CT196's."""
    return _once(bootstrap.remediation)


def backup() -> BackupServices:
    """CT196's, for the nightly backup."""
    return _once(bootstrap.backup)


def sessions() -> SessionServices:
    """CT196's, for agents: no key to a host."""
    return _once(bootstrap.sessions)


def notification() -> NotifyServices:
    """The voice."""
    return _once(bootstrap.notification)


def night() -> NightServices:
    """CT190's night work: a way out, no ledger."""
    return _once(bootstrap.night)
