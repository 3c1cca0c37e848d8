"""The mailbox keeps every message until it has arrived."""

from datetime import timedelta
from pathlib import Path

from aiops.adapters.mailbox import KEPT, SqliteMailbox
from aiops.domain.notice import Notice
from tests.voice.notices import NOW, event


def test_a_message_is_kept_once_and_survives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "mailbox.sqlite"
    first = SqliteMailbox(path)
    notice = Notice.of(event(), NOW)
    assert first.put(notice)
    assert not first.put(notice)
    first.close()
    assert SqliteMailbox(path).due(NOW) == [notice]


def test_what_is_held_is_not_due_before_its_time(tmp_path: Path) -> None:
    mailbox = SqliteMailbox(tmp_path / "mailbox.sqlite")
    mailbox.put(Notice.of(event(), NOW + timedelta(hours=3)))
    assert not mailbox.due(NOW)
    assert len(mailbox.due(NOW + timedelta(hours=3))) == 1


def test_a_failure_is_counted_and_waits_but_the_first_moment_is_kept(tmp_path: Path) -> None:
    mailbox = SqliteMailbox(tmp_path / "mailbox.sqlite")
    notice = Notice.of(event(), NOW)
    mailbox.put(notice)
    mailbox.failed([notice.id], "it is down", NOW + timedelta(seconds=8))
    assert not mailbox.due(NOW + timedelta(seconds=7))
    (again,) = mailbox.due(NOW + timedelta(seconds=8))
    assert (again.attempts, again.reason, again.due_at) == (1, "it is down", NOW)


def test_what_has_arrived_is_remembered_for_a_month(tmp_path: Path) -> None:
    mailbox = SqliteMailbox(tmp_path / "mailbox.sqlite")
    old, new = Notice.of(event(), NOW), Notice.of(event(number=1), NOW)
    mailbox.put(old)
    mailbox.put(new)
    mailbox.delivered([old.id], "telegram", "17", NOW)
    assert [one.id for one in mailbox.recent(10, waiting=True)] == [new.id]
    (kept,) = [one for one in mailbox.recent(10) if one.id == old.id]
    assert (kept.channel, kept.receipt, kept.delivered_at) == ("telegram", "17", NOW)
    mailbox.delivered([new.id], "telegram", "18", NOW + KEPT + timedelta(seconds=1))
    assert [one.id for one in mailbox.recent(10)] == [new.id]
