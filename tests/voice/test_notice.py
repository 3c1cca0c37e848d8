"""The severity table, quiet hours and digests, as the operator set them."""

from datetime import UTC, datetime

import pytest

from aiops.domain.notice import LONGEST, Notice, Route, Voice, bundles
from aiops.domain.severity import Severity
from tests.voice.notices import NOW, bundle, event

SEVEN = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)  # 08:00 in Paris
HALF_PAST_NINE = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)  # 09:30 in Paris
FOURTEEN = datetime(2026, 11, 23, 13, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("severity", "route", "at", "due"),
    [
        (Severity.DEBUG, Route.NOBODY, SEVEN, SEVEN),
        (Severity.INFO, Route.GROUP_SILENTLY, SEVEN, SEVEN),
        (Severity.WARNING, Route.GROUP, SEVEN, SEVEN),
        (Severity.CRITICAL, Route.DIRECT, SEVEN, SEVEN),
        (Severity.INFO, Route.GROUP_SILENTLY, HALF_PAST_NINE, FOURTEEN),
        (Severity.WARNING, Route.GROUP, HALF_PAST_NINE, FOURTEEN),
        (Severity.CRITICAL, Route.DIRECT, HALF_PAST_NINE, HALF_PAST_NINE),
        (Severity.WARNING, Route.GROUP, FOURTEEN, FOURTEEN),
    ],
)
def test_who_is_told_and_when(severity: Severity, route: Route, at: datetime, due: datetime) -> None:
    voice = Voice(quiet_hours="09:00-14:00")
    assert voice.due(severity, at, "Europe/Paris") == due
    assert Notice.of(event(severity), due).route is route


@pytest.mark.parametrize(
    ("at", "due"),
    [
        (datetime(2026, 3, 29, 0, 30, tzinfo=UTC), datetime(2026, 3, 29, 5, 0, tzinfo=UTC)),
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 6, 0, tzinfo=UTC)),
    ],
    ids=["clocks go forward", "clocks go back"],
)
def test_quiet_hours_end_on_the_operators_clock(at: datetime, due: datetime) -> None:
    assert Voice(quiet_hours="00:00-07:00").due(Severity.INFO, at, "Europe/Paris") == due


def test_the_same_event_is_the_same_notice_and_another_is_not() -> None:
    assert Notice.of(event(), NOW).id == Notice.of(event(), NOW).id
    assert Notice.of(event(), NOW).id != Notice.of(event(number=1), NOW).id


def test_one_message_names_host_trouble_and_incident() -> None:
    assert bundle(event()).text == "⚠️ ct200: 38 agents are gone\ninc-20261123-000000"


def test_the_most_severe_comes_first_and_few_stay_single() -> None:
    notices = [
        Notice.of(event(severity, number=number), NOW)
        for number, severity in enumerate([Severity.INFO, Severity.WARNING, Severity.CRITICAL])
    ]
    assert [one.route for one in bundles(notices, 6)] == [Route.DIRECT, Route.GROUP, Route.GROUP_SILENTLY]


def test_many_for_one_chat_are_a_single_digest_and_nobody_is_left_out() -> None:
    calm = [Notice.of(event(Severity.INFO, number=number), NOW) for number in range(500)]
    grave = [Notice.of(event(Severity.CRITICAL, number=1000), NOW)]
    made = bundles([*calm, *grave], 6)
    assert [len(one.notices) for one in made] == [1, 500]
    assert made[0].route is Route.DIRECT
    assert made[1].route is Route.GROUP_SILENTLY
    assert len(made[1].text) <= LONGEST
    shown = made[1].text.count("ct")
    assert made[1].text.endswith(f"... and {500 - shown} more: aiops notices")


def test_text_of_a_log_is_neither_markup_nor_a_second_line() -> None:
    text = bundle(event(symptom="<b>all\nis \x1b[2Jwell</b>")).text
    assert text.count("\n") == 1
    assert "<b>all is  [2Jwell</b>" in text


def test_a_message_that_is_too_long_is_cut_and_says_so() -> None:
    text = bundle(event(symptom="x" * 10_000)).text
    assert len(text) <= LONGEST
    assert " ..." in text
    assert text.endswith(("inc-20261123-000000", "... and 1 more: aiops notices"))
