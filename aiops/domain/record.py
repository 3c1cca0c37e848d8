"""The paper trail of one repair: a transcript and a line in the ops journal."""

from aiops.domain.fact import Fact, Moment


class Record(Fact):
    """What is committed about a run that ended. ``markdown`` and ``lines`` are the transcript, scrubbed; ``entry`` goes to the
    journal of the month of ``at``, which is kept by the operator's calendar.

    ``name`` is the transcript's file name without its ending, ``month`` the journal's (``2026-11``).
    """

    incident: str
    plan: str
    at: Moment
    month: str
    name: str
    title: str
    markdown: str
    lines: str
    entry: str
    trailers: tuple[str, ...] = ()


class Filed(Fact):
    """A record that is committed: where its transcript is, and the SHA-256 of that file."""

    plan: str
    incident: str
    status: str
    file: str
    transcript: str
    at: Moment


class Pushed(Fact):
    """How a push went: ``sent`` commits arrived, ``waiting`` ones did not, for ``reason``. No reason: all is well."""

    sent: int = 0
    waiting: int = 0
    reason: str = ""
