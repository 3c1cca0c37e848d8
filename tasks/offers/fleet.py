"""hosts, schedule, metrics, sweep: the fleet, when it is looked at, how it does; and looking now."""

import time
from collections import Counter as Counts
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic import Field

from aiops.errors import BusError, UnknownError
from aiops.ports.offers import Offer, Talk
from tasks.offers.desk import Arguments, Desk, Nothing
from tasks.offers.incidents import swept

_TOLD_SECONDS = 0.5


class Span(Arguments):
    """How far back."""

    days: int = Field(default=30, ge=1, le=730, description="how many days back")


class Look(Arguments):
    """What to look at."""

    guardians: tuple[str, ...] = Field(default=(), max_length=50, description="such as disk; empty: all of them")
    hosts: tuple[str, ...] = Field(default=(), max_length=200, description="names of the inventory; empty: all of them")
    seconds: float = Field(default=120, ge=0, le=300, description="how long to wait for what it saw; 0: only its id")


def offers(desk: Desk) -> tuple[Offer, ...]:
    """The tools."""

    def hosts(_: Nothing, __: Talk) -> Mapping[str, Any]:
        looks = desk.services.ledger.looks()
        named = {"name", "role", "pair", "expected_state", "labels"}
        told = []
        for host in desk.services.inventory.hosts():
            ours = [look for look in looks if look.host == host.name]
            told.append(
                {
                    **host.model_dump(mode="json", include=named),
                    "last_look": max((look.at for look in ours), default=None),
                    "blind": sorted({probe for look in ours for probe in look.blind}),
                    "asleep": any(look.asleep for look in ours),
                }
            )
        return {"hosts": told}

    def schedule(_: Nothing, __: Talk) -> Mapping[str, Any]:
        from tasks.cli.schedule import told  # noqa: PLC0415 - imports Celery

        return told(desk.settings, desk.services)

    def metrics(asked: Span, _: Talk) -> Mapping[str, Any]:
        services = desk.services
        now = services.clock()
        found = services.ledger.search(since=now - timedelta(days=asked.days), limit=5000)
        ended = sorted(
            (one.changed_at - one.opened_at).total_seconds() for one in found if one.state.value == "resolved"
        )
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return {
            "days": asked.days,
            "incidents": len(found),
            "by_state": Counts(one.state.value for one in found),
            "by_severity": Counts(one.severity.value for one in found),
            "by_detector": Counts(one.findings[0].detector for one in found if one.findings),
            "open_now": sum(one.state.open for one in services.ledger.live()),
            "median_seconds_to_resolved": ended[len(ended) // 2] if ended else None,
            "eur_today": services.ledger.spent(midnight).eur,
            "eur_this_month": services.ledger.spent(midnight.replace(day=1)).eur,
            "frozen": services.ledger.frozen(),
            "storm_since": services.ledger.storm(),
        }

    def sweep(asked: Look, talk: Talk) -> Mapping[str, Any]:
        from beat_schedule import GUARDIANS  # noqa: PLC0415 - imports Celery
        from tasks.pipeline import patrol  # noqa: PLC0415 - as above

        for name in asked.guardians:
            if name not in GUARDIANS:
                raise UnknownError("guardian", name, f"there are {', '.join(GUARDIANS)}")
        for name in asked.hosts:
            desk.services.inventory.find(name)
        started = patrol.delay(list(asked.guardians or GUARDIANS), hosts=list(asked.hosts), started_by=talk.who)
        return _followed(str(started.id), asked.seconds, desk, talk)

    return (
        Offer(
            "hosts",
            "List the hosts of the inventory, when each was last looked at, and where it is blind.",
            Nothing,
            hosts,
        ),
        Offer(
            "schedule",
            "Show for each guardian its last look, what came of it, and when it is due next.",
            Nothing,
            schedule,
        ),
        Offer(
            "metrics", "Figures: incidents by state and severity, time to resolution, what models cost.", Span, metrics
        ),
        Offer(
            "sweep",
            "Make detectors look now; they change nothing. Reports progress; may be cancelled.",
            Look,
            sweep,
            "look",
        ),
    )


def _followed(name: str, seconds: float, desk: Desk, talk: Talk) -> Mapping[str, Any]:
    """What the sweep saw, once all shards are there, the time is up, or nobody waits any more."""
    began = time.monotonic()
    if not seconds:
        return {"sweep": name}
    while True:
        shards = desk.services.ledger.sweep(name)
        waited = time.monotonic() - began
        wanted = shards[0].patrol.shards if shards else None
        talk.progress(waited, None, f"{len(shards)} of {wanted or 'some'} shards have looked")
        if shards and len(shards) == wanted:
            return swept(name, shards)
        if talk.cancelled or waited >= seconds:
            break
        time.sleep(min(_TOLD_SECONDS, seconds))
    if shards:
        return swept(name, shards)
    raise BusError("the detect worker", f"sweep {name} has no result after {waited:.0f} s; `show` may have it later")
