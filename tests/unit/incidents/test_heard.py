"""What humans press and write is checked where the ledger is: who, once, for the plan that was shown, in time."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from aiops import steps
from aiops.domain.event import Event
from aiops.domain.handover import Handover
from aiops.domain.incident import State
from aiops.domain.notice import Voice
from aiops.domain.remediation import Undo
from aiops.domain.severity import Severity
from aiops.domain.talk import Answer, Card, Press, Said, SignedSaid
from aiops.errors import LedgerBusyError
from tests.incident_world import RESTART, World, a_finding

MARIE, PAUL, STRANGER = 11, 22, 666
GROUP = -100200300


class Chat:
    """The deciding side, and the last card it has handed out for each incident."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        given = {
            "users": frozenset({MARIE, PAUL}),
            "periods": dict.fromkeys(("health", "disk"), timedelta(minutes=5)),
            "due": lambda now: {"health": now + timedelta(minutes=3)},
            **changes,
        }
        self.world = World(folder, decision="ask", **given)
        self.cards: dict[str, Card] = {}
        self.update = 1000

    def ask(self, **finding: Any) -> Card:
        """A finding, and the question that comes of it."""
        seen = self.world.finding(**finding)
        sweep = self.world.sweep(seen, hosts=[seen.host], name=f"sweep-{seen.host}")
        (verdict,) = steps.correlate(sweep, self.world.services).verdicts
        self.deliver(steps.authorise(verdict, self.world.services).notices)
        return self.cards[verdict.incident]

    def deliver(self, notices: tuple[Event, ...]) -> None:
        for notice in notices:
            card = Card.model_validate(notice.context["card"])
            self.cards[card.incident] = card

    def refresh(self) -> None:
        self.deliver(steps.refresh_cards(self.world.services).notices)

    def hear(self, said: Said) -> tuple[Answer, Handover]:
        handed = steps.heard(self.world.mouthpiece.sign_said(said), self.world.services)
        (answer,) = handed.answers
        return answer, handed

    def said(self, user: int, text: str, **more: Any) -> Said:
        self.update += 1
        given = {"update": self.update, "user": user, "chat": GROUP, "text": text, "at": self.world.now, **more}
        return Said.model_validate(given)

    def press(self, user: int, press: Press, card: Card, **more: Any) -> tuple[str, Handover]:
        (button,) = [one for one in card.buttons if one.press is press]
        said = self.said(user, button.nonce, callback="q1", **{"incident": card.incident, **more})
        answer, handed = self.hear(said)
        return answer.toast, handed

    def write(self, user: int, text: str, **more: Any) -> str:
        return self.hear(self.said(user, text, **more))[0].text

    def refusals(self) -> list[str]:
        return [line.who for line in self.world.ledger.audit() if line.what == "telegram refused"]


@pytest.fixture
def chat(tmp_path: Path) -> Chat:
    return Chat(tmp_path)


def test_a_press_approves_through_the_step_of_the_command_and_hands_the_signed_plan_on(chat: Chat) -> None:
    card = chat.ask()
    toast, handed = chat.press(MARIE, Press.APPROVE, card)
    assert "Approved: restart_service on ct201" in toast
    (signed,) = handed.plans
    approved = chat.world.verifier.verify(signed)
    assert (approved.approval.by, approved.approval.mode) == (f"telegram:{MARIE}", "human")
    assert approved.approval.plan_digest == card.plan.digest if card.plan else False
    assert chat.world.only().state is State.REMEDIATING


def test_a_stranger_decides_nothing_and_is_written_down(chat: Chat) -> None:
    card = chat.ask()
    toast, handed = chat.press(STRANGER, Press.APPROVE, card)
    assert f"your number is {STRANGER}" in toast
    assert not handed.plans
    assert chat.world.only().state is State.AWAITING_APPROVAL
    assert chat.refusals() == [f"telegram:{STRANGER}"]
    assert "Approved" in chat.press(MARIE, Press.APPROVE, card)[0], "the stranger has not used it up"


def test_the_second_of_two_taps_is_refused_and_says_who_was_first(chat: Chat) -> None:
    card = chat.ask()
    chat.press(MARIE, Press.APPROVE, card)
    toast, handed = chat.press(PAUL, Press.APPROVE, card)
    assert toast == f"Already used, by telegram:{MARIE}."
    assert not handed.plans


def test_the_same_update_again_gets_the_same_answer_and_does_nothing(chat: Chat) -> None:
    card = chat.ask()
    (button,) = [one for one in card.buttons if one.press is Press.APPROVE]
    said = chat.said(MARIE, button.nonce, callback="q1", incident=card.incident)
    first, handed = chat.hear(said)
    again, nothing = chat.hear(said)
    assert again == first
    assert handed.plans
    assert not nothing.plans


def test_one_says_yes_and_the_other_no_and_the_first_counts(chat: Chat) -> None:
    card = chat.ask()
    chat.press(PAUL, Press.DENY, card)
    toast, handed = chat.press(MARIE, Press.APPROVE, card)
    assert toast.startswith("Nothing to decide")
    assert not handed.plans
    assert chat.world.only().state is State.ESCALATED


def test_a_plan_that_was_made_anew_is_not_approved_by_the_old_card(chat: Chat) -> None:
    card = chat.ask()
    chat.world.later(seconds=60)
    steps.replan(card.incident, "", chat.world.services)
    toast, handed = chat.press(MARIE, Press.APPROVE, card)
    assert toast == "The plan is another one now. Look at the card again."
    assert not handed.plans
    chat.refresh()
    assert chat.press(MARIE, Press.APPROVE, chat.cards[card.incident])[1].plans


def test_after_its_time_a_button_is_dead(chat: Chat) -> None:
    card = chat.ask()
    chat.world.later(seconds=3601)
    toast, handed = chat.press(MARIE, Press.APPROVE, card)
    assert toast.startswith("Too late: that was good until 13:00 UTC")
    assert not handed.plans


def test_a_button_of_another_card_or_of_nobody_is_refused(chat: Chat) -> None:
    card, other = chat.ask(), chat.ask(host="ct202")
    assert chat.press(MARIE, Press.APPROVE, card, incident=other.incident)[0].startswith("That card is about")
    invented = chat.said(MARIE, "A" * 32, callback="q1", incident=card.incident)
    assert chat.hear(invented)[0].toast.startswith("That button is not mine")
    assert chat.world.ledger.approval(card.plan.id if card.plan else "") is None


def test_nothing_is_approved_while_frozen_and_the_card_gets_a_new_button(chat: Chat) -> None:
    card = chat.ask()
    steps.freeze("operator", "moving house", chat.world.services)
    assert chat.press(MARIE, Press.APPROVE, card)[0].startswith("Everything is frozen")
    steps.thaw("operator", chat.world.services)
    chat.refresh()
    assert chat.press(MARIE, Press.APPROVE, chat.cards[card.incident])[1].plans


def test_a_destructive_plan_needs_the_hosts_name_typed_by_the_one_who_pressed(tmp_path: Path) -> None:
    fatal = RESTART.model_copy(update={"destructive": True, "approval": "human"})
    chat = Chat(tmp_path, catalogue={"restart_service": fatal})
    card = chat.ask()
    toast, handed = chat.press(MARIE, Press.APPROVE, card)
    assert "Reply to this card with the host's name" in toast
    assert not handed.plans
    reply: dict[str, Any] = {"incident": card.incident, "about": 7}
    assert chat.write(PAUL, "ct201", **reply).startswith(card.incident), "from somebody else it is a question"
    assert chat.write(MARIE, "ct210", **reply).startswith("That is not the host's name")
    answer, handed = chat.hear(chat.said(MARIE, "ct201", **reply))
    assert answer.text.startswith("Approved")
    assert chat.world.verifier.verify(handed.plans[0]).approval.typed == "ct201"
    assert not chat.hear(chat.said(MARIE, "ct201", **reply))[1].plans


def test_a_typed_name_that_comes_too_late_is_a_question(tmp_path: Path) -> None:
    chat = Chat(tmp_path, catalogue={"restart_service": RESTART.model_copy(update={"destructive": True})})
    card = chat.ask()
    chat.press(MARIE, Press.APPROVE, card)
    chat.world.later(seconds=601)
    answer, handed = chat.hear(chat.said(MARIE, "ct201", incident=card.incident))
    assert not handed.plans
    assert "health saw service.dead" in answer.text


def test_why_and_a_reply_are_answered_from_the_record(chat: Chat) -> None:
    card = chat.ask()
    (button,) = [one for one in card.buttons if one.press is Press.WHY]
    answer, _ = chat.hear(chat.said(PAUL, button.nonce, callback="q9", incident=card.incident))
    assert "health saw service.dead on ct201" in answer.text
    assert answer.text == chat.write(MARIE, "what happened here?", incident=card.incident)


def test_snooze_puts_reminders_off_and_says_so_on_the_card(chat: Chat) -> None:
    card = chat.ask()
    assert chat.press(MARIE, Press.SNOOZE, card)[0] == "No reminders until 13:00 UTC."
    chat.refresh()
    assert chat.cards[card.incident].snoozed_until
    chat.world.later(minutes=50)
    assert not steps.remind(chat.world.services).notices


def test_undo_makes_a_plan_of_its_own_that_needs_its_own_approval(tmp_path: Path) -> None:
    back = RESTART.model_copy(update={"id": "undo_it", "fixes": (), "params": {}, "approval": "human"})
    repair = RESTART.model_copy(update={"undo": Undo(playbook="undo_it")})
    chat = Chat(tmp_path, catalogue={"restart_service": repair, "undo_it": back})
    card = chat.ask()
    chat.press(MARIE, Press.APPROVE, card)
    steps.settle(chat.world.outcome("success"), chat.world.services)
    steps.close(chat.world.sweep(incident=card.incident), chat.world.services)
    chat.refresh()
    repaired = chat.cards[card.incident]
    assert (repaired.state, repaired.plan.executed if repaired.plan else "") == (State.RESOLVED, "success")
    toast, handed = chat.press(MARIE, Press.UNDO, repaired)
    assert "It needs its own approval" in toast
    chat.deliver(handed.notices)
    (undoing,) = [one for one in chat.cards.values() if one.incident != card.incident]
    assert chat.press(PAUL, Press.APPROVE, undoing)[1].plans


def test_a_full_disk_takes_the_press_back_whole(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    card = chat.ask()

    def full(*_: object) -> None:
        raise LedgerBusyError("incidents.sqlite", "disk is full", "Free space.")

    with monkeypatch.context() as broken:
        broken.setattr(chat.world.ledger, "keep_answer", full)
        with pytest.raises(LedgerBusyError):
            chat.press(MARIE, Press.APPROVE, card)
    assert chat.world.only().state is State.AWAITING_APPROVAL
    assert chat.press(MARIE, Press.APPROVE, card)[1].plans


def test_no_published_event_carries_a_button(chat: Chat) -> None:
    card = chat.ask()
    chat.press(MARIE, Press.APPROVE, card)
    published = str([event.model_dump() for event in chat.world.events.events])
    assert card.plan
    assert card.plan.digest in published
    assert not [one for one in card.buttons if one.nonce in published]


def test_where_nobody_is_listed_there_are_no_cards(tmp_path: Path) -> None:
    world = World(tmp_path, decision="ask")
    (verdict,) = steps.correlate(world.sweep(a_finding()), world.services).verdicts
    (notice,) = steps.authorise(verdict, world.services).notices
    assert "card" not in notice.context
    assert not steps.refresh_cards(world.services).notices


def test_a_card_moves_on_with_its_incident_and_only_then(chat: Chat) -> None:
    card = chat.ask()
    chat.refresh()
    assert chat.cards[card.incident] == card
    chat.press(MARIE, Press.APPROVE, card)
    chat.refresh()
    after = chat.cards[card.incident]
    assert (after.state, after.seq) == (State.REMEDIATING, card.seq + 1)
    assert after.plan
    assert (after.plan.approved_by, after.plan.executed) == (f"telegram:{MARIE}", "")
    assert {one.press for one in after.buttons} == {Press.WHY}
    steps.settle(chat.world.outcome("success"), chat.world.services)
    chat.refresh()
    after = chat.cards[card.incident]
    assert after.plan
    assert after.plan.executed == "success"


def test_an_edition_that_the_voice_has_not_taken_is_handed_over_again(chat: Chat) -> None:
    card = chat.ask()
    chat.world.later(seconds=1)
    chat.press(MARIE, Press.APPROVE, card)
    chat.refresh()
    chat.world.later(voice=False, seconds=90)
    kept = steps.sweep_up(chat.world.services).notices
    assert [one.context["card"]["seq"] for one in kept if one.type == "card.changed"] == [card.seq + 1]


def test_secrets_of_a_host_are_on_no_card(chat: Chat) -> None:
    card = chat.ask(
        summary="<b>cron.service</b> died: password=hunter2hunter2",
        evidence={"log": ["line", "token: ghp_abcdefghijklmnopqrstuvwxyz0123"]},
    )
    assert "hunter2" not in card.model_dump_json()
    assert "ghp_" not in card.model_dump_json()
    assert "[secret]" in "".join(card.evidence)


REMINDED: dict[tuple[Severity, str], list[int]] = {
    (Severity.WARNING, ""): [15, 45],
    (Severity.CRITICAL, ""): [15, 45],
    (Severity.WARNING, "13:00-13:40"): [40],
    (Severity.CRITICAL, "13:00-13:40"): [15, 45],
}
"""Severity and quiet hours (it is 13:00 in Paris): the minutes of an hour at which a waiting plan is said again."""


@pytest.mark.parametrize(("case", "minutes"), REMINDED.items(), ids=str)
def test_reminders_back_off_and_respect_quiet_hours(
    tmp_path: Path, case: tuple[Severity, str], minutes: list[int]
) -> None:
    severity, quiet = case
    chat = Chat(tmp_path, voice=Voice(quiet_hours=quiet), timezone="Europe/Paris")
    chat.ask(severity=severity)
    said = []
    for minute in range(1, 60):
        chat.world.later(minutes=1)
        said += [minute for notice in steps.remind(chat.world.services).notices if notice.type == "plan.waiting"]
    assert said == minutes


def test_nobody_is_reminded_of_what_was_decided(chat: Chat) -> None:
    card = chat.ask()
    chat.press(MARIE, Press.DENY, card)
    chat.refresh()
    chat.world.later(hours=2)
    assert not steps.remind(chat.world.services).notices


COMMANDS: dict[str, str] = {
    "/help": "What I understand:",
    "/incidents": "critical, waiting for your word: ",
    "/incidents ct202": "No incident is open.",
    "/incidents@hermes_bot ct201": "critical, waiting for your word: ",
    "/incidents a b": "I do not understand /incidents a b. Write: /incidents [HOST]",
    "/incidents nowhere": "It did not work: there is no host 'nowhere'.",
    "/show": "Write: /show INCIDENT",
    "/show inc-nothing": "It did not work: there is no incident",
    "/show look-1": "There is no finished sweep look-1.",
    "/audit": "Write: /audit HOST",
    "/audit ct201": "there is no playbook 'audit_host'",
    "/decommission": "Write: /decommission HOST",
    "/commission a b c": "Write: /commission HOST [NAME]",
    "/thaw now": "Refused (code)",
    "/thaw right now": "Write: /thaw, then /thaw CODE",
    "/thaw": "To allow repairs again write /thaw ",
    "/report": "incidents seen: 1",
    "/report please": "Write: /report",
    "/schedule": "health: last 11-23 12:00, 1 findings, 0 blind; next 11-23 12:03 UTC",
    "/reboot ct201": "There is no command /reboot. /help lists them.",
    "/": "There is no command /.",
    "hello": "I understand commands, and replies to cards.",
}


@pytest.mark.parametrize(("text", "says"), COMMANDS.items(), ids=str)
def test_every_command_gets_a_clear_answer(chat: Chat, text: str, says: str) -> None:
    chat.ask()
    chat.world.later(seconds=1)
    assert says in chat.write(MARIE, text)


def test_a_look_is_a_patrol_with_the_name_that_was_answered(chat: Chat) -> None:
    answer, handed = chat.hear(chat.said(MARIE, "/sweep disk ct201"))
    (wanted,) = handed.patrols
    assert (wanted.guardians, wanted.hosts, wanted.by) == (("disk",), ("ct201",), f"telegram:{MARIE}")
    assert wanted.sweep in answer.text
    (wanted,) = chat.hear(chat.said(MARIE, "/health_check"))[1].patrols
    assert (wanted.guardians, wanted.hosts) == (("health",), ())


@pytest.mark.parametrize("word", ["audit", "commission", "decommission"])
def test_a_playbook_that_is_asked_for_goes_the_way_of_aiops_request(tmp_path: Path, word: str) -> None:
    playbook = {"audit": "audit_host"}.get(word, word)
    param = RESTART.params["unit"].model_copy(update={"pattern": "ct201"})
    asked = RESTART.model_copy(
        update={"id": playbook, "fixes": (), "params": {"name": param} if word == "commission" else {}}
    )
    chat = Chat(tmp_path, catalogue={playbook: asked})
    answer, handed = chat.hear(chat.said(MARIE, f"/{word} ct201"))
    assert f"{playbook} on ct201" in answer.text
    chat.deliver(handed.notices)
    (card,) = chat.cards.values()
    assert card.state is State.AWAITING_APPROVAL


def test_freeze_and_thaw_from_the_phone(chat: Chat) -> None:
    assert f"Frozen by telegram:{MARIE}" in chat.write(MARIE, "/freeze moving house")
    assert "moving house" in chat.world.ledger.frozen()
    code = chat.write(PAUL, "/thaw").split("/thaw ")[1].split()[0]
    assert chat.world.ledger.frozen(), "a message that was only put into the queue lifts nothing"
    assert chat.write(PAUL, "/thaw 12345678").startswith("Refused (code)")
    assert chat.write(MARIE, f"/thaw {code}").startswith("Refused (code)"), "the code is Paul's"
    assert "allowed again" in chat.write(PAUL, f"/thaw {code}")
    assert not chat.world.ledger.frozen()
    steps.freeze("operator", "again", chat.world.services)
    assert chat.write(PAUL, f"/thaw {code}").startswith("Refused (code)"), "it was good once"
    code = chat.write(PAUL, "/thaw").split("/thaw ")[1].split()[0]
    chat.world.later(minutes=11)
    assert chat.write(PAUL, f"/thaw {code}").startswith("Refused (code)")


def test_what_was_written_long_ago_is_not_done_any_more(chat: Chat) -> None:
    steps.freeze("operator", "moving house", chat.world.services)
    said = chat.said(MARIE, "/thaw", sent_at=chat.world.now)
    chat.world.later(minutes=16)
    assert chat.hear(said)[0].text.startswith("Too late")
    assert chat.world.ledger.frozen()


def forged(chat: Chat, way: str) -> SignedSaid:
    said = chat.said(MARIE, "/freeze says who?")
    signed = chat.world.mouthpiece.sign_said(said)
    plans = chat.world.services.signer
    ways = {
        "nothing signed": SignedSaid.model_validate(said.model_dump(mode="json")),
        "no signature": signed.model_copy(update={"signature": ""}),
        "other words": signed.model_copy(update={"payload": signed.payload.replace("says who?", "says me!")}),
        "the key of plans": signed.model_copy(
            update={"signature": plans.sign_text("aiops heard words", signed.payload), "key": plans.key}
        ),
        "another purpose": signed.model_copy(
            update={"signature": chat.world.mouthpiece.sign_text("aiops approved plan", signed.payload)}
        ),
        "more than was said": signed.model_copy(
            update={
                "payload": (more := signed.payload[:-1] + ',"z":1}'),
                "signature": chat.world.mouthpiece.sign_text("aiops heard words", more),
            }
        ),
    }
    return ways[way]


@pytest.mark.parametrize(
    "way",
    ["nothing signed", "no signature", "other words", "the key of plans", "another purpose", "more than was said"],
)
def test_words_that_our_ears_did_not_sign_are_refused_and_said(chat: Chat, way: str) -> None:
    handed = steps.heard(forged(chat, way), chat.world.services)
    assert not chat.world.ledger.frozen()
    assert handed == Handover(notices=handed.notices)
    (told,) = handed.notices
    assert (told.type, told.severity) == ("voice.forged", Severity.CRITICAL)
    assert "who?" not in told.symptom
    assert [one.type for one in chat.world.events.events] == ["voice.forged"]
    assert [line.who for line in chat.world.ledger.audit() if line.what == "words forged"] == ["unknown"]


def test_a_flood_of_forged_words_is_one_message_an_hour(chat: Chat) -> None:
    def told() -> int:
        return len(steps.heard(forged(chat, "no signature"), chat.world.services).notices)

    assert [told() for _ in range(20)] == [1, *[0] * 19]
    assert len(chat.world.events.events) == 20
    assert len([line for line in chat.world.ledger.audit() if line.what == "words forged"]) == 1
    chat.world.later(minutes=61)
    assert told() == 1


def test_without_a_key_of_the_ears_nobody_is_believed(tmp_path: Path) -> None:
    chat = Chat(tmp_path / "deaf", hearing=None)
    signed = chat.world.mouthpiece.sign_said(chat.said(MARIE, "/freeze"))
    (told,) = steps.heard(signed, chat.world.services).notices
    assert "keys.heard" in told.symptom
    assert not chat.world.ledger.frozen()


def test_a_copied_message_does_nothing_a_second_time_however_late(chat: Chat) -> None:
    signed = chat.world.mouthpiece.sign_said(chat.said(MARIE, "/freeze moving house", sent_at=chat.world.now))
    first = steps.heard(signed, chat.world.services)
    steps.thaw("operator", chat.world.services)
    assert steps.heard(signed, chat.world.services).answers == first.answers
    chat.world.later(days=8)
    chat.write(MARIE, "/help")  # answers older than a week are forgotten with this one
    (late,) = steps.heard(signed, chat.world.services).answers
    assert late.text.startswith("Too late")
    assert not chat.world.ledger.frozen()


@pytest.mark.parametrize("text", ["/thaw", "/freeze", "/sweep", "/incidents", "hello"])
def test_no_command_of_a_stranger_is_done(chat: Chat, text: str) -> None:
    chat.ask()
    answer, handed = chat.hear(chat.said(STRANGER, text))
    assert f"your number is {STRANGER}" in answer.text
    assert handed == Handover(answers=(answer,))
    assert not chat.world.ledger.frozen()
