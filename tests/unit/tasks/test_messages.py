"""Everything that crosses from one trust domain to another survives the message."""

from datetime import UTC, datetime
from typing import Any

import pytest
from kombu.utils.json import dumps, loads

from aiops import errors
from aiops.domain.event import Event
from aiops.domain.heard import Alert, Heard
from aiops.domain.night import FeedBatch, FeedItem, NightReport, ServiceState, SiteFigures, Usage
from aiops.domain.plan import SignedPlan
from aiops.domain.severity import Severity
from aiops.domain.sweep import Patrol, Sweep
from aiops.domain.verdict import Question, Verdict
from tests.incident_world import NOON, World, a_finding
from tests.plans import outcome

ALERT = Alert(name="n", identity="i", host="ct201", severity=Severity.INFO, summary="s", firing=True)
PATROL = Patrol(sweep="s", detectors=("disk",), hosts=("ct201",), requested_at=NOON)


def facts(tmp_path: Any) -> list[Any]:
    world = World(tmp_path)
    from aiops import steps  # noqa: PLC0415

    steps.correlate(world.sweep(world.finding()), world.services)
    return [
        PATROL,
        Sweep(
            patrol=PATROL,
            findings=(a_finding(),),
            looked_at={"ct201": ("disk.space",)},
            started_at=NOON,
            finished_at=NOON,
        ),
        Verdict(incident="i", action="drop", reason="r", source="s"),
        Question(incident=world.only()),
        SignedPlan(payload="{}", signature="00", key="11"),
        NightReport(name="rss-digest", at=NOON, lines=("one", "two"), items=("k",)),
        SiteFigures(at=NOON, services=(ServiceState(name="s", up=True, latency=3),)),
        Usage(at=NOON, sessions=1, hours=0.5, tokens_input=1, tokens_output=1, cache_read=1, cache_creation=1),
        FeedBatch(at=NOON, items=(FeedItem(key="k", feed="f", title="t", at=NOON),), blind=("b",)),
        Heard(id="h", source="am", form="alertmanager", at=NOON, alerts=(ALERT,)),
        outcome(),
        Event(
            source="s", cron="guardian-disk", severity=Severity.INFO, timestamp=datetime.now(UTC), host="h", symptom="x"
        ),
    ]


def test_every_model_comes_back_as_it_was(tmp_path: Any) -> None:
    for fact in facts(tmp_path):
        sent = loads(dumps([fact]))[0]
        assert type(fact).model_validate(sent).model_dump(mode="json") == fact.model_dump(mode="json")


def all_errors() -> list[type[errors.AiopsError]]:
    found, waiting = [], [errors.AiopsError]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting += kind.__subclasses__()
    return [kind for kind in found if kind.__module__ == "aiops.errors" and kind.__init__ is not Exception.__init__]


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
def test_an_error_rebuilt_from_its_args_alone_is_the_same(kind: type[errors.AiopsError]) -> None:
    count = kind.__init__.__code__.co_argcount - 1 if hasattr(kind.__init__, "__code__") else 1
    error = kind(*[f"part {n}" for n in range(count)] if kind is not errors.HostTimeoutError else ("h", 2.0))

    again = kind(*error.args)

    assert str(again) == str(error)
    assert vars(again) == vars(error)
