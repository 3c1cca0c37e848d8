"""CT190 "hermes" decides: drains ``incidents``, holds the ledger, the policy and the signing key; no LLM.

One task at a time, so that two sweeps never open the same incident. Beside it the permit is renewed: without a fresh one CT196
starts nothing. Beside it, too, the watchers look: they must notice a beat that is dead.
"""

from kombu.exceptions import OperationalError

from aiops import steps
from aiops.domain.fact import iso
from aiops.errors import BusError
from aiops.settings import load_settings
from tasks import pipeline, services
from workers import lifecycle
from workers.draining import serve

PERMIT_SECONDS = 0.3
"""A permit lives 0.9 s: two renewals may be late before repairs pause, and a freeze is in force within a second."""

CARD_SECONDS = 1.0
"""So often the cards are compared with the ledger: one look at an index, and a human sees what he pressed."""


def _renew_permit() -> None:
    steps.renew_permit(services.incidents())


def _cards() -> None:
    try:
        pipeline.refresh_cards()
    except OperationalError as error:
        raise BusError("redis", str(error)) from error


def _watch() -> None:
    """One round, and its result on our own retained topic: it is read where neither Redis nor Celery is needed."""
    presence, watcher = lifecycle.presence_of("incidents"), services.watcher()
    try:
        pipeline.watch()
    except OperationalError as error:
        raise BusError("redis", str(error)) from error
    finally:
        if watcher.troubles:
            presence.ill("; ".join(watcher.troubles))
        else:
            last = max(services.incidents().ledger.last_sweeps().values(), default=None)
            presence.well(f"last sweep {iso(last)}" if last else "no sweep yet")


if __name__ == "__main__":
    lifecycle.every(PERMIT_SECONDS, "permit", _renew_permit)
    lifecycle.every(load_settings().watch.every_seconds, "watch", _watch)
    if services.incidents().users:
        lifecycle.every(CARD_SECONDS, "cards", _cards)
    serve("incidents", pool="solo")
