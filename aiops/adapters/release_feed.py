"""What a maker has released: the API of GitHub or of Forgejo, or an Atom feed. Tags and pauses are respected."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal
from xml.etree import ElementTree as ET

from aiops.adapters.json_api import JsonApi, Reply, retry_after
from aiops.adapters.shape import Shape
from aiops.domain.release import Version, version
from aiops.errors import BusError, SettingsError

Form = Literal["github", "forgejo", "atom"]

_ATOM: Final = "{http://www.w3.org/2005/Atom}"
_ACCEPTS: Final[Mapping[Form, str]] = {
    "github": "application/vnd.github+json",
    "forgejo": "application/json",
    "atom": "application/atom+xml",
}
_PAGES: Final[Mapping[Form, Mapping[str, int]]] = {"github": {"per_page": 100}, "forgejo": {"limit": 50}, "atom": {}}
"""The most that each gives at once, by its own documentation; releases come newest first."""
_NOT_MODIFIED, _FORBIDDEN, _TOO_MANY = 304, 403, 429
_LEAST_PAUSE: Final = 60.0
"""GitHub's advice for a refusal that names no time."""
_MOST_PAUSE: Final = 24 * 3600.0
"""A server cannot silence us for longer than until the next daily look."""


@dataclass(frozen=True)
class Published:
    """A release: its version, when it was published as its maker writes it, and its page."""

    version: Version
    at: str = ""
    page: str = ""


class Pauses:
    """Servers that asked to be left alone, and until when. One for all feeds, since a server counts all of them together."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}
        self._lock = threading.Lock()

    def wait(self, server: str) -> None:
        """:raises BusError: the server is not to be asked yet."""
        with self._lock:
            until = self._until.get(server, 0.0)
        if until > self._clock():
            raise BusError(
                server,
                f"it asked us to wait until {time.strftime('%H:%M', time.gmtime(until))} UTC; a token allows more",
            )

    def note(self, server: str, reply: Reply) -> None:
        """Remember what an answer says about the next one."""
        now, asked = self._clock(), _wait(reply, self._clock())
        if asked is not None:
            with self._lock:
                self._until[server] = now + min(max(asked, _LEAST_PAUSE), _MOST_PAUSE)


def _wait(reply: Reply, now: float) -> float | None:
    """Seconds to wait; None where nothing is asked."""
    said = reply.headers
    spent = said.get("x-ratelimit-remaining") == "0"
    if "retry-after" in said:
        return retry_after(reply, now)
    if spent:
        return _number(said.get("x-ratelimit-reset", "")) - now
    return 0.0 if reply.status == _TOO_MANY else None


def _number(text: str) -> float:
    return float(text[:18]) if text.strip().isdecimal() else 0.0


class ReleaseFeed:
    """The newest release of one application. Remembers the last answer with its tag, so that nothing is sent twice."""

    def __init__(self, api: JsonApi, form: Form, pauses: Pauses, *, prereleases: bool = False) -> None:
        self._api, self._form, self._pauses, self._prereleases = api, form, pauses, prereleases
        self._path = "" if form == "atom" else "/releases"
        self._tag, self._kept = "", Published(Version(()))

    def newest(self) -> Published:
        """The highest version, whatever was published last: an old branch gets releases too.

        :raises BusError: the feed does not answer now, or asked us to wait
        :raises SettingsError: it refuses us, or answers in another form than published
        """
        self._pauses.wait(self._api.host)
        asked = {"Accept": _ACCEPTS[self._form]} | ({"If-None-Match": self._tag} if self._tag else {})
        reply = self._api.fetch(self._path, asked, **_PAGES[self._form])
        self._pauses.note(self._api.host, reply)
        if reply.status == _NOT_MODIFIED and self._tag:
            return self._kept
        if reply.status == _FORBIDDEN:
            self._pauses.wait(self._api.host)  # a limit that is reached is a refusal only by its number
        where = f"{self._api.name} {self._path}".strip()
        body = self._api.body(self._path, reply)
        found = _entries(where, body) if self._form == "atom" else _rows(where, self._api.parsed(self._path, reply))
        chosen = [one for one in found if self._prereleases or not one.version.trial]
        if not chosen:
            raise SettingsError(where, "it names no release: does its maker only set tags?")
        self._kept = max(chosen, key=lambda one: one.version)
        self._tag = reply.headers.get("etag", "")
        return self._kept


def _rows(where: str, answer: Any) -> Iterator[Published]:
    shape = Shape(where)
    for row in shape.rows(answer):
        found = version(shape.text(row, "tag_name"))
        early = shape.flag(row, "prerelease", default=False)
        if found is None or shape.flag(row, "draft", default=False):
            continue
        if early and not found.trial:
            found = replace(found, stage=0)  # its maker says so, though its name does not
        yield Published(found, str(row.get("published_at") or ""), str(row.get("html_url") or ""))


def _entries(where: str, content: bytes) -> Iterator[Published]:
    """The version stands at the end of an entry's link on every forge; where it does not, in its title."""
    try:
        text = content.decode()
        if "<!DOCTYPE" in text:
            raise SettingsError(where, "a feed with a document type is not read: it may grow without end")
        feed = ET.fromstring(text)  # noqa: S314 - without a document type there are no entities to expand
    except (UnicodeDecodeError, ET.ParseError) as error:
        raise SettingsError(where, f"its answer is no Atom feed: {error}") from error
    if feed.tag != f"{_ATOM}feed":
        raise SettingsError(where, f"its answer is no Atom feed but begins with {feed.tag[:60]!r}")
    for entry in feed.iter(f"{_ATOM}entry"):
        link = entry.find(f"{_ATOM}link")
        page = link.get("href", "") if link is not None else ""
        found = version(page.rpartition("/")[2]) or version(entry.findtext(f"{_ATOM}title", ""))
        if found:
            yield Published(found, entry.findtext(f"{_ATOM}updated", ""), page)
