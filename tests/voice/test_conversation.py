"""Whole conversations over a real Bot API: cards, buttons, commands, and everything that goes wrong on the way."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from aiops import steps
from aiops.domain.incident import State
from aiops.domain.notice import Voice
from aiops.domain.outcome import Outcome
from aiops.domain.severity import Severity
from aiops.errors import ChannelError
from aiops.ports import ListenServices, NotifyServices
from aiops.steps.explain import explain
from tests.incident_world import RESTART
from tests.voice.notices import event
from tests.voice.telegram_server import DIRECT, GROUP, OTHERS, Telegram, running
from tests.voice.town import MARIE, PAUL, STRANGER, Town, deaf

Make = Callable[..., Town]


@pytest.fixture
def server() -> Iterator[Telegram]:
    with running() as telegram:
        yield telegram


@pytest.fixture
def make(server: Telegram, tmp_path: Path) -> Iterator[Make]:
    made: list[Town] = []

    def build(**changes: Any) -> Town:
        made.append(Town(tmp_path / str(len(made)), server, **changes))
        return made[-1]

    yield build
    for town in made:
        town.close()


@pytest.fixture
def town(make: Make) -> Town:
    return make()


def test_from_the_card_to_the_repair_by_one_press(town: Town, server: Telegram) -> None:
    incident = town.find(severity=Severity.WARNING)
    town.speak()
    card = town.card(incident)
    assert int(server.shown[card]["chat_id"]) == GROUP
    assert "waiting for your word" in town.text(incident)
    assert "unit = cron.service" in town.text(incident)
    assert list(server.buttons(card)) == ["Approve", "Deny", "Snooze", "Why"]
    assert all(len(nonce.encode()) <= 64 for nonce in server.buttons(card).values())

    press = server.press(MARIE, card, "Approve")
    town.turn()
    assert server.toast(press).startswith("Approved: restart_service on ct201")
    assert len(town.plans) == 1
    assert f"Executed: not yet, approved by telegram:{MARIE}" in town.text(incident)
    assert "Delivered: telegram, message" in town.text(incident)

    town.carry(steps.settle(town.world.outcome("success"), town.world.services))
    town.carry(steps.close(town.world.sweep(incident=incident.id), town.world.services))
    town.speak()
    assert "Executed: success" in town.text(incident)
    assert "<b>resolved</b>" in town.text(incident)
    assert len(server.sent) == 1, "one message, edited in place"


def test_a_critical_card_comes_to_the_humans_own_chat(town: Town, server: Telegram) -> None:
    incident = town.find()
    town.speak()
    assert int(server.shown[town.card(incident)]["chat_id"]) == DIRECT


def test_what_comes_from_a_host_is_text_on_the_card(town: Town, server: Telegram) -> None:
    incident = town.find(summary="<b>dead</b> & <a href='x'>well</a>", evidence={"log": ["</pre>", "&amp;", "<"]})
    town.speak()
    assert "&lt;b&gt;dead&lt;/b&gt; &amp; &lt;a href=&#x27;x&#x27;&gt;well&lt;/a&gt;" in town.text(incident)
    assert len(server.sent) == 1


def test_the_longest_card_fits_into_a_message(town: Town, server: Telegram) -> None:
    many = {f"key{number}": "<&>" * 300 for number in range(30)} | {"output": ["é<>&" * 100] * 500}
    incident = town.find(summary="<" * 5000, evidence=many)
    town.speak()
    assert town.card(incident)


def test_wrong_user_replayed_nonce_and_two_at_once_are_refused_and_told(town: Town, server: Telegram) -> None:
    incident = town.find()
    town.speak()
    card = town.card(incident)
    nonce = server.button(card, "Approve")
    wrong = server.press_nonce(STRANGER, card, nonce)
    marie, paul = server.press_nonce(MARIE, card, nonce), server.press_nonce(PAUL, card, nonce)
    town.turn()
    again = server.press_nonce(MARIE, card, nonce)
    town.turn()
    assert "not on this bot's list" in server.toast(wrong)
    assert server.toast(marie).startswith("Approved")
    assert server.toast(paul) == server.toast(again) == f"Already used, by telegram:{MARIE}."
    assert len(town.plans) == 1


def test_an_edited_plan_and_an_expired_one_are_refused_and_told(town: Town, server: Telegram) -> None:
    incident = town.find()
    town.speak()
    card = town.card(incident)
    old = server.button(card, "Approve")
    steps.replan(incident.id, "", town.world.services)
    press = server.press_nonce(MARIE, card, old)
    town.turn()
    assert server.toast(press).startswith("The plan is another one now")
    late = server.button(card, "Approve")
    assert late != old
    town.world.now += timedelta(hours=2)
    press = server.press_nonce(MARIE, card, late)
    town.turn()
    assert server.toast(press).startswith("Too late")
    assert not town.plans


def test_a_stranger_is_told_once_and_then_ignored(town: Town, server: Telegram) -> None:
    for _ in range(5):
        server.write(STRANGER, "/thaw", chat=STRANGER)
        town.turn()
    assert [int(one["chat_id"]) for one in server.sent] == [STRANGER]
    assert len(town.rung) == 1


def test_a_destructive_plan_wants_the_name_as_a_reply_to_its_card(make: Make, server: Telegram) -> None:
    town = make(catalogue={"restart_service": RESTART.model_copy(update={"destructive": True})})
    incident = town.find()
    town.speak()
    card = town.card(incident)
    press = server.press(MARIE, card, "Approve")
    town.turn()
    assert "Reply to this card" in server.toast(press)
    server.write(MARIE, "ct202", chat=DIRECT, reply_to=card)
    town.turn()
    assert "not the host's name" in server.sent[-1]["text"]
    assert not town.plans
    server.write(MARIE, "ct201", chat=DIRECT, reply_to=card)
    town.turn()
    assert server.sent[-1]["text"].startswith("Approved")
    assert len(town.plans) == 1


def test_why_answers_below_the_card_and_a_reply_is_a_question(town: Town, server: Telegram) -> None:
    incident = town.find()
    town.speak()
    server.press(MARIE, town.card(incident), "Why")
    town.turn()
    assert "health saw service.dead" in server.sent[-1]["text"]
    server.write(PAUL, "and why is that?", chat=DIRECT, reply_to=town.card(incident))
    town.turn()
    assert "health saw service.dead" in server.sent[-1]["text"]


def test_idle_talk_in_the_group_is_not_listened_to(town: Town, server: Telegram) -> None:
    server.write(MARIE, "lunch?")
    town.turn()
    assert not server.sent
    assert not town.rung


def test_in_a_group_of_others_nothing_is_told(town: Town, server: Telegram) -> None:
    town.find()
    server.write(MARIE, "/incidents", chat=OTHERS)
    town.hear()
    assert not town.rung


_SAID = {"message_id": 7, "date": 1_790_000_000, "chat": {"id": DIRECT, "type": "private"}, "text": "/help"}
_WHO = {"id": MARIE, "is_bot": False, "first_name": "Marie"}


@pytest.mark.parametrize(
    "broken",
    [
        {"message": {"message_id": "what"}},
        {"message": "no object"},
        {"message": {**_SAID, "from": {**_WHO, "id": "nobody"}}},
        {"message": {**_SAID, "from": _WHO, "date": 10**20}},
        {"message": {**_SAID, "from": _WHO, "message_id": []}},
        {"callback_query": {"id": 5}},
        {"callback_query": {"id": "q1", "from": [], "chat_instance": "1", "data": "x"}},
    ],
    ids=str,
)
def test_an_update_that_cannot_be_read_is_passed_over_and_the_next_is_answered(
    town: Town, server: Telegram, broken: dict[str, Any]
) -> None:
    number = server.update(broken)
    server.write(MARIE, "/help", chat=DIRECT)
    town.turn()
    town.turn()
    assert [one["text"][:8] for one in server.sent] == ["What I u"]
    assert town.listening.inbox.offset() == server.number
    (said,) = [one for one in town.outside.events if one.type == "voice.unread"]
    assert said.severity is Severity.WARNING
    assert (said.context["updates"], said.context["so_far"]) == ([number], 1)


def test_what_could_not_be_read_is_counted_over_restarts(town: Town, server: Telegram) -> None:
    server.update({"message": "one"})
    server.update({"message": "two"})
    town.hear()
    town.open()
    server.update({"message": "three"})
    town.hear()
    told = [one.context["so_far"] for one in town.outside.events if one.type == "voice.unread"]
    assert told == [2, 3]


@pytest.mark.parametrize(
    "answer",
    [
        '"words"',
        "[]",
        '{"ok": true, "result": {"update_id": 5}}',
        '{"ok": true, "result": [{"message": {}}]}',
        '{"ok": true, "result": ["", 7, {"update_id": "9"}, {"update_id": 1e99}]}',
    ],
)
def test_an_answer_that_names_no_update_is_an_error_that_is_said(town: Town, server: Telegram, answer: str) -> None:
    server.broken["getUpdates"] = [f"answer {answer}"]
    deaf(town)
    server.write(MARIE, "/help", chat=DIRECT)
    town.turn()
    assert len(server.sent) == 1


def test_whoever_routes_and_hears_has_no_model_to_ask() -> None:
    given = {**get_type_hints(NotifyServices), **get_type_hints(ListenServices)}
    assert {"mailbox", "channels", "inbox", "ears"} <= set(given)
    assert not [name for name, kind in given.items() if "hinker" in str(kind) or "rovider" in str(kind)]


@pytest.mark.parametrize("severity", list(Severity), ids=str)
def test_routing_asks_no_model_and_triage_is_not_waited_for(make: Make, server: Telegram, severity: Severity) -> None:
    town = make(llm=True)
    town.notify(event(severity))
    town.speak()
    assert len(server.sent) == (severity is not Severity.DEBUG)
    assert town.world.ledger.booked(town.world.now - timedelta(days=1)) == []


def test_the_commands_are_registered_in_the_operators_language(make: Make, server: Telegram) -> None:
    steps.introduce(make(language="fr").listening)
    assert {"command": "incidents", "description": "ce qui est ouvert"} in server.commands
    assert len(server.commands) == 12


def test_a_card_in_french(make: Make, server: Telegram) -> None:
    town = make(language="fr")
    incident = town.find()
    town.speak()
    assert list(server.buttons(town.card(incident))) == ["Approuver", "Refuser", "Plus tard", "Pourquoi"]
    assert "attend votre accord" in town.text(incident)
    press = server.press(MARIE, town.card(incident), "Refuser")
    town.turn()
    assert server.toast(press) == "Refusé. L'incident est à vous."


def test_in_french_no_sentence_of_ours_stays_english(make: Make, server: Telegram) -> None:
    town = make(language="fr")
    incident = town.find(summary="cron.service is dead, says the host")
    town.speak()
    assert "<i>un service qui devrait tourner ne tourne pas</i>" in town.text(incident)
    assert "cron.service is dead, says the host" in town.text(incident), "what a detector saw stays as it was seen"
    server.press(MARIE, town.card(incident), "Approuver")
    town.turn()
    town.carry(steps.settle(town.world.outcome("success"), town.world.services))
    town.carry(steps.close(town.world.sweep(incident=incident.id), town.world.services))
    town.turn()
    said = town.said.said
    timeline = [entry.text for entry in town.world.ledger.timeline(incident.id)]
    assert len(timeline) > 6
    assert [text for text in timeline if said(text) == text] == []
    reasons = explain(incident.id, town.world.services)
    assert len(reasons) > 6
    assert [text for text in reasons if said(text) == text] == []
    assert "Exécuté : réussi" in town.text(incident)
    server.press(MARIE, town.card(incident), "Pourquoi")
    town.turn()
    assert "Le verdict : réparer avec restart_service" in server.sent[-1]["text"]


def test_reports_and_digests_are_french_too(make: Make, server: Telegram) -> None:
    town = make(language="fr")
    lines = ["seen 3 (1 critical), relapsed 0, suppressed 2", "waiting for you now 1", "OpenSSH 10.4 (Fleet News)"]
    report = event(Severity.INFO, "daily report, 2026-11-22 08:00 to 2026-11-23 08:00 UTC", context={"lines": lines})
    town.notify(report.model_copy(update={"type": "night.report", "incident": ""}))
    town.speak()
    assert server.sent[-1]["text"].splitlines()[1:] == [
        "vus 3 (1 critiques), rechutes 0, écartés 2",
        "vous attendent maintenant 1",
        "OpenSSH 10.4 (Fleet News)",
    ]
    assert "rapport quotidien, du 2026-11-22 08:00 au" in server.sent[-1]["text"]
    for number in range(8):
        town.notify(event(symptom="a host's own words", number=number))
    town.speak()
    assert server.sent[-1]["text"].startswith("8 messages :\n")
    assert server.sent[-1]["text"].count("a host's own words") == 8


def test_show_posts_the_card_that_a_digest_had_swallowed(town: Town, server: Telegram) -> None:
    incidents = [town.find(f"ct{200 + number}") for number in range(8)]
    town.speak()
    assert len(server.sent) == 1
    assert server.sent[0]["text"].startswith("8 messages:")
    server.write(MARIE, f"/show {incidents[3].id}", chat=DIRECT)
    town.turn()
    press = server.press(MARIE, town.card(incidents[3]), "Approve")
    town.turn()
    assert server.toast(press).startswith("Approved")


# what goes wrong on the way


def test_an_update_that_comes_twice_is_done_once(town: Town, server: Telegram) -> None:
    incident = town.find()
    town.speak()
    press = server.press(MARIE, town.card(incident), "Approve")
    twice = list(server.updates)
    town.turn()
    server.updates[:] = twice
    server.broken["getUpdates"] = []
    town.listening.inbox.take(0, ())
    again = town.ears.hear(press - 1)
    town.listening.inbox.take(again.newest, again.said)
    town.hand()
    town.speak()
    assert len(town.plans) == 1
    assert len([one for one in server.toasts if one["callback_query_id"] == f"q{press}"]) == 1


def test_what_the_incidents_side_never_answered_is_handed_over_again(town: Town, server: Telegram) -> None:
    incident = town.find()
    town.speak()
    press = server.press(MARIE, town.card(incident), "Approve")
    town.ring = False
    town.hear()
    for said in steps.to_hand(town.listening):
        steps.handed(said, town.listening)
    town.ring = True
    town.hand()
    assert not town.rung
    town.world.now += timedelta(seconds=31)
    town.hand()
    town.speak()
    assert town.rung == [press]
    assert server.toast(press).startswith("Approved")


def test_a_poller_that_dies_between_hearing_and_keeping_hears_it_again(
    town: Town, server: Telegram, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = town.find()
    town.speak()
    press = server.press(MARIE, town.card(incident), "Approve")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(town.listening.inbox, "take", killed)
        with pytest.raises(KeyboardInterrupt):
            town.hear()
    town.open()
    town.turn()
    assert server.toast(press).startswith("Approved")


def test_a_restarted_poller_goes_on_where_it_was(town: Town, server: Telegram) -> None:
    server.write(MARIE, "/help", chat=DIRECT)
    town.turn()
    town.open()
    server.write(MARIE, "/thaw", chat=DIRECT)
    town.turn()
    assert [one["text"][:8] for one in server.sent] == ["What I u", "To allow"]


@pytest.mark.parametrize("fault", ["drop", "502 Bad Gateway", "429:7", "garbage"])
def test_a_poll_that_fails_loses_nothing(town: Town, server: Telegram, fault: str) -> None:
    server.write(MARIE, "/help", chat=DIRECT)
    server.broken["getUpdates"] = [fault]
    error = deaf(town)
    assert error.rest == (7 if fault.startswith("429") else 0)
    town.turn()
    assert len(server.sent) == 1


def test_a_second_poller_is_named_and_left_time(town: Town, server: Telegram) -> None:
    server.broken["getUpdates"] = ["409 Conflict: terminated by other getUpdates request"]
    error = deaf(town)
    assert "somebody else polls this bot" in str(error)
    assert error.rest == 30


def test_an_edit_that_is_refused_for_a_while_comes_later_and_messages_wait_too(town: Town, server: Telegram) -> None:
    incident = town.find(severity=Severity.WARNING)
    town.speak()
    server.broken["editMessageText"] = ["429:30"]
    server.press(MARIE, town.card(incident), "Deny")
    town.hear()
    town.speak()
    asked = len(server.asked)
    town.find("ct202", severity=Severity.WARNING)
    for _ in range(25):
        town.speak()
    assert len(server.asked) == asked, "whoever was asked for a pause keeps it, for sends and edits alike"
    for _ in range(10):
        town.speak()
    assert "<b>yours</b>" in town.text(incident)
    assert any("ct202" in one["text"] for one in server.sent)


def test_a_server_in_trouble_gets_growing_pauses_between_edits(town: Town, server: Telegram) -> None:
    incident = town.find(severity=Severity.WARNING)
    town.speak()
    server.press(MARIE, town.card(incident), "Deny")
    town.hear()
    server.broken["editMessageText"] = ["500 Internal Server Error"] * 4
    for _ in range(40):
        town.speak()
    assert server.asked.count("editMessageText") == 5
    assert "<b>yours</b>" in town.text(incident)


def test_a_card_whose_message_was_deleted_is_posted_anew(town: Town, server: Telegram) -> None:
    incident = town.find(severity=Severity.WARNING)
    town.speak()
    first = town.card(incident)
    nonce = server.button(first, "Approve")
    del server.shown[first]
    steps.replan(incident.id, "", town.world.services)
    for _ in range(3):
        town.speak()
    second = town.card(incident)
    assert second != first
    assert nonce not in server.buttons(second).values()
    server.press(MARIE, second, "Approve")
    town.turn()
    assert len(town.plans) == 1


def test_an_hour_without_telegram_ends_with_true_cards_and_nothing_twice(town: Town, server: Telegram) -> None:
    before = town.find(severity=Severity.WARNING)
    town.speak()
    server.dead = True
    during = town.find("ct202", severity=Severity.WARNING)
    plan = town.world.ledger.plan_of(before.id)
    steps.approve(before.id, "operator", town.world.services, digest=plan.digest)
    town.carry(steps.dispatch(plan.id, town.world.services))
    outcome = {"plan": plan.id, "incident": before.id, "status": "success", "finished_at": town.world.now}
    town.carry(steps.settle(Outcome.model_validate(outcome), town.world.services))
    for _ in range(60):
        town.speak(seconds=60)
    assert len(server.sent) == 1
    told = [one.notices[0].event.incident for one in town.second.took]
    assert during.id in told
    assert told.count(during.id) == len({one.notices[0].id for one in town.second.took if one.text.count(during.id)})

    server.dead = False
    for _ in range(70):
        town.speak()
    assert "Executed: success" in town.text(before)
    assert "waiting for your word" in town.text(during)
    assert [town.card(one) for one in (before, during)] == [1, 2]
    assert len(server.sent) == 2, "each card once; what the second way had told is not told again"


def test_a_storm_of_500_is_one_digest_with_the_critical_first_within_the_limits(make: Make, server: Telegram) -> None:
    town = make(voice=Voice(digest_from=6))
    for number in range(500):
        severity = Severity.CRITICAL if number in (250, 400) else Severity.WARNING
        steps.notify(event(severity, number=number), town.voice)
    sent: list[tuple[float, int]] = []
    for second in range(120):
        known = len(server.calls)
        town.speak()
        sent += [(second, chat) for method, chat, _ in server.calls[known:] if method != "getChat"]
    assert [chat for _, chat in sent] == [DIRECT, DIRECT, GROUP]
    assert server.sent[2]["text"].startswith("498 messages:")


@pytest.mark.slow
def test_edits_never_take_what_a_group_may_have_in_a_minute(town: Town, server: Telegram) -> None:
    incidents = []
    for number in range(16):
        incidents.append(town.find(f"ct{200 + number}", severity=Severity.WARNING))
        for _ in range(5):
            town.speak()
    calls: list[float] = []
    start = town.world.now
    for _ in range(4):
        for incident in incidents:
            steps.replan(incident.id, "", town.world.services)
        known = len(server.calls)
        for _ in range(60):
            town.speak()
            at = (town.world.now - start).total_seconds()
            calls += [at] * len([1 for _, chat, _ in server.calls[known:] if chat == GROUP])
            known = len(server.calls)
    for _ in range(90):
        town.speak()
    windows = [sum(begin <= at < begin + 60 for at in calls) for begin in range(240)]
    assert 0 < max(windows) <= 20
    assert all("Delivered" in town.text(one) for one in incidents)


def test_a_reminder_of_what_was_decided_meanwhile_is_not_sent(town: Town, server: Telegram) -> None:
    incident = town.find(severity=Severity.WARNING)
    town.speak()
    town.world.now += timedelta(minutes=16)
    reminder = steps.remind(town.world.services)
    assert [one.type for one in reminder.notices] == ["plan.waiting"]
    steps.deny(incident.id, "operator", "", town.world.services)
    town.carry(steps.refresh_cards(town.world.services))
    town.carry(reminder)
    town.speak()
    assert len(server.sent) == 1


def test_a_reminder_replies_to_the_card(town: Town, server: Telegram) -> None:
    incident = town.find(severity=Severity.WARNING)
    town.speak()
    town.world.now += timedelta(minutes=16)
    town.speak()
    assert "still waiting for approval" in server.sent[1]["text"]
    assert str(town.card(incident)) in str(server.sent[1]["reply_parameters"])


def test_the_table_of_severities_and_quiet_hours_holds_for_cards_too(make: Make, server: Telegram) -> None:
    town = make(voice=Voice(quiet_hours="09:00-14:00", digest_from=6))
    table: dict[tuple[Severity, int], tuple[int, str] | None] = {
        # severity, hour: chat and silence; None: it waits. The group is silent for info, quiet hours are 9 to 14.
        (Severity.INFO, 8): (GROUP, "true"),
        (Severity.WARNING, 8): (GROUP, "false"),
        (Severity.CRITICAL, 8): (DIRECT, "false"),
        (Severity.INFO, 10): None,
        (Severity.WARNING, 10): None,
        (Severity.CRITICAL, 10): (DIRECT, "false"),
        (Severity.INFO, 14): (GROUP, "true"),
        (Severity.WARNING, 14): (GROUP, "false"),
        (Severity.CRITICAL, 14): (DIRECT, "false"),
    }
    for place, ((severity, hour), wanted) in enumerate(table.items()):
        town.world.now = town.world.now.replace(hour=hour, minute=place)
        known = len(server.sent)
        town.find(f"ct{200 + place}", severity=severity)
        town.speak()
        sent = server.sent[known:]
        got = (int(sent[0]["chat_id"]), str(sent[0].get("disable_notification", "false")).lower()) if sent else None
        assert got == wanted, (severity, hour)
        if hour == 10 and severity is Severity.CRITICAL:
            for notice in town.voice.mailbox.recent(50, waiting=True):
                town.voice.mailbox.delivered([notice.id], "test", "", town.world.now)
    assert all(one.state is State.AWAITING_APPROVAL for one in town.world.ledger.live())


def test_nobody_listens_where_telegram_is_not_there(make: Make, server: Telegram) -> None:
    server.dead = True
    with pytest.raises(ChannelError):
        make().hear()
