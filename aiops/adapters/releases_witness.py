"""What the makers of applications have released, and what the applications say they are."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from aiops.adapters.json_api import JsonApi
from aiops.adapters.release_feed import ReleaseFeed
from aiops.adapters.shape import unknown_question
from aiops.domain.guest import Guest
from aiops.domain.testimony import Gap, Release, Testimony
from aiops.errors import AiopsError, BusError, SettingsError

_TOGETHER: Final = 8
"""Servers asked at once: one that is dead costs its ten seconds only once."""


@dataclass(frozen=True)
class Watched:
    """One application on one host; what runs is told by a Debian package, or by the application ``itself`` below a key."""

    name: str
    host: str
    feed: ReleaseFeed
    package: str = ""
    itself: JsonApi | None = None
    key: str = "version"


class ReleasesWitness:
    """See ``aiops.ports.Witness``."""

    def __init__(self, applications: Sequence[Watched], home: str) -> None:
        self._applications = tuple(applications)
        self._home = Guest(name=home, address=home, source="releases")

    def ask(self, question: str, sweep: str) -> Testimony:  # noqa: ARG002 - whoever asks once per sweep is around us
        """See ``aiops.ports.Witness``. One application that is not known hides no other one; none at all is one trouble."""
        if question != "newest":
            raise unknown_question("releases", question)
        with ThreadPoolExecutor(max_workers=_TOGETHER, thread_name_prefix="releases") as pool:
            answers = list(pool.map(_answer, self._applications))
        silent = [answer for answer in answers if isinstance(answer, BusError)]
        if len(silent) == len(answers) > 1:
            reason = f"no feed of releases answers: {silent[0]}"
            gap = Gap(self._home, reason, "check the way of the detection worker to the Internet", wide=True)
            return Testimony((), self._home, (gap,))
        told = [_told(one, answer) for one, answer in zip(self._applications, answers, strict=True)]
        return Testimony(tuple(told), self._home)


def _answer(one: Watched) -> Release | AiopsError:
    machine = Guest(name=one.host, address=one.host, source="releases")
    try:
        newest = one.feed.newest()
        running = _running(one.itself, one.key) if one.itself else ""
    except AiopsError as error:
        return error
    return Release(machine, one.name, newest.version.text, newest.at, newest.page, running, one.package)


def _told(one: Watched, answer: Release | AiopsError) -> Release:
    if isinstance(answer, Release):
        return answer
    return Release(Guest(name=one.host, address=one.host, source="releases"), one.name, problem=str(answer))


def _running(itself: JsonApi, key: str) -> str:
    """The version that the application says it is.

    :raises SettingsError: there is no text below the key
    """
    value: Any = itself.get("")
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if not isinstance(value, str) or not value:
        raise SettingsError(f"{itself.name} version_url", f"there is no text below {key}")
    return value
